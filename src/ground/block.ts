/**
 * The 40-byte header that every block begins with, sealing before a block leaves memory, and the check after
 * it came back (ARCHITECTURE, "Block header").
 *
 * A block is named by the array that holds it and `base`, the index of its first byte there, so that blocks
 * can lie side by side in one pool. The checksum is right only between `sealBlock` and the next change.
 */
import { crc32 } from "node:zlib";

import { getU16, getU32, getU48, putU32, putU48 } from "./bytes.ts";

/** Bytes of the header. */
export const HEADER_BYTES = 40;
/** Version of the block format that this code writes. */
export const BLOCK_FORMAT = 1;

/** Volume header slot (blocks 0 and 1). */
export const KIND_HEADER = 1;
/** Space map of one extent. */
export const KIND_MAP = 2;
/** Tree leaf: keys and values. */
export const KIND_LEAF = 3;
/** Tree branch: keys and child blocks. */
export const KIND_BRANCH = 4;
/** Part of a large value. */
export const KIND_VALUE = 5;
/** Freed block, kept for its stamp. */
export const KIND_FREE = 6;

/** Length of an absent high key in the header: the block's range has no upper end. */
export const NO_HIGH = 0xffff;

/** Header offset of the checksum, the first covered byte being the one after it. */
export const AT_CHECKSUM = 0;
/** Header offset of the format version (one byte). */
export const AT_FORMAT = 4;
/** Header offset of the kind (one byte). */
export const AT_KIND = 5;
/** Header offset of the tree level (one byte; 0 for a leaf). */
export const AT_LEVEL = 6;
/** Header offset of the flags (one byte; none is defined yet, so 0). */
export const AT_FLAGS = 7;
/** Header offset of the block number. */
export const AT_BLOCK = 8;
/** Header offset of the tree's root block number. */
export const AT_TREE = 12;
/** Header offset of the 48-bit commit stamp. */
export const AT_STAMP = 16;
/** Header offset of the count: entries, or allocated bits of a map. */
export const AT_COUNT = 22;
/** Header offset of the volume tag. */
export const AT_VOLUME_TAG = 24;
/** Header offset of the heap's beginning. */
export const AT_HEAP_LOW = 28;
/** Header offset of the count of dead heap bytes. */
export const AT_DEAD = 30;
/** Header offset of the length of the prefix all keys share. */
export const AT_PREFIX_LENGTH = 32;
/** Header offset of the low key's length. */
export const AT_LOW_LENGTH = 34;
/** Header offset of the high key's length, or `NO_HIGH`. */
export const AT_HIGH_LENGTH = 36;
/** Header offset of a value block's payload length. */
export const AT_PAYLOAD_LENGTH = 38;

/** Why a block is not the one asked for; "format newer" means a newer Cohort wrote it. */
export type BlockFault = "checksum" | "format newer" | "format" | "kind" | "address" | "volume";

/** What `writeHeader` puts into a header; every other field becomes 0. */
export interface BlockHeader {
  readonly kind: number;
  readonly level: number;
  readonly block: number;
  /** Root block number of the tree, 0 for none. */
  readonly tree: number;
  readonly stamp: number;
  readonly volumeTag: number;
}

/** Kind of the block: one of `KIND_*` once verified. */
export function blockKind(bytes: Uint8Array, base: number): number {
  return bytes[base + AT_KIND]!;
}

/** Tree level of the block: 0 for a leaf. */
export function blockLevel(bytes: Uint8Array, base: number): number {
  return bytes[base + AT_LEVEL]!;
}

/** Number of the block on its volume. */
export function blockNumber(bytes: Uint8Array, base: number): number {
  return getU32(bytes, base + AT_BLOCK);
}

/** Root block number of the tree the block belongs to, 0 for none. */
export function blockTree(bytes: Uint8Array, base: number): number {
  return getU32(bytes, base + AT_TREE);
}

/** Commit stamp of the last group that changed the block, 0 for none. */
export function blockStamp(bytes: Uint8Array, base: number): number {
  return getU48(bytes, base + AT_STAMP);
}

/** Sets the commit stamp (48 bits). */
export function setBlockStamp(bytes: Uint8Array, base: number, stamp: number): void {
  putU48(bytes, base + AT_STAMP, stamp);
}

/** Entries of a leaf or branch, allocated bits of a map. */
export function blockCount(bytes: Uint8Array, base: number): number {
  return getU16(bytes, base + AT_COUNT);
}

/** Tag of the volume the block was written for: 32 bits of its identity and incarnation. */
export function volumeTag(bytes: Uint8Array, base: number): number {
  return getU32(bytes, base + AT_VOLUME_TAG);
}

/** Writes a whole header: the given fields, the format version, and 0 elsewhere. */
export function writeHeader(bytes: Uint8Array, base: number, header: BlockHeader): void {
  startHeader(bytes, base, header.kind, header.level, header.block, header.tree, header.volumeTag);
  putU48(bytes, base + AT_STAMP, header.stamp);
}

/** `writeHeader` with stamp 0 and the fields as arguments, for paths that must not allocate. */
export function startHeader(
  bytes: Uint8Array,
  base: number,
  kind: number,
  level: number,
  block: number,
  tree: number,
  tag: number,
): void {
  bytes.fill(0, base, base + HEADER_BYTES);
  bytes[base + AT_FORMAT] = BLOCK_FORMAT;
  bytes[base + AT_KIND] = kind;
  bytes[base + AT_LEVEL] = level;
  putU32(bytes, base + AT_BLOCK, block);
  putU32(bytes, base + AT_TREE, tree);
  putU32(bytes, base + AT_VOLUME_TAG, tag);
}

/** Makes a freed block: a header, then zeros. The stamp is 0. */
export function formatFree(bytes: Uint8Array, base: number, size: number, block: number, tag: number): void {
  startHeader(bytes, base, KIND_FREE, 0, block, 0, tag);
  bytes.fill(0, base + HEADER_BYTES, base + size);
}

/** Sets the checksum over everything behind it; call it last, before the block leaves memory. */
export function sealBlock(bytes: Uint8Array, base: number, size: number): void {
  putU32(bytes, base + AT_CHECKSUM, crc32(bytes.subarray(base + AT_FORMAT, base + size)));
}

/** Checks that a sealed block is whole and the one asked for: undefined, or the first fault found. */
export function verifyBlock(
  bytes: Uint8Array,
  base: number,
  size: number,
  block: number,
  tag: number,
): BlockFault | undefined {
  const sum = crc32(bytes.subarray(base + AT_FORMAT, base + size));
  if (sum !== getU32(bytes, base + AT_CHECKSUM)) return "checksum";
  const format = bytes[base + AT_FORMAT]!;
  if (format > BLOCK_FORMAT) return "format newer";
  if (format !== BLOCK_FORMAT || bytes[base + AT_FLAGS] !== 0) return "format";
  const kind = bytes[base + AT_KIND]!;
  if (kind < KIND_HEADER || kind > KIND_FREE) return "kind";
  if (getU32(bytes, base + AT_BLOCK) !== block) return "address";
  if (getU32(bytes, base + AT_VOLUME_TAG) !== tag >>> 0) return "volume";
  return undefined;
}

/** Whether the block was never written: every byte is 0. */
export function isBlank(bytes: Uint8Array, base: number, size: number): boolean {
  const end = base + size;
  for (let at = base; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}
