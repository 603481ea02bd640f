/** The chain of claims as a directory shows it, and the records in it. */
import { isCode } from "../ground/errors.ts";
import type { Observer, Storage } from "../ports/mod.ts";
import { isLeaseName } from "./claim_lease.ts";
import { claimName, claimNumber, type ClaimRecord, decodeClaim, isReaderName } from "./claim_record.ts";

/** What lies in the directory of a volume besides it. */
export interface Chain {
  /** Number of the newest claim; 0 when there is none. */
  readonly newest: number;
  /** Number of the claim before it; 0 when there is none. */
  readonly second: number;
  /** Numbers of all claims, falling. */
  readonly numbers: readonly number[];
  /** Names of the readers' registers. */
  readonly readers: readonly string[];
  /** Names of the leases. */
  readonly leases: readonly string[];
}

/** A record with the bytes it was decoded from. */
export interface StoredClaim {
  readonly bytes: Uint8Array;
  readonly record: ClaimRecord;
}

/** Reads what there is in `directory`. */
export async function readChain(storage: Storage, directory: string): Promise<Chain> {
  const names = await storage.list(directory);
  const numbers = names.map(claimNumber).filter((number) => number !== undefined).sort((a, b) => b - a);
  return {
    newest: numbers[0] ?? 0,
    second: numbers[1] ?? 0,
    numbers,
    readers: names.filter(isReaderName),
    leases: names.filter(isLeaseName),
  };
}

/** Reads one record; undefined when it is not there (any more). Rejects with `CORRUPT` or `FORMAT_NEWER`. */
export async function readClaim(
  storage: Storage,
  directory: string,
  name: string,
  number: number,
): Promise<StoredClaim | undefined> {
  const path = `${directory}/${name}`;
  const bytes = await storage.readRegister(path);
  return bytes === undefined ? undefined : { bytes, record: decodeClaim(bytes, path, number) };
}

/** Whether two registers hold the same bytes, or are both missing. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/**
 * Whether the register at `path` still reads as it did (there was none: always). Without the sync of
 * `readRegister`,
 * because a register was created in the directory since.
 */
export async function isUnchanged(
  storage: Storage,
  path: string,
  seen: Uint8Array | undefined,
): Promise<boolean> {
  if (seen === undefined) return true;
  try {
    const file = await storage.openStream(path, { access: "read" });
    try {
      const found = new Uint8Array(seen.length);
      if (await file.size() !== seen.length || await file.read(0, found) !== seen.length) return false;
      return sameBytes(seen, found);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isCode(error, "NOT_FOUND")) return false;
    throw error;
  }
}

/** Removes the claims up to `upTo` and some leases; litter that stays does no harm, and is told. */
export async function purgeChain(
  storage: Storage,
  directory: string,
  upTo: number,
  leases: readonly string[],
  observer: Observer | undefined,
): Promise<void> {
  try {
    const { numbers } = await readChain(storage, directory);
    const names = numbers.filter((number) => number <= upTo).map(claimName);
    for (const name of [...names, ...leases]) await storage.remove(`${directory}/${name}`);
  } catch (error) {
    observer?.event("claim.purge_failed", "warn", { path: directory, error: String(error) });
  }
}
