/**
 * A process, Worker or reloaded program that holds a volume and writes to it, for the plays of claims.
 *
 * Each life writes its number into every block, over and over, through the claim's gate; the life after it
 * does the same, so a block that bears an older number than the volume's present holder was written by
 * someone who should have stopped. Says what happens as lines of JSON.
 */
import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import process from "node:process";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { BlockWrite, Gate, VolumeFile } from "../../src/ports/mod.ts";
import { acquireClaim, type Claim } from "../../src/storage/claim.ts";

/** Blocks of the volume that the plays write to. */
export const BLOCKS = 64;
/** Bytes of a block. */
export const BLOCK_BYTES = 8192;

/** What a holder is told. */
export interface HolderOptions {
  readonly directory: string;
  readonly journals: string;
  /** Number that this life writes into every block. */
  readonly life: number;
  readonly leaseMs?: number;
  readonly mode?: "private" | "read";
  readonly confirmGone?: string | boolean;
}

/** A volume held and written to. */
export interface Holder {
  readonly claim: Claim;
  /** Ends the writing and gives the volume back. */
  end(): Promise<void>;
  /** Resolves when a write was refused because another node took over. */
  readonly fenced: Promise<void>;
}

/** Claims, waits out what is busy no longer than `patienceMs`, and starts to write. */
export async function hold(options: HolderOptions): Promise<Holder> {
  const storage = createFileStorage({});
  const clock = createSystemClock();
  const nonce = randomBytes(16).toString("hex");
  const journalDirectory = `${options.journals}/${nonce}`;
  const journalGate = await storage.fence.openGate(journalDirectory, nonce);
  const { directory, mode = "private", leaseMs = 1000, confirmGone = false } = options;
  let claim: Claim;
  try {
    claim = await acquireClaim({
      storage,
      clock,
      directory,
      mode,
      owner: await storage.fence.identify(nonce),
      journalDirectory,
      leaseMs,
      confirmGone,
    });
  } catch (error) {
    journalGate.close();
    throw error;
  }
  await claim.recovered();
  const access = mode === "read" ? "read" : "write";
  const volume = await storage.openVolume(`${directory}/cohort.dat`, { blockSize: BLOCK_BYTES, access });
  let ending = false;
  const writing = mode === "read"
    ? Promise.resolve()
    : writeOn(volume, claim.gate, options.life, () => ending);
  return {
    claim,
    fenced: writing.then((ended) => ended === "fenced" ? undefined : new Promise<void>(() => {})),
    end: async () => {
      ending = true;
      await writing;
      await claim.release();
      await volume.close();
      journalGate.close();
      await storage.close();
    },
  };
}

/** Writes the whole volume again and again until it is told to end, or refused. */
async function writeOn(
  volume: VolumeFile,
  gate: Gate,
  life: number,
  isEnding: () => boolean,
): Promise<"ended" | "fenced"> {
  const bytes = new Uint8Array(BLOCK_BYTES);
  new DataView(bytes.buffer).setUint32(0, life, true);
  const set: BlockWrite[] = Array.from({ length: BLOCKS }, (_, block) => ({ block, bytes }));
  while (!isEnding()) {
    if (!gate.enter()) return "fenced";
    try {
      await volume.write(set);
    } finally {
      gate.leave();
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return "ended";
}

/** Says one thing: to standard output, or to a file that outlives the process. */
export function say(fact: Record<string, unknown>, file?: string): void {
  const line = `${JSON.stringify(fact)}\n`;
  if (file === undefined) process.stdout.write(line);
  else appendFileSync(file, line);
}

/** An error as a fact. */
export function refusalFact(error: unknown): Record<string, unknown> {
  if (!(error instanceof CohortError)) throw error;
  return { what: "refused", code: error.code, message: error.message, nonce: error.facts["nonce"] };
}
