/**
 * The bytes of an image journal (ARCHITECTURE, "Image journal"): one file, overwritten by every cycle of the
 * write daemon.
 *
 * A header block with the cycle header and, in a sector of its own, the release mark; behind it images at
 * equal strides, each behind an entry header. Every part carries the cycle's number, so that what an older
 * cycle left is never taken for a newer one's, and what a newer one has begun to write proves the older one
 * finished.
 */
import { crc32 } from "node:zlib";
import { getU16, getU32, getU48, putU16, putU32, putU48 } from "../ground/bytes.ts";
import { CohortError } from "../ground/errors.ts";
import { getId, ID_BYTES, putId } from "../ground/hex.ts";

/** Version of the image journal format that this code writes. */
export const IMAGE_FORMAT = 1;
/** Bytes before the first entry. */
export const IMAGE_HEADER_BYTES = 4096;
/** Bytes of the cycle header, at the beginning. */
export const CYCLE_BYTES = 128;
/** Where the release mark lies. */
export const RELEASE_AT = 2048;
/** Bytes of the release mark. */
export const RELEASE_BYTES = 64;
/** Bytes of an entry's header; the block follows. */
export const ENTRY_BYTES = 64;

const CYCLE_MAGIC = 0x3143_4943;
const RELEASE_MAGIC = 0x3152_4943;
const ENTRY_MAGIC = 0x3145_4943;

/** From where redo has to be rolled forward once a cycle is home (rule W6). */
export interface ImageFacts {
  /** Position of the redo journal up to which the images hold everything. */
  readonly position: number;
  /** Highest stamp the images may have. */
  readonly stamp: number;
  /** Segment of that position. */
  readonly segment: number;
}

/** What the header of a cycle says. */
export interface CycleHeader extends ImageFacts {
  /** Incarnation of the node: 32 hexadecimal digits. */
  readonly incarnation: string;
  readonly cycle: number;
  /** How many images. */
  readonly count: number;
  /** Bytes from one entry to the next. */
  readonly stride: number;
  /** crc32 of all entry headers, one behind the other. */
  readonly tableChecksum: number;
  /** Milliseconds since 1970 when it was written. */
  readonly wallMs: number;
}

/** What the header of an entry says. */
export interface EntryHeader {
  readonly index: number;
  readonly cycle: number;
  /** 32 hexadecimal digits. */
  readonly volumeId: string;
  /** 32 hexadecimal digits. */
  readonly volumeIncarnation: string;
  readonly block: number;
  /** Bytes of the block. */
  readonly size: number;
  /** crc32 of the block. */
  readonly checksum: number;
}

/** Encodes a cycle's header: `CYCLE_BYTES` bytes. */
export function encodeCycle(header: CycleHeader): Uint8Array {
  const bytes = new Uint8Array(CYCLE_BYTES);
  putU32(bytes, 0, CYCLE_MAGIC);
  putU16(bytes, 8, IMAGE_FORMAT);
  putU32(bytes, 12, header.count);
  putId(bytes, 16, header.incarnation);
  putU48(bytes, 32, header.cycle);
  putU48(bytes, 38, header.position);
  putU48(bytes, 44, header.stamp);
  putU48(bytes, 50, header.wallMs);
  putU32(bytes, 56, header.segment);
  putU32(bytes, 60, header.stride);
  putU32(bytes, 64, header.tableChecksum);
  putU32(bytes, 4, crc32(bytes.subarray(8)));
  return bytes;
}

/** Decodes a cycle's header; undefined when the bytes are none. Throws `FORMAT_NEWER` naming `path`. */
export function decodeCycle(bytes: Uint8Array, path: string): CycleHeader | undefined {
  if (bytes.length < CYCLE_BYTES || getU32(bytes, 0) !== CYCLE_MAGIC) return undefined;
  if (crc32(bytes.subarray(8, CYCLE_BYTES)) !== getU32(bytes, 4)) return undefined;
  const format = getU16(bytes, 8);
  if (format > IMAGE_FORMAT) {
    const message = `Read image journal ${path}: its format ${format} is newer than ${IMAGE_FORMAT}`;
    throw new CohortError("FORMAT_NEWER", message, { path, expected: IMAGE_FORMAT, found: format });
  }
  return {
    count: getU32(bytes, 12),
    incarnation: getId(bytes, 16),
    cycle: getU48(bytes, 32),
    position: getU48(bytes, 38),
    stamp: getU48(bytes, 44),
    wallMs: getU48(bytes, 50),
    segment: getU32(bytes, 56),
    stride: getU32(bytes, 60),
    tableChecksum: getU32(bytes, 64),
  };
}

/** Encodes a release mark: `RELEASE_BYTES` bytes. */
export function encodeRelease(incarnation: string, cycle: number): Uint8Array {
  const bytes = new Uint8Array(RELEASE_BYTES);
  putU32(bytes, 0, RELEASE_MAGIC);
  putU48(bytes, 8, cycle);
  putId(bytes, 16, incarnation);
  putU32(bytes, 4, crc32(bytes.subarray(8)));
  return bytes;
}

/**
 * Highest cycle of this incarnation that is released, by a release mark; 0 when the bytes are no mark of it.
 */
export function decodeRelease(bytes: Uint8Array, incarnation: string): number {
  if (bytes.length < RELEASE_BYTES || getU32(bytes, 0) !== RELEASE_MAGIC) return 0;
  if (crc32(bytes.subarray(8, RELEASE_BYTES)) !== getU32(bytes, 4)) return 0;
  return getId(bytes, 16) === incarnation ? getU48(bytes, 8) : 0;
}

/** Writes an entry's header at `at`; `identity` is volume id and incarnation, `2 * ID_BYTES` bytes. */
export function putEntry(
  bytes: Uint8Array,
  at: number,
  entry: Omit<EntryHeader, "volumeId" | "volumeIncarnation">,
  identity: Uint8Array,
): void {
  putU32(bytes, at, ENTRY_MAGIC);
  putU32(bytes, at + 8, entry.index);
  putU32(bytes, at + 12, entry.size);
  putU48(bytes, at + 16, entry.cycle);
  putU16(bytes, at + 22, 0);
  putU32(bytes, at + 24, entry.block);
  putU32(bytes, at + 28, entry.checksum);
  bytes.set(identity, at + 32);
  putU32(bytes, at + 4, crc32(bytes.subarray(at + 8, at + ENTRY_BYTES)));
}

/** Reads an entry's header at `at`; undefined when there is none. */
export function getEntry(bytes: Uint8Array, at: number): EntryHeader | undefined {
  if (getU32(bytes, at) !== ENTRY_MAGIC) return undefined;
  if (crc32(bytes.subarray(at + 8, at + ENTRY_BYTES)) !== getU32(bytes, at + 4)) return undefined;
  return {
    index: getU32(bytes, at + 8),
    size: getU32(bytes, at + 12),
    cycle: getU48(bytes, at + 16),
    block: getU32(bytes, at + 24),
    checksum: getU32(bytes, at + 28),
    volumeId: getId(bytes, at + 32),
    volumeIncarnation: getId(bytes, at + 32 + ID_BYTES),
  };
}
