/**
 * Entry blocks (leaves and branches): layout and reading (ARCHITECTURE, "Entry block").
 *
 * After the header come the low key, the high key and the slots; the heap of entries grows down from the
 * block's end. A slot is the first four bytes of the key behind the prefix, most significant first and zero
 * padded, and the offset of its entry; an entry is suffix length, value length, suffix, value. The prefix is
 * what low and high key share, so every key of the block has it and it is stored once, at the beginning of
 * the low key.
 *
 * The bytes between slots and heap are always zero, and every change is a function of the block's bytes and
 * its arguments alone: the same changes on the same image give the same bytes again.
 */
import {
  AT_COUNT,
  AT_DEAD,
  AT_HEAP_LOW,
  AT_HIGH_LENGTH,
  AT_LOW_LENGTH,
  AT_PREFIX_LENGTH,
  HEADER_BYTES,
  NO_HIGH,
} from "./block.ts";
import { compareBytes, copyBytes, getU16, getU32, putU16 } from "./bytes.ts";

/** Bytes of a slot: key head and entry offset. */
export const SLOT_BYTES = 6;
/** Bytes of an entry before its suffix: suffix length and value length. */
export const ENTRY_HEAD_BYTES = 4;
/** Bytes of a branch value: the child's block number. */
export const CHILD_BYTES = 4;
/** Bytes of a slot before the offset: the key head. */
export const HEAD_BYTES = 4;

/** Number of entries. */
export function entryCount(bytes: Uint8Array, base: number): number {
  return getU16(bytes, base + AT_COUNT);
}

/** Length of the prefix that all keys of the block share. */
export function prefixLength(bytes: Uint8Array, base: number): number {
  return getU16(bytes, base + AT_PREFIX_LENGTH);
}

/** Length of the low key. */
export function lowLength(bytes: Uint8Array, base: number): number {
  return getU16(bytes, base + AT_LOW_LENGTH);
}

/** Bytes the high key takes: 0 when there is none. */
export function highBytes(bytes: Uint8Array, base: number): number {
  const length = getU16(bytes, base + AT_HIGH_LENGTH);
  return length === NO_HIGH ? 0 : length;
}

/** Absolute offset of the first slot. */
export function slotsAt(bytes: Uint8Array, base: number): number {
  return base + HEADER_BYTES + lowLength(bytes, base) + highBytes(bytes, base);
}

/** Absolute offset of an entry. */
export function entryAt(bytes: Uint8Array, base: number, index: number): number {
  return base + getU16(bytes, slotsAt(bytes, base) + index * SLOT_BYTES + HEAD_BYTES);
}

/** Bytes of an entry in the heap. */
export function entryBytes(bytes: Uint8Array, entry: number): number {
  return ENTRY_HEAD_BYTES + getU16(bytes, entry) + getU16(bytes, entry + 2);
}

/** Writes the slot for an entry already in the heap; both offsets are absolute. */
export function putSlot(bytes: Uint8Array, base: number, slot: number, entry: number): void {
  const suffix = getU16(bytes, entry);
  const from = entry + ENTRY_HEAD_BYTES;
  bytes[slot] = suffix > 0 ? bytes[from]! : 0;
  bytes[slot + 1] = suffix > 1 ? bytes[from + 1]! : 0;
  bytes[slot + 2] = suffix > 2 ? bytes[from + 2]! : 0;
  bytes[slot + 3] = suffix > 3 ? bytes[from + 3]! : 0;
  putU16(bytes, slot + HEAD_BYTES, entry - base);
}

/**
 * Finds a full tree key that is known to lie in [low, high): its index, or `~i` when it is absent and would
 * belong at `i`.
 *
 * Heads are compared as signed integers with the top bit turned over: both runtimes keep those in a register,
 * where an unsigned one may become a double.
 */
export function search(bytes: Uint8Array, base: number, key: Uint8Array, keyLength: number): number {
  const prefix = getU16(bytes, base + AT_PREFIX_LENGTH);
  const slots = slotsAt(bytes, base);
  const head = keyHead(key, prefix, keyLength);
  let low = 0;
  let high = getU16(bytes, base + AT_COUNT);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const slot = slots + middle * SLOT_BYTES;
    const found = ((bytes[slot]! ^ 0x80) << 24) | (bytes[slot + 1]! << 16) | (bytes[slot + 2]! << 8) |
      bytes[slot + 3]!;
    if (found < head) low = middle + 1;
    else if (found > head) high = middle;
    else {
      const order = compareTail(bytes, base + getU16(bytes, slot + HEAD_BYTES), key, prefix, keyLength);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
  }
  return ~low;
}

/** First index whose key is at or above any key, inside the block's range or not; the count when none is. */
export function lowerBound(bytes: Uint8Array, base: number, key: Uint8Array, keyLength: number): number {
  const side = comparePrefix(bytes, base, key, keyLength);
  if (side > 0) return 0;
  if (side < 0) return getU16(bytes, base + AT_COUNT);
  const found = search(bytes, base, key, keyLength);
  return found >= 0 ? found : ~found;
}

/**
 * Index of the child whose range holds the key (a full tree key that lies in [low, high)): that of the last
 * entry at or below it. -1 in a block without one.
 */
export function childIndex(bytes: Uint8Array, base: number, key: Uint8Array, keyLength: number): number {
  const found = search(bytes, base, key, keyLength);
  return found >= 0 ? found : ~found - 1;
}

/** Orders an entry's key against any key: below, equal to or above zero. */
export function compareKeyAt(
  bytes: Uint8Array,
  base: number,
  index: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const side = comparePrefix(bytes, base, key, keyLength);
  if (side !== 0) return side;
  const entry = entryAt(bytes, base, index);
  const from = entry + ENTRY_HEAD_BYTES;
  const prefix = getU16(bytes, base + AT_PREFIX_LENGTH);
  return compareBytes(bytes, from, from + getU16(bytes, entry), key, prefix, keyLength);
}

/** Length of the full key of an entry. */
export function keyLengthAt(bytes: Uint8Array, base: number, index: number): number {
  return getU16(bytes, base + AT_PREFIX_LENGTH) + getU16(bytes, entryAt(bytes, base, index));
}

/** Copies the full key of an entry to the front of `out` and returns its length. */
export function keyInto(bytes: Uint8Array, base: number, index: number, out: Uint8Array): number {
  const prefix = getU16(bytes, base + AT_PREFIX_LENGTH);
  const entry = entryAt(bytes, base, index);
  const suffix = getU16(bytes, entry);
  const low = base + HEADER_BYTES;
  const from = entry + ENTRY_HEAD_BYTES;
  copyBytes(bytes, low, low + prefix, out, 0);
  copyBytes(bytes, from, from + suffix, out, prefix);
  return prefix + suffix;
}

/** Absolute offset of an entry's value. */
export function valueOffset(bytes: Uint8Array, base: number, index: number): number {
  const entry = entryAt(bytes, base, index);
  return entry + ENTRY_HEAD_BYTES + getU16(bytes, entry);
}

/** Length of an entry's value. */
export function valueLength(bytes: Uint8Array, base: number, index: number): number {
  return getU16(bytes, entryAt(bytes, base, index) + 2);
}

/** Block number of a branch's child. */
export function childAt(bytes: Uint8Array, base: number, index: number): number {
  return getU32(bytes, valueOffset(bytes, base, index));
}

/** Copies the low key to the front of `out` and returns its length. */
export function lowInto(bytes: Uint8Array, base: number, out: Uint8Array): number {
  const low = base + HEADER_BYTES;
  const length = lowLength(bytes, base);
  copyBytes(bytes, low, low + length, out, 0);
  return length;
}

/** Copies the high key to the front of `out` and returns its length, -1 when the range has no upper end. */
export function highInto(bytes: Uint8Array, base: number, out: Uint8Array): number {
  const length = getU16(bytes, base + AT_HIGH_LENGTH);
  if (length === NO_HIGH) return -1;
  const high = base + HEADER_BYTES + lowLength(bytes, base);
  copyBytes(bytes, high, high + length, out, 0);
  return length;
}

/** Whether low <= key < high. */
export function coversKey(bytes: Uint8Array, base: number, key: Uint8Array, keyLength: number): boolean {
  const low = base + HEADER_BYTES;
  const high = low + lowLength(bytes, base);
  if (compareBytes(bytes, low, high, key, 0, keyLength) > 0) return false;
  const length = getU16(bytes, base + AT_HIGH_LENGTH);
  return length === NO_HIGH || compareBytes(key, 0, keyLength, bytes, high, high + length) < 0;
}

/** Bytes that are neither header, fence, slot nor entry: the hole, and the dead bytes of the heap. */
export function freeBytes(bytes: Uint8Array, base: number, size: number): number {
  return size - usedBytes(bytes, base, size);
}

/** Bytes that header, fences, slots and entries take. */
export function usedBytes(bytes: Uint8Array, base: number, size: number): number {
  const slotsEnd = slotsAt(bytes, base) - base + getU16(bytes, base + AT_COUNT) * SLOT_BYTES;
  return slotsEnd + size - getU16(bytes, base + AT_HEAP_LOW) - getU16(bytes, base + AT_DEAD);
}

/** First four bytes of the key behind the prefix as a signed integer that orders as the bytes do. */
function keyHead(key: Uint8Array, from: number, to: number): number {
  if (to - from >= HEAD_BYTES) {
    return ((key[from]! ^ 0x80) << 24) | (key[from + 1]! << 16) | (key[from + 2]! << 8) | key[from + 3]!;
  }
  const first = from < to ? key[from]! : 0;
  const second = from + 1 < to ? key[from + 1]! : 0;
  const third = from + 2 < to ? key[from + 2]! : 0;
  return ((first ^ 0x80) << 24) | (second << 16) | (third << 8);
}

/**
 * Orders an entry against a key whose head is the same: by what follows the head, then by length. Where one
 * is shorter than a head the zero padding made them equal, and length alone decides.
 */
function compareTail(
  bytes: Uint8Array,
  entry: number,
  key: Uint8Array,
  prefix: number,
  keyLength: number,
): number {
  const suffix = getU16(bytes, entry);
  const rest = keyLength - prefix;
  const common = suffix < rest ? suffix : rest;
  const from = entry + ENTRY_HEAD_BYTES;
  for (let i = HEAD_BYTES; i < common; i++) {
    const difference = bytes[from + i]! - key[prefix + i]!;
    if (difference !== 0) return difference;
  }
  return suffix - rest;
}

/** Orders the block's prefix against the beginning of a key: 0 when the key has the prefix. */
function comparePrefix(bytes: Uint8Array, base: number, key: Uint8Array, keyLength: number): number {
  const prefix = getU16(bytes, base + AT_PREFIX_LENGTH);
  const low = base + HEADER_BYTES;
  for (let i = 0; i < prefix; i++) {
    if (i >= keyLength) return 1;
    const difference = bytes[low + i]! - key[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
