/**
 * Cluster quarantine: a volume that could not be recovered says so in the PIJ directory, beside the journals
 * that are kept for it. Nobody of the cluster mounts it until a person has taken the register away, and then
 * what the journals hold of it has been applied: until it is, another register says that the volume is owed
 * that.
 */
import { CohortError } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";

/** What may be wrong with a volume or its journals, so that recovering it again would find the same. */
const HOPELESS: ReadonlySet<string> = new Set([
  "JOURNAL_GAP",
  "CORRUPT",
  "FORMAT_NEWER",
  "NOT_A_VOLUME",
  "NOT_FOUND",
]);

/** Whether a recovery that failed so ends with a quarantine, and the other volumes go on. */
export function isHopeless(error: unknown): error is CohortError {
  return error instanceof CohortError && HOPELESS.has(error.code);
}

/** Names of the registers begin so. */
const QUARANTINE = "quarantine.", OWED = "owed.";

function pathOf(pij: string, volumeId: string): string {
  return `${pij}/${QUARANTINE}${volumeId}`;
}

function owedPathOf(pij: string, volumeId: string): string {
  return `${pij}/${OWED}${volumeId}`;
}

/** Notes why; the first cause stays. */
export async function putQuarantine(
  storage: Storage,
  pij: string,
  volumeId: string,
  directory: string,
  cause: string,
): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify({ directory, cause }));
  await storage.createRegister(owedPathOf(pij, volumeId), bytes);
  await storage.createRegister(pathOf(pij, volumeId), bytes);
}

/** All that journals hold of a volume is in it. */
export async function forgetOwed(storage: Storage, pij: string, volumeId: string): Promise<void> {
  await storage.remove(owedPathOf(pij, volumeId));
}

/** A volume of which journals hold something that it lacks. */
export interface OwedVolume {
  readonly volumeId: string;
  /** Where it lies. */
  readonly directory: string;
}

/**
 * The volumes that were set aside once, and that a person has let in again since. One list, one read each.
 */
export async function owedVolumes(storage: Storage, pij: string): Promise<OwedVolume[]> {
  const names = new Set(await storage.list(pij));
  const owed: OwedVolume[] = [];
  for (const name of names) {
    const volumeId = name.startsWith(OWED) ? name.slice(OWED.length) : "";
    if (volumeId === "" || names.has(`${QUARANTINE}${volumeId}`)) continue;
    const bytes = await storage.readRegister(`${pij}/${name}`);
    const directory = bytes === undefined ? undefined : said(bytes)["directory"];
    if (typeof directory === "string") owed.push({ volumeId, directory });
  }
  return owed;
}

/** Whether a volume could not be recovered. */
export async function isQuarantined(storage: Storage, pij: string, volumeId: string): Promise<boolean> {
  return await storage.readRegister(pathOf(pij, volumeId)) !== undefined;
}

/**
 * What whoever would use a volume that could not be recovered is told; undefined for any other. Two reads.
 */
export async function quarantineOf(
  storage: Storage,
  pij: string,
  volumeId: string,
  directory: string,
): Promise<CohortError | undefined> {
  const path = pathOf(pij, volumeId);
  const bytes = await storage.readRegister(path);
  if (bytes !== undefined) {
    const text =
      `Mount ${directory}: it could not be recovered (${causeIn(bytes)}); its journals are kept; ` +
      `when it is mended, or restored, remove ${path}, then ${RESTART}`;
    return new CohortError("QUARANTINED", text, { path: directory, register: path });
  }
  const owed = owedPathOf(pij, volumeId);
  if (await storage.readRegister(owed) === undefined) return undefined;
  const text = `Mount ${directory}: what journals hold of it is to be applied first: ${RESTART}`;
  return new CohortError("QUARANTINED", text, { path: directory, register: owed, isOwed: true });
}

/** What lets a volume be recovered again. */
const RESTART = "start each member anew that had it mounted when it was set aside";

function said(bytes: Uint8Array): Record<string, unknown> {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
}

function causeIn(bytes: Uint8Array): string {
  const { cause } = said(bytes);
  return cause === undefined ? "its register cannot be read" : String(cause);
}
