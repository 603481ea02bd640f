/** Journals: frames, their items, segment headers, the end register, and whole journals in files. */
import { crc32 } from "node:zlib";
import { putU32 } from "../../../src/ground/bytes.ts";
import type { ErrorCode } from "../../../src/ground/errors.ts";
import { decodeJournalEnd, encodeJournalEnd, END_NAME, TAIL_NAME } from "../../../src/storage/journal_end.ts";
import { makeDurable } from "../../../src/storage/journal_durable.ts";
import {
  CHECKED_FROM,
  FRAME_HEADER_BYTES,
  incarnationTag,
  ITEM_GROUP,
  ITEM_VOLUME,
  readFrameHeader,
  sealFrame,
  verifyFrame,
} from "../../../src/storage/journal_frame.ts";
import { ItemCursor, readGroup } from "../../../src/storage/journal_items.ts";
import { scanJournal } from "../../../src/storage/journal_scan.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  readVolume,
} from "../../../src/storage/journal_segment.ts";
import { DIRECTORY, INCARNATION, type PlacedFrame, VOLUME } from "../../storage/journal_rig.ts";
import type { RigFile, RigStorage } from "../../storage/rig.ts";
import type { Prng } from "../../support/prng.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { answerLater, answerOf, find } from "../judge.ts";
import { damageByte, garbage, mutate, spoil } from "../mutate.ts";
import { groupsOf, type SampleJournal } from "../sample_journals.ts";

const TAG = incarnationTag(INCARNATION);
/** What a scan may say of files that are there and readable. */
const SCAN_CODES: readonly ErrorCode[] = ["CORRUPT", "JOURNAL_GAP", "FORMAT_NEWER", "NOT_FOUND"];
/** What decoding one header or register may say. */
const HEADER_CODES: readonly ErrorCode[] = ["CORRUPT", "FORMAT_NEWER"];

/** A frame: one changed byte always shows. */
function damagedFrame(prng: Prng, frames: readonly Uint8Array[]): Outcome {
  const bytes = prng.pick(frames).slice();
  const at = damageByte(prng, bytes, 0, prng.once(2) ? FRAME_HEADER_BYTES : bytes.length);
  const header = readFrameHeader(bytes, 0, TAG);
  const whole = header !== undefined && header.length <= bytes.length && verifyFrame(bytes, 0, header);
  return whole ? find(`a changed byte ${at} of a frame passed`) : "detected";
}

/** A frame with a right checksum: its items are read to the end or refused. */
function sealedFrame(prng: Prng, frames: readonly Uint8Array[]): Outcome {
  const bytes = prng.pick(frames).slice();
  const header = readFrameHeader(bytes, 0, TAG)!;
  if (prng.once(6)) bytes.set(garbage(prng, bytes.length - FRAME_HEADER_BYTES), FRAME_HEADER_BYTES);
  else spoil(prng, bytes, FRAME_HEADER_BYTES, prng.once(2) ? Math.min(bytes.length, 100) : bytes.length);
  sealFrame(bytes, bytes.subarray(CHECKED_FROM), header);
  const answer = answerOf(["CORRUPT"], () => readItems(bytes));
  return "code" in answer ? "refused" : "read";
}

function readItems(bytes: Uint8Array): void {
  const cursor = new ItemCursor(bytes, 0, bytes.length, "frame");
  while (cursor.next()) {
    if (cursor.kind === ITEM_GROUP) readGroup(cursor.reader, 0);
    else if (cursor.kind === ITEM_VOLUME) readVolume(cursor.reader);
  }
}

const HEADERS: readonly Uint8Array[] = [0, 1, 3, 90].map((count) =>
  encodeSegmentHeader({
    incarnation: INCARNATION,
    number: 7,
    previous: 6,
    base: 2 ** 40,
    ceiling: 2 ** 47,
    floor: 5,
    wallMs: 1_700_000_000_000,
    session: 9,
    volumes: Array.from(
      { length: count },
      (_, index) => ({ index, id: VOLUME, incarnation: INCARNATION, path: `/data/${"x".repeat(index)}` }),
    ),
  })
);
const ENDS: readonly Uint8Array[] = [true, false].map((closed) =>
  encodeJournalEnd({ incarnation: INCARNATION, start: 2 ** 40, end: 2 ** 40 + 4096, tailBytes: 4000, closed })
);

/** A segment header or the end register: every changed byte shows, and nothing spoiled crashes. */
function headers(prng: Prng): Outcome {
  const isHeader = prng.once(2);
  const samples = isHeader ? HEADERS : ENDS;
  const decode = (bytes: Uint8Array): unknown =>
    isHeader ? decodeSegmentHeader(bytes, "x") : decodeJournalEnd(bytes, "x");
  const sample = prng.pick(samples);
  if (prng.once(2)) {
    const bytes = sample.slice();
    const at = damageByte(prng, bytes, 0, prng.once(2) ? Math.min(bytes.length, 200) : bytes.length);
    const answer = answerOf(HEADER_CODES, () => decode(bytes));
    return "code" in answer ? "detected" : find(`a changed byte ${at} of a header passed`);
  }
  const bytes = prng.once(6) ? garbage(prng, 9000, sample.subarray(0, 8)) : mutate(prng, sample, samples);
  if (bytes.length > 12 && prng.once(2)) {
    spoil(prng, bytes, 8, Math.min(bytes.length, 200));
    const covered = isHeader ? bytes.subarray(8, 4096 * Math.ceil(sample.length / 4096)) : bytes.subarray(8);
    putU32(bytes, 4, crc32(covered));
  }
  return "code" in answerOf(HEADER_CODES, () => decode(bytes)) ? "refused" : "read";
}

/** The bytes of every frame. */
export function framesOf(journals: readonly SampleJournal[]): Uint8Array[] {
  return journals.flatMap(({ storage, frames }) =>
    frames.map(({ name, offset, length }) =>
      storage.find(`${DIRECTORY}/${name}`).bytes.slice(offset, offset + length)
    )
  );
}

/**
 * One changed byte of a whole journal: a gap where a later frame names what is lost, else a shorter journal,
 * of groups that are all as they were.
 */
async function damagedJournal(prng: Prng, journals: readonly SampleJournal[]): Promise<Outcome> {
  const { name, storage, frames, groups, headers } = prng.pick(journals);
  const path = prng.pick([...storage.files.keys()]);
  const { bytes } = storage.find(path);
  const header = headers.get(path) ?? 0;
  const to = prng.once(4) ? Math.max(header, Math.min(bytes.length, 300)) : bytes.length;
  const at = prng.below(to);
  const kept = bytes[at]!;
  bytes[at] = kept ^ prng.below(256, 1);
  try {
    const what = `byte ${at} of ${path} changed (${name})`;
    const answer = await answerLater(SCAN_CODES, () => groupsOf(storage));
    if ("code" in answer) return "detected";
    const found = answer.value;
    if (!found.every((group, i) => group === groups[i])) find(`${what}: other groups were read`);
    const hit = frames.find((it) => path.endsWith(it.name) && at >= it.offset && at < it.offset + it.length);
    if (hit !== undefined && isNamedLater(frames, hit)) find(`${what}: no gap was told`);
    if (hit !== undefined && hit.lastStamp > 0 && found.length === groups.length) find(`${what}: it passed`);
    if (/journal\.(end|tail)$/.test(path)) find(`${what}: it was not told`);
    return found.length < groups.length ? "detected" : "read";
  } finally {
    bytes[at] = kept;
  }
}

function isNamedLater(frames: readonly PlacedFrame[], hit: PlacedFrame): boolean {
  return frames.some(({ position, synced }) => position > hit.position && synced > hit.position);
}

/**
 * Files cut, exchanged, missing, filled with anything: a scan and `makeDurable` end, with a code or without.
 */
async function spoiledJournal(prng: Prng, journals: readonly SampleJournal[]): Promise<Outcome> {
  const { storage } = prng.pick(journals);
  const spoiled = storage.copy();
  const paths = [...spoiled.files.keys()];
  for (let steps = prng.below(4, 1); steps > 0; steps--) {
    spoilFile(prng, spoiled, prng.pick(paths), paths);
  }
  if (prng.once(3)) {
    const answer = await answerLater(SCAN_CODES, () => makeDurable(spoiled, DIRECTORY));
    if ("code" in answer) return "refused";
  }
  const answer = await answerLater(SCAN_CODES, () => drain(spoiled));
  return "code" in answer ? "refused" : "read";
}

async function drain(storage: RigStorage): Promise<void> {
  const scan = scanJournal(storage, DIRECTORY);
  for await (const group of scan) {
    for (const { volumeIndex } of group.records) {
      if (scan.volumes[volumeIndex] === undefined) find("a record of no volume was read");
    }
  }
  if (scan.report === undefined) find("a scan ended without a report");
}

function spoilFile(prng: Prng, storage: RigStorage, path: string, paths: readonly string[]): void {
  const file = storage.files.get(path);
  if (file === undefined) return;
  const { bytes } = file;
  switch (prng.below(7)) {
    case 0:
      storage.files.delete(path);
      break;
    case 1:
      file.bytes = bytes.subarray(0, prng.below(bytes.length + 1));
      break;
    case 2:
      file.bytes = (storage.files.get(prng.pick(paths)) ?? file).bytes.slice();
      break;
    case 3:
      file.bytes = garbage(prng, 9000, bytes.subarray(0, 64));
      break;
    case 4:
      resealFrames(prng, file);
      break;
    default: {
      const from = prng.below(bytes.length + 1);
      spoil(prng, bytes, from, Math.min(bytes.length, from + 200));
      if (prng.once(3) && path.endsWith(END_NAME) && bytes.length > 8) {
        putU32(bytes, 4, crc32(bytes.subarray(8)));
      }
      if (prng.once(3) && !path.endsWith(END_NAME) && !path.endsWith(TAIL_NAME) && bytes.length > 4096) {
        spoil(prng, bytes, 8, 100);
        putU32(bytes, 4, crc32(bytes.subarray(8, 4096)));
      }
    }
  }
}

/** Spoils frames of a file and seals them again, so that what they say is believed. */
function resealFrames(prng: Prng, file: RigFile): void {
  const { bytes } = file;
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length; at += 8) {
    const header = readFrameHeader(bytes, at, TAG);
    if (header === undefined || at + header.length > bytes.length || !prng.once(3)) continue;
    const frame = bytes.subarray(at, at + header.length);
    spoil(prng, frame, FRAME_HEADER_BYTES, frame.length);
    const { position, synced } = header;
    sealFrame(frame, frame.subarray(CHECKED_FROM), {
      ...header,
      position: prng.once(6) ? position + 8 * prng.below(9, -4) : position,
      synced: prng.once(6) ? prng.pick([0, position, position + 8, 2 ** 48 - 1]) : synced,
    });
  }
}

/** The targets of this file. */
export function journalTargets(journals: readonly SampleJournal[]): Target[] {
  const frames = framesOf(journals);
  return [
    { name: "frame, one byte damaged", weight: 8, run: (prng) => damagedFrame(prng, frames) },
    { name: "frame, spoiled and sealed", weight: 8, run: (prng) => sealedFrame(prng, frames) },
    { name: "segment header, journal end", weight: 6, run: headers },
    { name: "journal, one byte damaged", weight: 1, run: (prng) => damagedJournal(prng, journals) },
    { name: "journal, spoiled", weight: 2, run: (prng) => spoiledJournal(prng, journals) },
  ];
}
