/**
 * Journal frame: the bytes of one journal write (ARCHITECTURE, "Journal frame").
 *
 * A frame names where it belongs (incarnation, segment, position) and what was known safe when it was built,
 * so that a tail can be told from a gap (DESIGN D3). Its header has a check of its own: a frame torn behind
 * the header still tells what it names. All integers are little-endian; a frame begins at, and is, a multiple
 * of 8 bytes.
 */
import { crc32 } from "node:zlib";
import { getU32, getU48, putU32, putU48 } from "../ground/bytes.ts";
import { ID_BYTES, putId } from "../ground/hex.ts";

/** First four bytes of a frame: "CJF1". */
export const FRAME_MAGIC = 0x3146_4a43;
/** Bytes of a frame's header. */
export const FRAME_HEADER_BYTES = 56;
/** The checksum of a frame is of everything from here on. */
export const CHECKED_FROM = 8;
/** Frames begin at multiples of this many bytes. */
export const FRAME_ALIGN = 8;

/** Item: one redo group. */
export const ITEM_GROUP = 1;
/** Item: a volume added to the table of this journal. */
export const ITEM_VOLUME = 2;
/** Item: a mark with a text. */
export const ITEM_MARK = 3;
/** Item: the first segment that recovery may still need. */
export const ITEM_FLOOR = 4;
/** Item: the segment ends here and another goes on. */
export const ITEM_SEAL = 5;
/** Item: the journal was closed; everything before is safe. */
export const ITEM_CLOSE = 6;

/** Bytes before an item's content: its whole length (u32) and kind (u8). */
export const ITEM_HEADER_BYTES = 5;
/** Bytes of a group item before its records: item header, stamp (u48), record count (u16). */
export const GROUP_HEADER_BYTES = 13;
/** Bytes of a record before its ops: kind (u8), volume (u16), block (u32), before (u48), ops length (u32). */
export const RECORD_HEADER_BYTES = 17;
/** Kind of a record that changes a block. */
export const RECORD_BLOCK = 1;
/**
 * Kind of a record that says what the group answers another member, which asked for it (DESIGN D11). In place
 * of the stamp before stands the sequence of the request.
 */
export const RECORD_RESULT = 2;
/** Most records in a group: the count is 16 bits. */
export const GROUP_RECORDS_MAX = 0xffff;

/** What the header of a frame says. */
export interface FrameHeader {
  /** crc32 of everything behind it. */
  checksum: number;
  /** Bytes of the frame, header and padding included. */
  length: number;
  /** crc32 of the incarnation's identity. */
  tag: number;
  segment: number;
  groups: number;
  position: number;
  /** Position known safe when the frame was built. */
  synced: number;
  /** Lowest and highest stamp of its groups; 0 without any. */
  firstStamp: number;
  lastStamp: number;
}

/**
 * Bytes of a group of `records` records with `opsBytes` bytes of ops in all: what to ask `Journal.admit` for.
 */
export function groupBytes(records: number, opsBytes: number): number {
  return GROUP_HEADER_BYTES + records * RECORD_HEADER_BYTES + opsBytes;
}

/** The 32 bits by which a frame names its incarnation (32 hexadecimal digits). */
export function incarnationTag(incarnation: string): number {
  const bytes = new Uint8Array(ID_BYTES);
  putId(bytes, 0, incarnation);
  return crc32(bytes);
}

/** `length` rounded up to the next frame boundary. */
export function alignFrame(length: number): number {
  const rest = length % FRAME_ALIGN;
  return rest === 0 ? length : length + FRAME_ALIGN - rest;
}

/**
 * Writes the header of the frame in `bytes[0, header.length)` and its checksum; all else must stand already.
 * `checked` is a view of the same bytes from `CHECKED_FROM` on.
 */
export function sealFrame(
  bytes: Uint8Array,
  checked: Uint8Array,
  header: Omit<FrameHeader, "checksum">,
): void {
  putU32(bytes, 0, FRAME_MAGIC);
  putU32(bytes, 8, header.length);
  putU32(bytes, 12, header.tag);
  putU32(bytes, 16, header.segment);
  putU32(bytes, 20, header.groups);
  putU48(bytes, 24, header.position);
  putU48(bytes, 30, header.synced);
  putU48(bytes, 36, header.firstStamp);
  putU48(bytes, 42, header.lastStamp);
  putU32(bytes, 48, headerCheck(bytes, 0));
  putU32(bytes, 52, 0);
  putU32(bytes, 4, crc32(checked));
}

/**
 * Reads the frame header at `at` (which has `FRAME_HEADER_BYTES`); undefined when magic, header check, tag or
 * length are not those of a frame of this incarnation. Says nothing about the bytes behind it.
 */
export function readFrameHeader(bytes: Uint8Array, at: number, tag: number): FrameHeader | undefined {
  if (getU32(bytes, at) !== FRAME_MAGIC) return undefined;
  if (getU32(bytes, at + 48) !== headerCheck(bytes, at)) return undefined;
  const length = getU32(bytes, at + 8);
  if (length < FRAME_HEADER_BYTES || length % FRAME_ALIGN !== 0) return undefined;
  if (getU32(bytes, at + 12) !== tag) return undefined;
  return {
    checksum: getU32(bytes, at + 4),
    length,
    tag,
    segment: getU32(bytes, at + 16),
    groups: getU32(bytes, at + 20),
    position: getU48(bytes, at + 24),
    synced: getU48(bytes, at + 30),
    firstStamp: getU48(bytes, at + 36),
    lastStamp: getU48(bytes, at + 42),
  };
}

/** Whether the whole frame in `bytes[at, at + header.length)` is as it was sealed. */
export function verifyFrame(bytes: Uint8Array, at: number, header: FrameHeader): boolean {
  return crc32(bytes.subarray(at + CHECKED_FROM, at + header.length)) === header.checksum;
}

/** Mixes header bytes 8 to 48; native crc32 costs more than this for 40 bytes. */
function headerCheck(bytes: Uint8Array, at: number): number {
  let mixed = FRAME_MAGIC;
  for (let i = at + 8; i < at + 48; i += 4) {
    mixed = Math.imul(mixed ^ getU32(bytes, i), 0x9e37_79b1);
    mixed ^= mixed >>> 15;
  }
  return mixed >>> 0;
}
