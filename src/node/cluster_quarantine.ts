/**
 * Cluster quarantine: a volume that could not be recovered says so in the PIJ directory, beside the journals
 * that are kept for it. Nobody of the cluster mounts it until a person has taken the register away.
 */
import { CohortError } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";

/** What may be wrong with a volume or its journals, so that recovering it again would find the same. */
const HOPELESS: ReadonlySet<string> = new Set(["JOURNAL_GAP", "CORRUPT", "FORMAT_NEWER", "NOT_A_VOLUME"]);

/** Whether a recovery that failed so ends with a quarantine, and the other volumes go on. */
export function isHopeless(error: unknown): error is CohortError {
  return error instanceof CohortError && HOPELESS.has(error.code);
}

function pathOf(pij: string, volumeId: string): string {
  return `${pij}/quarantine.${volumeId}`;
}

/** Notes why; the first cause stays. */
export async function putQuarantine(
  storage: Storage,
  pij: string,
  volumeId: string,
  directory: string,
  cause: string,
): Promise<void> {
  const text = JSON.stringify({ directory, cause });
  await storage.createRegister(pathOf(pij, volumeId), new TextEncoder().encode(text));
}

/** Whether a volume could not be recovered. */
export async function isQuarantined(storage: Storage, pij: string, volumeId: string): Promise<boolean> {
  return await storage.readRegister(pathOf(pij, volumeId)) !== undefined;
}

/** Rejects `QUARANTINED`, with the cause and the remedy, for a volume that could not be recovered. */
export async function refuseQuarantined(
  storage: Storage,
  pij: string,
  volumeId: string,
  directory: string,
): Promise<void> {
  const path = pathOf(pij, volumeId);
  const bytes = await storage.readRegister(path);
  if (bytes === undefined) return;
  const text = `Mount ${directory}: it could not be recovered (${causeIn(bytes)}); ` +
    `its journals are kept; when it is mended, or restored, remove ${path}`;
  throw new CohortError("QUARANTINED", text, { path: directory, register: path });
}

function causeIn(bytes: Uint8Array): string {
  try {
    return String(Object(JSON.parse(new TextDecoder().decode(bytes))).cause);
  } catch {
    return "its register cannot be read";
  }
}
