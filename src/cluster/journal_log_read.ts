/**
 * Journal log read: the journals of a whole cluster, as the logs of its members name them: what there is, in
 * which order it is to be taken, and from where each is needed. Reads files only, also while they are
 * written.
 */
import { isCode } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";
import type { SegmentBegun } from "../storage/segment_follower.ts";
import { journalLogName, journalLogOf } from "./journal_log.ts";
import { decodeJournalLog, type LogOwner, type LogRecord, type LogRound } from "./journal_log_record.ts";

/** Most bytes of a log that is read. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;

/** A segment as its author's log names it. */
export interface LoggedSegment extends SegmentBegun {
  /** Where it ends; undefined while something may be added. */
  readonly end: number | undefined;
  /** View its author was in when it began; 0 before it was a member. */
  readonly view: number;
  /** When it began: milliseconds since 1970. */
  readonly begunMs: number;
  /** Whether nothing of the cluster needs it any more: then its file may be gone. */
  readonly isDropped: boolean;
}

/** The journal of one member. */
export interface LoggedJournal extends LogOwner {
  /** Session of the cluster; undefined when it never was a member. */
  readonly session: string | undefined;
  /** View in which it joined; 0 when it never was a member. */
  readonly joined: number;
  /** View by which it left in good order; undefined when it did not, or not yet. */
  readonly left: number | undefined;
  /** First segment that recovery may need. */
  readonly floor: number;
  /** By their numbers. */
  readonly segments: readonly LoggedSegment[];
  /** Position below which it is not needed, by the last round that named it; undefined when none has. */
  readonly neededFrom: number | undefined;
}

/** The journals of a cluster. */
export interface LoggedJournals {
  /** In the order in which their members joined. */
  readonly journals: readonly LoggedJournal[];
  /** The last round of checkpoints that came to its end. */
  readonly round: LogRound | undefined;
}

/** Reads all logs in a PIJ directory. Throws `FORMAT_NEWER`, and what the storage refuses. */
export async function readJournalLogs(storage: Storage, directory: string): Promise<LoggedJournals> {
  const files = await filesOf(storage, directory);
  const logs: (readonly LogRecord[])[] = [];
  for (const [incarnation, generations] of [...files].sort(([a], [b]) => a < b ? -1 : 1)) {
    const records = await readOne(storage, directory, incarnation, generations);
    if (records !== undefined) logs.push(records);
  }
  const rounds = logs.flat().flatMap((it) => it.kind === "round" ? [it.round] : []);
  rounds.sort((a, b) => a.view - b.view || a.round - b.round);
  const needs = new Map(rounds.flatMap((it) => it.needs).map((it) => [it.incarnation, it.from]));
  const journals = logs.map((it) => journalOf(it, needs)).filter((it) => it !== undefined);
  journals.sort((a, b) => a.joined - b.joined || (a.incarnation < b.incarnation ? -1 : 1));
  return { journals, round: rounds.at(-1) };
}

/** The generations that there are of each log, the newest first. */
async function filesOf(storage: Storage, directory: string): Promise<Map<string, number[]>> {
  const files = new Map<string, number[]>();
  for (const name of await storage.list(directory)) {
    const log = journalLogOf(name);
    if (log === undefined) continue;
    files.set(log.incarnation, [...files.get(log.incarnation) ?? [], log.generation]);
  }
  for (const generations of files.values()) generations.sort((a, b) => b - a);
  return files;
}

/**
 * The records of the newest file of a log whose beginning is whole; an older one stands in for it. A file
 * that goes meanwhile has a newer one after it, or its whole log is removed: it is looked once more.
 */
async function readOne(
  storage: Storage,
  directory: string,
  incarnation: string,
  listed: readonly number[],
): Promise<readonly LogRecord[] | undefined> {
  let generations = [...listed];
  for (let newest = generations.shift(); newest !== undefined; newest = generations.shift()) {
    const path = `${directory}/${journalLogName(incarnation, newest)}`;
    let bytes: Uint8Array;
    try {
      bytes = await bytesOf(storage, path);
    } catch (error) {
      if (!isCode(error, "NOT_FOUND")) throw error;
      generations = (await filesOf(storage, directory)).get(incarnation) ?? [];
      // Listed, and still not to be found: that is not one that went meanwhile.
      if (generations.includes(newest)) throw error;
      continue;
    }
    const content = decodeJournalLog(bytes, path);
    if (content !== undefined) return content.records;
  }
  return undefined;
}

async function bytesOf(storage: Storage, path: string): Promise<Uint8Array> {
  const file = await storage.openStream(path, { access: "read" });
  try {
    const bytes = new Uint8Array(Math.min(LOG_BYTES_MAX, await file.size()));
    let filled = 0;
    while (filled < bytes.length) {
      const count = await file.read(filled, bytes.subarray(filled));
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } finally {
    await file.close();
  }
}

function journalOf(
  records: readonly LogRecord[],
  needs: ReadonlyMap<string, number>,
): LoggedJournal | undefined {
  const [first] = records;
  if (first?.kind !== "owner") return undefined;
  const begun = new Map<number, LogRecord & { readonly kind: "begun" }>();
  const ends = new Map<number, number>();
  let floor = 1, session: string | undefined, joined = 0, left: number | undefined;
  for (const record of records) {
    if (record.kind === "begun") begun.set(record.segment.number, record);
    else if (record.kind === "ended") ends.set(record.number, record.end);
    else if (record.kind === "floor") floor = Math.max(floor, record.floor);
    else if (record.kind === "left") left = record.view;
    else if (record.kind === "view") {
      session = record.entered.session;
      if (joined === 0) joined = record.entered.view;
      left = undefined;
    }
  }
  const segments = [...begun.values()].sort((a, b) => a.segment.number - b.segment.number).map((it) => ({
    ...it.segment,
    end: ends.get(it.segment.number),
    view: it.view,
    begunMs: it.wallMs,
    isDropped: it.segment.number < floor,
  }));
  const neededFrom = needs.get(first.owner.incarnation);
  return { ...first.owner, session, joined, left, floor, segments, neededFrom };
}

/** One segment of one member's journal. */
export interface OrderedSegment extends LoggedSegment {
  readonly member: string;
  readonly incarnation: string;
  /** Its file's directory. */
  readonly journal: string;
}

/**
 * All segments in the order in which they are to be taken: by the highest stamp known when each began. Those
 * whose stamps overlap are read side by side, group by group; the order of stamps is that of what happened.
 */
export function segmentsInOrder({ journals }: LoggedJournals): OrderedSegment[] {
  const all = journals.flatMap(({ name, incarnation, journal, segments }) =>
    segments.map((it) => ({ ...it, member: name, incarnation, journal }))
  );
  return all.sort((a, b) =>
    a.stamp - b.stamp || a.number - b.number || (a.incarnation < b.incarnation ? -1 : 1)
  );
}
