/** Journals made for tests, and what a scan makes of them. */
import { CohortError } from "../../src/ground/errors.ts";
import { Journal, type JournalOptions } from "../../src/storage/journal.ts";
import { JournalChain } from "../../src/storage/journal_chain.ts";
import { groupBytes } from "../../src/storage/journal_frame.ts";
import { scanJournal, type ScanOptions, type ScanReport } from "../../src/storage/journal_scan.ts";
import { RigClock, RigObserver, RigStorage } from "./rig.ts";

export const INCARNATION = "00112233445566778899aabbccddeeff";
export const VOLUME = "ffeeddccbbaa99887766554433221100";
export const DIRECTORY = "base/j";

export interface JournalRig {
  readonly storage: RigStorage;
  readonly clock: RigClock;
  readonly observer: RigObserver;
  readonly journal: Journal;
  readonly stops: CohortError[];
}

export async function makeJournal(options: Partial<JournalOptions> = {}): Promise<JournalRig> {
  const storage = new RigStorage();
  const clock = new RigClock();
  const observer = new RigObserver();
  const stops: CohortError[] = [];
  const journal = await Journal.create({
    storage,
    clock,
    observer,
    directory: DIRECTORY,
    incarnation: INCARNATION,
    durability: "sync",
    syncIntervalMs: 1000,
    firstStamp: 100,
    onStop: (error) => stops.push(error),
    ...options,
  });
  storage.log.length = 0;
  return { storage, clock, observer, journal, stops };
}

/** Appends one group of one record, with space already admitted; returns the position behind it. */
export function appendAdmitted(journal: Journal, stamp: number, ops: number): number {
  journal.beginGroup(stamp, groupBytes(1, ops));
  journal.beginRecord(0, stamp % 50, stamp - 1);
  journal.writer.append(new Uint8Array(ops).fill(stamp));
  journal.endRecord();
  return journal.endGroup();
}

/** Appends one group of one record. */
export async function append(journal: Journal, stamp: number, ops = 40): Promise<number> {
  await journal.admit(groupBytes(1, ops), stamp);
  return appendAdmitted(journal, stamp, ops);
}

/** What a scan found: stamps and the report, or the error's code. */
export interface Outcome {
  readonly stamps: number[];
  readonly report: ScanReport | undefined;
  readonly code: string;
  readonly error: CohortError | undefined;
}

/** Scans; anything but a `CohortError` escapes. */
export async function scan(storage: RigStorage, options: ScanOptions = {}): Promise<Outcome> {
  const stamps: number[] = [];
  const scanned = scanJournal(storage, DIRECTORY, options);
  try {
    for await (const group of scanned) stamps.push(group.stamp);
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    return { stamps, report: undefined, code: error.code, error };
  }
  return { stamps, report: scanned.report, code: "", error: undefined };
}

/** A frame as it lies in its file. */
export interface PlacedFrame {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly position: number;
  readonly synced: number;
  /** Stamp of its last group; 0 without groups. */
  readonly lastStamp: number;
}

/** Every frame of a sound journal. */
export async function listFrames(storage: RigStorage): Promise<PlacedFrame[]> {
  const frames: PlacedFrame[] = [];
  const chain = await JournalChain.open(storage, DIRECTORY, {});
  for await (const { header, path, segment } of chain.frames()) {
    frames.push({
      name: path.slice(path.lastIndexOf("/") + 1),
      offset: segment.headerBytes + header.position - segment.base,
      length: header.length,
      position: header.position,
      synced: header.synced,
      lastStamp: header.lastStamp,
    });
  }
  return frames;
}
