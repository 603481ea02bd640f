/**
 * Journal log record: what a `journal_log.<incarnation>.<n>` file says (ARCHITECTURE, "Cluster journal log").
 * Pure. One record behind the other, each with its own checksum: what comes behind one that is not whole was
 * being written when its author ended, and does not count.
 */
import { crc32 } from "node:zlib";
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { getU16, getU32, putU16, putU32 } from "../ground/bytes.ts";
import { CohortError, invariant } from "../ground/errors.ts";
import { putRecordId, putRecordText, readRecordId, readRecordText } from "../storage/record_parts.ts";
import type { SegmentBegun } from "../storage/segment_follower.ts";
import { MEMBERS_MAX } from "./next_view.ts";

/** First four bytes of a log: "CJL1". */
export const JOURNAL_LOG_MAGIC = 0x314c_4a43;
/** Version of the log that this code writes. */
export const JOURNAL_LOG_FORMAT = 1;

/** Bytes before the first record. */
export const JOURNAL_LOG_HEAD_BYTES = 8;
/** Bytes of a record before what it says: checksum, length, kind, time. */
const FRONT_BYTES = 13;
const CHECKED_FROM = 4;

/** Whose log it is: the first record. */
export interface LogOwner {
  /** Name among the members. */
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Id of the cluster. */
  readonly cluster: string;
  /** Directory of the journal, as every member sees it. */
  readonly journal: string;
}

/** A view that it was in: the first of them is that in which it joined. */
export interface LogView {
  readonly view: number;
  /** Id of the time from the cluster's first member to its last. */
  readonly session: string;
  /** The highest stamp that it knew, and how far its journal was. */
  readonly stamp: number;
  readonly position: number;
}

/** From where one journal is needed, as a round of checkpoints found. */
export interface LogNeed {
  readonly incarnation: string;
  /** All that was changed before this position is home and synced, whoever has it by now. */
  readonly from: number;
  /** How far the journal was. */
  readonly position: number;
}

/** A round of checkpoints that came to its end; in the log of the master that led it. */
export interface LogRound {
  /** Number of the round in its view. */
  readonly round: number;
  readonly view: number;
  readonly needs: readonly LogNeed[];
}

/** One record. `wallMs`: milliseconds since 1970. */
export type LogRecord =
  & { readonly wallMs: number }
  & (
    | { readonly kind: "owner"; readonly owner: LogOwner; readonly snapshot: number }
    | { readonly kind: "view"; readonly entered: LogView }
    | { readonly kind: "begun"; readonly segment: SegmentBegun; readonly view: number }
    | { readonly kind: "ended"; readonly number: number; readonly end: number }
    | { readonly kind: "floor"; readonly floor: number }
    | { readonly kind: "round"; readonly round: LogRound }
    | { readonly kind: "left"; readonly view: number; readonly position: number }
  );

const KINDS: readonly LogRecord["kind"][] = ["owner", "view", "begun", "ended", "floor", "round", "left"];

/** The first bytes of a log. */
export function journalLogHead(): Uint8Array {
  const bytes = new Uint8Array(JOURNAL_LOG_HEAD_BYTES);
  putU32(bytes, 0, JOURNAL_LOG_MAGIC);
  putU16(bytes, 4, JOURNAL_LOG_FORMAT);
  return bytes;
}

/** Encodes a record. */
export function encodeLogRecord(record: LogRecord): Uint8Array {
  const writer = new ByteWriter(128);
  writer.u32(0);
  writer.u16(0);
  writer.u8(KINDS.indexOf(record.kind) + 1);
  writer.u48(record.wallMs);
  putContent(writer, record);
  invariant(writer.length <= 0xffff, "A record of the journal log has at most 65,535 bytes");
  const bytes = writer.copy();
  putU16(bytes, 4, bytes.length);
  putU32(bytes, 0, crc32(bytes.subarray(CHECKED_FROM)));
  return bytes;
}

function putContent(writer: ByteWriter, record: LogRecord): void {
  switch (record.kind) {
    case "owner":
      writer.u32(record.snapshot);
      putRecordId(writer, record.owner.cluster);
      putRecordId(writer, record.owner.incarnation);
      putRecordText(writer, record.owner.name);
      return putRecordText(writer, record.owner.journal);
    case "view":
      writer.u48(record.entered.view);
      putRecordId(writer, record.entered.session);
      writer.u48(record.entered.stamp);
      return writer.u48(record.entered.position);
    case "begun":
      writer.u32(record.segment.number);
      for (const it of [record.segment.base, record.segment.stamp, record.segment.ceiling]) writer.u48(it);
      return writer.u48(record.view);
    case "ended":
      writer.u32(record.number);
      return writer.u48(record.end);
    case "floor":
      return writer.u32(record.floor);
    case "round":
      return putRound(writer, record.round);
    case "left":
      writer.u48(record.view);
      return writer.u48(record.position);
  }
}

function putRound(writer: ByteWriter, { round, view, needs }: LogRound): void {
  writer.u48(round);
  writer.u48(view);
  writer.u16(needs.length);
  for (const { incarnation, from, position } of needs) {
    putRecordId(writer, incarnation);
    writer.u48(from);
    writer.u48(position);
  }
}

/** What can be read of a log. */
export interface LogContent {
  readonly records: readonly LogRecord[];
  /** Bytes behind the last sound record; a log that is written may end so for a moment. */
  readonly tailBytes: number;
}

/**
 * The sound records of the log at `path`, up to the first that is not; undefined for one whose snapshot, with
 * which it begins, is not whole. Throws `FORMAT_NEWER`.
 */
export function decodeJournalLog(bytes: Uint8Array, path: string): LogContent | undefined {
  if (bytes.length < JOURNAL_LOG_HEAD_BYTES || getU32(bytes, 0) !== JOURNAL_LOG_MAGIC) return undefined;
  const format = getU16(bytes, 4);
  if (format > JOURNAL_LOG_FORMAT) {
    const text = `Read journal log ${path}: its format ${format} is newer than ${JOURNAL_LOG_FORMAT}`;
    throw new CohortError("FORMAT_NEWER", text, { path, expected: JOURNAL_LOG_FORMAT, found: format });
  }
  const records: LogRecord[] = [];
  let at = JOURNAL_LOG_HEAD_BYTES;
  while (at + FRONT_BYTES <= bytes.length) {
    const length = getU16(bytes, at + 4);
    if (length < FRONT_BYTES || at + length > bytes.length) break;
    const record = soundRecord(bytes.subarray(at, at + length), path);
    if (record === undefined) break;
    records.push(record);
    at += length;
  }
  const [first] = records;
  if (first?.kind !== "owner" || records.length <= first.snapshot) return undefined;
  return { records, tailBytes: bytes.length - at };
}

function soundRecord(bytes: Uint8Array, path: string): LogRecord | undefined {
  if (getU32(bytes, 0) !== crc32(bytes.subarray(CHECKED_FROM))) return undefined;
  const reader = new ByteReader(bytes, `journal log ${path}`);
  try {
    reader.skip(6);
    const kind = KINDS[reader.u8() - 1];
    const wallMs = reader.u48();
    if (kind === undefined) return undefined;
    const record = readContent(reader, kind, wallMs);
    reader.expectEnd();
    return record;
  } catch (error) {
    // What a checksum covers and is nothing known is taken for the end, too.
    if (error instanceof CohortError) return undefined;
    throw error;
  }
}

function readContent(reader: ByteReader, kind: LogRecord["kind"], wallMs: number): LogRecord {
  switch (kind) {
    case "owner": {
      const snapshot = reader.u32(), cluster = readRecordId(reader), incarnation = readRecordId(reader);
      const name = readRecordText(reader), journal = readRecordText(reader);
      return { kind, wallMs, snapshot, owner: { cluster, incarnation, name, journal } };
    }
    case "view": {
      const view = reader.u48(), session = readRecordId(reader);
      return { kind, wallMs, entered: { view, session, stamp: reader.u48(), position: reader.u48() } };
    }
    case "begun": {
      const number = reader.u32(), base = reader.u48(), stamp = reader.u48(), ceiling = reader.u48();
      return { kind, wallMs, segment: { number, base, stamp, ceiling }, view: reader.u48() };
    }
    case "ended":
      return { kind, wallMs, number: reader.u32(), end: reader.u48() };
    case "floor":
      return { kind, wallMs, floor: reader.u32() };
    case "round":
      return { kind, wallMs, round: readRound(reader) };
    case "left":
      return { kind, wallMs, view: reader.u48(), position: reader.u48() };
  }
}

function readRound(reader: ByteReader): LogRound {
  const round = reader.u48(), view = reader.u48(), count = reader.u16();
  if (count > MEMBERS_MAX) reader.fail(`it names ${count} journals`);
  const needs = Array.from({ length: count }, () => ({
    incarnation: readRecordId(reader),
    from: reader.u48(),
    position: reader.u48(),
  }));
  return { round, view, needs };
}
