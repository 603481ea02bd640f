/**
 * Large values: what a leaf keeps of a value that lives in value blocks.
 *
 * tag 11 | u32 length of the encoded value | u32 crc32 of it | u32 block numbers, in order. All
 * little-endian.
 */
import { getU32, putU32 } from "./bytes.ts";
import { HEADER_BYTES } from "./block.ts";

/** First byte of a large value's entry. */
export const TAG_LARGE = 11;
const HEAD_BYTES = 9;

/** Whether the stored value at `at` is kept in value blocks. */
export function isLarge(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === TAG_LARGE;
}

/** How many value blocks an encoded value of `length` bytes takes. */
export function largeBlockCount(length: number, blockSize: number): number {
  return Math.ceil(length / (blockSize - HEADER_BYTES));
}

/** Writes the entry for a large value to the front of `into`; returns its length. */
export function writeLarge(
  into: Uint8Array,
  length: number,
  checksum: number,
  blocks: readonly number[],
): number {
  into[0] = TAG_LARGE;
  putU32(into, 1, length);
  putU32(into, 5, checksum);
  for (let i = 0; i < blocks.length; i++) putU32(into, HEAD_BYTES + 4 * i, blocks[i]!);
  return HEAD_BYTES + 4 * blocks.length;
}

/** Length in bytes of the encoded value. */
export function largeLength(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at + 1);
}

/** Checksum of the encoded value. */
export function largeChecksum(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at + 5);
}

/** Block numbers of the entry at `bytes[at, at + length)`. */
export function largeBlocks(bytes: Uint8Array, at: number, length: number): number[] {
  const blocks: number[] = [];
  for (let i = HEAD_BYTES; i + 4 <= length; i += 4) blocks.push(getU32(bytes, at + i));
  return blocks;
}
