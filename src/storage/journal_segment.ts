/**
 * Journal segment: the header block at the beginning of `journal.NNNNNN` (ARCHITECTURE, "Journal segment").
 *
 * It is synced before the first frame behind it, and holds what recovery must know even when no frame
 * survives: above all the *stamp ceiling*, which no group of the segment exceeds, so that no stamp is ever
 * used twice (DESIGN D3).
 */
import { crc32 } from "node:zlib";
import { getU16, getU32, getU48, putU16, putU32, putU48 } from "../ground/bytes.ts";
import { ByteReader } from "../ground/byte_reader.ts";
import { CohortError, type ErrorFacts } from "../ground/errors.ts";
import { getId, ID_BYTES, putId } from "../ground/hex.ts";

/** First four bytes of a segment: "CJS1". */
export const SEGMENT_MAGIC = 0x3153_4a43;
/** Version of the journal format that this code writes. */
export const JOURNAL_FORMAT = 1;
/** The header is a multiple of this many bytes: one, unless the volume table is long. */
export const SEGMENT_HEADER_UNIT = 4096;
/** Most bytes of a header. */
export const SEGMENT_HEADER_BYTES_MAX: number = 1024 * SEGMENT_HEADER_UNIT;

const FIXED_BYTES = 96;
const NAME_PATTERN = /^journal\.([0-9]{6,})$/;

/** A volume named by a journal: what its index in the records stands for. */
export interface JournalVolume {
  readonly index: number;
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** 32 hexadecimal digits; another after restore or copy. */
  readonly incarnation: string;
  readonly path: string;
}

/** What the header of a segment says. */
export interface SegmentHeader {
  /** Incarnation of the journal: 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Number of the segment, from 1. */
  readonly number: number;
  /** Number of the segment before; 0 for the first. */
  readonly previous: number;
  /** Position of the first frame. The segment before ends at or below it. */
  readonly base: number;
  /** No group in the segment has a stamp above this. */
  readonly ceiling: number;
  /** First segment that recovery still needed when this header was written. */
  readonly floor: number;
  /** Milliseconds since 1970 when this header was written. */
  readonly wallMs: number;
  /** Cluster session (0 outside a cluster). */
  readonly session: number;
  readonly volumes: readonly JournalVolume[];
}

/** A header as read, with its size: the first frame lies behind it. */
export interface StoredSegmentHeader extends SegmentHeader {
  readonly headerBytes: number;
}

/** Name of a segment's file in the journal's directory. */
export function segmentName(number: number): string {
  return `journal.${String(number).padStart(6, "0")}`;
}

/** Number of the segment whose file has this name; undefined for another file. */
export function segmentNumber(name: string): number | undefined {
  const match = NAME_PATTERN.exec(name);
  const number = match === null ? 0 : Number(match[1]);
  return number > 0 && segmentName(number) === name ? number : undefined;
}

/** Bytes of a header that names volumes with these paths. */
export function segmentHeaderSize(paths: readonly Uint8Array[]): number {
  let length = FIXED_BYTES;
  for (const path of paths) length += 4 + 2 * ID_BYTES + path.length;
  return Math.ceil(length / SEGMENT_HEADER_UNIT) * SEGMENT_HEADER_UNIT;
}

/** Encodes a header; the result is a multiple of `SEGMENT_HEADER_UNIT`. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const paths = header.volumes.map((volume) => new TextEncoder().encode(volume.path));
  const headerBytes = segmentHeaderSize(paths);
  if (headerBytes > SEGMENT_HEADER_BYTES_MAX) {
    throw new RangeError(
      `A segment header has at most ${SEGMENT_HEADER_BYTES_MAX} bytes, got ${headerBytes}`,
    );
  }
  const bytes = new Uint8Array(headerBytes);
  putU32(bytes, 0, SEGMENT_MAGIC);
  putU32(bytes, 8, headerBytes);
  putU16(bytes, 12, JOURNAL_FORMAT);
  putU16(bytes, 14, header.volumes.length);
  putId(bytes, 16, header.incarnation);
  putU32(bytes, 32, header.number);
  putU32(bytes, 36, header.previous);
  putU48(bytes, 40, header.base);
  putU48(bytes, 46, header.ceiling);
  putU48(bytes, 52, header.wallMs);
  putU48(bytes, 58, header.session);
  putU32(bytes, 64, header.floor);
  let at = FIXED_BYTES;
  for (const [i, volume] of header.volumes.entries()) {
    const path = paths[i]!;
    putU16(bytes, at, volume.index);
    putU16(bytes, at + 2, path.length);
    putId(bytes, at + 4, volume.id);
    putId(bytes, at + 4 + ID_BYTES, volume.incarnation);
    bytes.set(path, at + 4 + 2 * ID_BYTES);
    at += 4 + 2 * ID_BYTES + path.length;
  }
  putU32(bytes, 4, crc32(bytes.subarray(8)));
  return bytes;
}

/**
 * Size of the header that begins with `bytes` (at least 12 of them), before anything is verified: undefined
 * when these are not the first bytes of a segment.
 */
export function segmentHeaderBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length < 12 || getU32(bytes, 0) !== SEGMENT_MAGIC) return undefined;
  const size = getU32(bytes, 8);
  const fits = size > 0 && size <= SEGMENT_HEADER_BYTES_MAX && size % SEGMENT_HEADER_UNIT === 0;
  return fits ? size : undefined;
}

/**
 * Decodes the header at the beginning of `bytes`, which must hold all of it. Throws `FORMAT_NEWER` for one of
 * a newer Cohort and `CORRUPT` for damage, naming `path`.
 */
export function decodeSegmentHeader(bytes: Uint8Array, path: string): StoredSegmentHeader {
  const headerBytes = segmentHeaderBytes(bytes);
  if (headerBytes === undefined || headerBytes > bytes.length) {
    throw damaged(path, "it does not begin as one");
  }
  const checksum = crc32(bytes.subarray(8, headerBytes));
  if (checksum !== getU32(bytes, 4)) throw damaged(path, "its header fails its checksum");
  const format = getU16(bytes, 12);
  if (format > JOURNAL_FORMAT) {
    const message = `Read journal segment ${path}: its format ${format} is newer than ${JOURNAL_FORMAT}`;
    throw new CohortError("FORMAT_NEWER", message, { path, expected: JOURNAL_FORMAT, found: format });
  }
  if (format !== JOURNAL_FORMAT) throw damaged(path, `its format is ${format}`);
  return {
    headerBytes,
    incarnation: getId(bytes, 16),
    number: getU32(bytes, 32),
    previous: getU32(bytes, 36),
    base: getU48(bytes, 40),
    ceiling: getU48(bytes, 46),
    wallMs: getU48(bytes, 52),
    session: getU48(bytes, 58),
    floor: getU32(bytes, 64),
    volumes: readVolumes(
      new ByteReader(bytes, `journal segment ${path}`, FIXED_BYTES, headerBytes),
      getU16(bytes, 14),
    ),
  };
}

/** Reads one volume as it stands in a header or in a volume item. */
export function readVolume(reader: ByteReader): JournalVolume {
  const index = reader.u16();
  const pathBytes = reader.u16();
  const id = getId(reader.bytes, reader.skip(ID_BYTES));
  const incarnation = getId(reader.bytes, reader.skip(ID_BYTES));
  return { index, id, incarnation, path: new TextDecoder().decode(reader.view(pathBytes)) };
}

function readVolumes(reader: ByteReader, count: number): JournalVolume[] {
  const volumes: JournalVolume[] = [];
  for (let i = 0; i < count; i++) volumes.push(readVolume(reader));
  return volumes;
}

function damaged(path: string, found: string): CohortError {
  const facts: ErrorFacts = { path, found };
  return new CohortError("CORRUPT", `Read journal segment ${path}: ${found}`, facts);
}
