/**
 * Space map blocks: one bit per block of an extent, 1 for allocated (ARCHITECTURE, "Space map").
 *
 * Bit b is bit `b % 8` of body byte `b / 8`; the header's count is the number of set bits. Bits are block
 * numbers within the extent. A change that finds a bit as it should become is a broken invariant: a block
 * would be allocated or freed twice.
 */
import { AT_COUNT, blockCount, HEADER_BYTES, KIND_MAP, startHeader } from "./block.ts";
import { putU16 } from "./bytes.ts";
import { InvariantError } from "./errors.ts";

/** Most blocks of an extent: the header counts them in 16 bits. */
export const EXTENT_BLOCKS_MAX = 0xffff;

/** Most blocks that a map of this block size can describe. */
export function mapBitsMax(size: number): number {
  return Math.min(EXTENT_BLOCKS_MAX, (size - HEADER_BYTES) * 8);
}

/** Makes a map with every block free. The stamp is 0. */
export function formatMap(bytes: Uint8Array, base: number, size: number, block: number, tag: number): void {
  startHeader(bytes, base, KIND_MAP, 0, block, 0, tag);
  bytes.fill(0, base + HEADER_BYTES, base + size);
}

/** Number of allocated blocks. */
export function mapAllocated(bytes: Uint8Array, base: number): number {
  return blockCount(bytes, base);
}

/** Whether one block is allocated. */
export function mapIsSet(bytes: Uint8Array, base: number, bit: number): boolean {
  return (bytes[base + HEADER_BYTES + (bit >>> 3)]! & (1 << (bit & 7))) !== 0;
}

/** Whether all blocks [start, start + count) are allocated (`set`), or all are free. */
export function mapRunIs(
  bytes: Uint8Array,
  base: number,
  start: number,
  count: number,
  set: boolean,
): boolean {
  for (let bit = start; bit < start + count; bit++) if (mapIsSet(bytes, base, bit) !== set) return false;
  return true;
}

/**
 * First free block at or behind `from`, below both the extent's size and `limitBits`; -1 when there is none.
 */
export function mapFindFree(
  bytes: Uint8Array,
  base: number,
  extentBlocks: number,
  limitBits: number,
  from: number,
): number {
  const end = limitBits < extentBlocks ? limitBits : extentBlocks;
  const body = base + HEADER_BYTES;
  let bit = from;
  while (bit < end) {
    const rest = bytes[body + (bit >>> 3)]! | ((1 << (bit & 7)) - 1);
    if (rest !== 0xff) {
      const free = (bit & ~7) + 31 - Math.clz32(~rest & (rest + 1));
      return free < end ? free : -1;
    }
    bit = (bit & ~7) + 8;
  }
  return -1;
}

/** Marks the blocks [start, start + count) allocated; all were free. */
export function mapSet(bytes: Uint8Array, base: number, start: number, count: number): void {
  if (!mapRunIs(bytes, base, start, count, false)) {
    throw new InvariantError(`Allocate blocks [${start}, ${start + count}) of an extent: one is allocated`);
  }
  flip(bytes, base, start, count);
  putU16(bytes, base + AT_COUNT, blockCount(bytes, base) + count);
}

/** Marks the blocks [start, start + count) free; all were allocated. */
export function mapClear(bytes: Uint8Array, base: number, start: number, count: number): void {
  if (!mapRunIs(bytes, base, start, count, true)) {
    throw new InvariantError(`Free blocks [${start}, ${start + count}) of an extent: one is free`);
  }
  flip(bytes, base, start, count);
  putU16(bytes, base + AT_COUNT, blockCount(bytes, base) - count);
}

/** Bytes of the body up to the last one that is not zero. */
export function mapUsedBytes(bytes: Uint8Array, base: number, size: number): number {
  let at = base + size;
  while (at > base + HEADER_BYTES && bytes[at - 1] === 0) at--;
  return at - base - HEADER_BYTES;
}

/** Checks what holds for a map by itself, for images from outside: undefined, or what is wrong. */
export function checkMap(
  bytes: Uint8Array,
  base: number,
  size: number,
  extentBlocks: number = mapBitsMax(size),
): string | undefined {
  if (!(base >= 0 && base + size <= bytes.length)) return "the block is cut short";
  let set = 0;
  for (let at = base + HEADER_BYTES; at < base + size; at++) {
    for (let rest = bytes[at]!; rest !== 0; rest &= rest - 1) set++;
  }
  if (set !== blockCount(bytes, base)) return "the allocated blocks are miscounted";
  const last = mapUsedBytes(bytes, base, size) * 8;
  for (let bit = extentBlocks; bit < last; bit++) {
    if (mapIsSet(bytes, base, bit)) return `bit ${bit} lies outside the extent`;
  }
  return undefined;
}

function flip(bytes: Uint8Array, base: number, start: number, count: number): void {
  const body = base + HEADER_BYTES;
  for (let bit = start; bit < start + count; bit++) {
    bytes[body + (bit >>> 3)] = bytes[body + (bit >>> 3)]! ^ (1 << (bit & 7));
  }
}
