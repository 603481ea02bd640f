/**
 * Journals of every shape, in memory, to be spoiled: one segment, several, sealed, closed, dead and fixed.
 */
import { crc32 } from "node:zlib";
import { CohortError } from "../../src/ground/errors.ts";
import { JournalChain } from "../../src/storage/journal_chain.ts";
import { makeDurable } from "../../src/storage/journal_durable.ts";
import { groupBytes, RECORD_RESULT } from "../../src/storage/journal_frame.ts";
import { scanJournal } from "../../src/storage/journal_scan.ts";
import {
  DIRECTORY,
  INCARNATION,
  listFrames,
  makeJournal,
  type PlacedFrame,
  VOLUME,
} from "../storage/journal_rig.ts";
import type { RigStorage } from "../storage/rig.ts";
import { Prng } from "../support/prng.ts";
import { SAMPLE_OPS } from "./targets/blocks.ts";

/** What is answered to a request: who asked, and the value 7. */
const RESULT: Uint8Array = new Uint8Array([...Array(16).keys(), 3, 14]);

/** A journal as its files are, and what a scan makes of it. */
export interface SampleJournal {
  readonly name: string;
  readonly storage: RigStorage;
  readonly frames: readonly PlacedFrame[];
  /** Each group as text: stamp, then every record, its operations as a checksum. */
  readonly groups: readonly string[];
  /** Names of the segment files that a scan needs, and bytes of their headers. */
  readonly headers: ReadonlyMap<string, number>;
}

/** Makes them all. */
export async function makeSampleJournals(): Promise<SampleJournal[]> {
  return [
    await sample("one segment, closed", 12, 4, true, false),
    await sample("segments, open", 60, 9, false, false),
    await sample("segments, dropped", 90, 5, false, true),
    await fixed(await sample("dead, its end fixed", 40, 100, false, false)),
  ];
}

/** `groups` groups, made safe after every `safeEvery`. */
async function sample(
  name: string,
  groups: number,
  safeEvery: number,
  closed: boolean,
  dropped: boolean,
): Promise<SampleJournal> {
  const prng = new Prng(groups);
  const { storage, journal } = await makeJournal({
    durability: "relaxed",
    reserveBytes: 2048,
    segmentBytes: 16_384,
  });
  await journal.addVolume(VOLUME, INCARNATION, "/data/hr");
  for (let i = 0; i < groups; i++) {
    const stamp = 101 + i;
    const records = Array.from({ length: prng.below(4, 1) }, () => prng.pick(SAMPLE_OPS).subarray(0, 1200));
    const results = i % 5 === 2 ? [RESULT] : [];
    const contents = [...records, ...results];
    const bytes = groupBytes(contents.length, contents.reduce((sum, ops) => sum + ops.length, 0));
    await journal.admit(bytes, stamp);
    journal.beginGroup(stamp, bytes);
    for (const [block, ops] of records.entries()) {
      journal.beginRecord(0, block + 5, stamp - 1);
      journal.writer.append(ops);
      journal.endRecord();
    }
    for (const result of results) {
      journal.beginRecord(0, 5, stamp, RECORD_RESULT);
      journal.writer.append(result);
      journal.endRecord();
    }
    await journal.ackOf(journal.endGroup());
    if (i % safeEvery === safeEvery - 1) await journal.makeSafe();
    if (i === 7) await journal.mark("backup");
    if (i === 3) await journal.addVolume(INCARNATION, VOLUME, "/data/other");
  }
  if (dropped) await journal.drop(journal.segments()[0]!.number);
  if (closed) await journal.close();
  const files = storage.copy();
  if (!closed) {
    journal.abandon(new CohortError("STOPPED", "test"));
    await journal.close();
  }
  return await described(name, files);
}

/** The same journal once recovery has fixed where it ends. */
async function fixed({ name, storage }: SampleJournal): Promise<SampleJournal> {
  await makeDurable(storage, DIRECTORY);
  return await described(name, storage);
}

async function described(name: string, storage: RigStorage): Promise<SampleJournal> {
  const chain = await JournalChain.open(storage, DIRECTORY, {});
  const headers = new Map<string, number>();
  for (const { path, header } of chain.segments) headers.set(path, header?.headerBytes ?? 0);
  return {
    name,
    storage,
    frames: storage.files.has(`${DIRECTORY}/journal.end`) ? [] : await listFrames(storage),
    groups: await groupsOf(storage),
    headers,
  };
}

/** All groups of a journal, each as text. */
export async function groupsOf(storage: RigStorage): Promise<string[]> {
  const groups: string[] = [];
  for await (const { stamp, records } of scanJournal(storage, DIRECTORY)) {
    const texts = records.map(({ volumeIndex, block, before, ops }) =>
      `${volumeIndex} ${block} ${before} ${ops.length} ${crc32(ops)}`
    );
    groups.push(`${stamp}: ${texts.join("; ")}`);
  }
  return groups;
}
