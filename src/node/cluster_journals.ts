/**
 * Cluster journals: what the cluster journal log says, held against the files that there are. Changes
 * nothing; may be asked while members go on.
 */
import { journalLogOf, removeJournalLog } from "../cluster/journal_log.ts";
import { type LoggedJournal, type LoggedJournals, readJournalLogs } from "../cluster/journal_log_read.ts";
import { CohortError } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";
import { segmentNumber } from "../storage/journal_segment.ts";
import { isMountName } from "./mount_registers.ts";

/** A file of which log and directory do not say the same. */
export interface JournalDisagreement {
  /** Directory of the journal. */
  readonly journal: string;
  /** Number of the segment. */
  readonly segment: number;
  /** `unnamed`: it is there, and the log does not name it; `missing`: the log says that it must be there. */
  readonly what: "unnamed" | "missing";
}

/** The journals of a cluster. */
export interface ClusterJournals extends LoggedJournals {
  /** Directories of journals that no log names: of nodes that never were members. */
  readonly unlogged: readonly string[];
  readonly disagreements: readonly JournalDisagreement[];
}

/** Looks at the journals of the cluster in a PIJ directory. */
export async function lookAtJournals(storage: Storage, pij: string): Promise<ClusterJournals> {
  // Files come and go meanwhile: what both looks found was there when the log was read.
  const before = await filesOf(storage, `${pij}/journals`);
  const logged = await readJournalLogs(storage, pij);
  const after = await filesOf(storage, `${pij}/journals`);
  const named = new Map(logged.journals.map((it) => [it.incarnation, it]));
  const disagreements: JournalDisagreement[] = [];
  const unlogged: string[] = [];
  for (const [incarnation, first] of before) {
    const second = after.get(incarnation);
    if (second === undefined) continue;
    const log = named.get(incarnation);
    if (log !== undefined) {
      disagreements.push(...disagreementsOf(log, first, second, await isNeeded(storage, log.journal)));
    } else if (first.size > 0) unlogged.push(`${pij}/journals/${incarnation}`);
  }
  // A log outlives its journal for a while, until the master looks.
  const journals = logged.journals.filter(({ incarnation: it }) => before.has(it) || after.has(it));
  return { ...logged, journals, unlogged, disagreements };
}

/** Numbers of the segments by incarnation; no entry for one whose directory is gone. */
async function filesOf(storage: Storage, base: string): Promise<Map<string, Set<number>>> {
  const files = new Map<string, Set<number>>();
  for (const incarnation of await storage.list(base)) {
    const names = await storage.list(`${base}/${incarnation}`);
    const numbers = names.map(segmentNumber).filter((it) => it !== undefined);
    if (names.length > 0) files.set(incarnation, new Set(numbers));
  }
  return files;
}

/** Whether a volume still names a journal: one that none does is removed, file by file. */
async function isNeeded(storage: Storage, journal: string): Promise<boolean> {
  return (await storage.list(journal)).some(isMountName);
}

function disagreementsOf(
  { journal, segments, floor }: LoggedJournal,
  before: ReadonlySet<number>,
  after: ReadonlySet<number>,
  isNeeded: boolean,
): JournalDisagreement[] {
  const named = new Set(segments.map((it) => it.number));
  const unnamed = [...before].filter((it) => after.has(it) && !named.has(it));
  // The last one is named before it is made.
  const last = Math.max(0, ...named);
  const isGone = (it: number): boolean => it >= floor && it < last && !before.has(it) && !after.has(it);
  const missing = isNeeded ? [...named].filter(isGone) : [];
  const told = (what: "unnamed" | "missing") => (segment: number): JournalDisagreement => ({
    journal,
    segment,
    what,
  });
  return [...unnamed.map(told("unnamed")), ...missing.map(told("missing"))];
}

/**
 * Position below which each journal is not needed, by its directory, as the last round of checkpoints found
 * that named it. What the log does not tell, or nobody can read, is needed from where it begins.
 */
export async function readNeeds(storage: Storage, pij: string): Promise<ReadonlyMap<string, number>> {
  try {
    const { journals } = await readJournalLogs(storage, pij);
    return new Map(journals.map((it) => [it.journal, it.neededFrom ?? 0]));
  } catch (error) {
    if (error instanceof CohortError) return new Map();
    throw error;
  }
}

/** Removes the logs of journals that are gone, and with them whatever they were kept for. */
export async function removeOldLogs(storage: Storage, pij: string): Promise<void> {
  const logs = (await storage.list(pij)).map(journalLogOf).filter((it) => it !== undefined);
  for (const incarnation of new Set(logs.map((it) => it.incarnation))) {
    // Whoever writes a log has a journal before it.
    if ((await storage.list(`${pij}/journals/${incarnation}`)).length > 0) continue;
    await removeJournalLog(storage, pij, incarnation);
  }
}
