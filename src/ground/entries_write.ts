/**
 * Entry blocks: formatting and changing entries within one block.
 *
 * Keys and values given here must not lie in the block itself, for the block may be compacted under them.
 * Whoever changes a block has asked first (`fits`, `coversKey`); a change that cannot be done is a broken
 * invariant.
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
  startHeader,
} from "./block.ts";
import { commonPrefixLength, copyBytes, getU16, putU16 } from "./bytes.ts";
import { ENTRY_HEAD_BYTES, entryAt, entryBytes, freeBytes, putSlot, SLOT_BYTES, slotsAt } from "./entries.ts";
import { invariant, InvariantError } from "./errors.ts";
import { BLOCK_BYTES_ALLOWED } from "./limits.ts";

/** Where a heap waits while it is written anew. */
const scratch: Uint8Array = new Uint8Array(Math.max(...BLOCK_BYTES_ALLOWED));

/** Makes an empty leaf or branch of the range [low, high), stamp 0; `high` undefined is no upper end. */
export function formatEntries(
  bytes: Uint8Array,
  base: number,
  size: number,
  kind: number,
  level: number,
  block: number,
  tree: number,
  volumeTag: number,
  low: Uint8Array,
  lowLength: number,
  high: Uint8Array | undefined,
  highLength: number,
): void {
  const highBytes = high === undefined ? 0 : highLength;
  const lowAt = base + HEADER_BYTES;
  invariant(HEADER_BYTES + lowLength + highBytes <= size, "A block holds both its fences");
  startHeader(bytes, base, kind, level, block, tree, volumeTag);
  bytes.fill(0, lowAt, base + size);
  copyBytes(low, 0, lowLength, bytes, lowAt);
  putU16(bytes, base + AT_LOW_LENGTH, lowLength);
  putU16(bytes, base + AT_HEAP_LOW, size);
  if (high === undefined) {
    putU16(bytes, base + AT_HIGH_LENGTH, NO_HIGH);
    return;
  }
  copyBytes(high, 0, highLength, bytes, lowAt + lowLength);
  putU16(bytes, base + AT_HIGH_LENGTH, highLength);
  putU16(bytes, base + AT_PREFIX_LENGTH, commonPrefixLength(low, 0, lowLength, high, 0, highLength));
}

/**
 * Whether a put of this key and value length has room, dead bytes counted as free. `searchResult` is what
 * `search` gave for the key: an index is a replacement.
 */
export function fits(
  bytes: Uint8Array,
  base: number,
  size: number,
  searchResult: number,
  keyLength: number,
  valueLength: number,
): boolean {
  const free = freeBytes(bytes, base, size);
  if (searchResult >= 0) return valueLength - getU16(bytes, entryAt(bytes, base, searchResult) + 2) <= free;
  const suffix = keyLength - getU16(bytes, base + AT_PREFIX_LENGTH);
  return SLOT_BYTES + ENTRY_HEAD_BYTES + suffix + valueLength <= free;
}

/**
 * Puts `value[valueFrom, valueFrom + valueLength)` under a key; `searchResult` is what `search` gave for the
 * key, and `fits` has said yes. A value that is not longer than the old one is written over it.
 */
export function putAt(
  bytes: Uint8Array,
  base: number,
  size: number,
  searchResult: number,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  valueFrom: number,
  valueLength: number,
): void {
  if (searchResult >= 0 && replace(bytes, base, searchResult, value, valueFrom, valueLength)) return;
  const index = searchResult >= 0 ? searchResult : ~searchResult;
  const prefix = getU16(bytes, base + AT_PREFIX_LENGTH);
  const suffix = keyLength - prefix;
  const count = getU16(bytes, base + AT_COUNT);
  const slots = slotsAt(bytes, base);
  const slotsEnd = slots + count * SLOT_BYTES;
  const low = openHeap(
    bytes,
    base,
    size,
    ENTRY_HEAD_BYTES + suffix + valueLength,
    slotsEnd - base + SLOT_BYTES,
  );
  const entry = base + low;
  putU16(bytes, entry, suffix);
  putU16(bytes, entry + 2, valueLength);
  copyBytes(key, prefix, keyLength, bytes, entry + ENTRY_HEAD_BYTES);
  copyBytes(value, valueFrom, valueFrom + valueLength, bytes, entry + ENTRY_HEAD_BYTES + suffix);
  const slot = slots + index * SLOT_BYTES;
  if (index < count) bytes.copyWithin(slot + SLOT_BYTES, slot, slotsEnd);
  putSlot(bytes, base, slot, entry);
  putU16(bytes, base + AT_COUNT, count + 1);
}

/** Removes one entry. */
export function removeAt(bytes: Uint8Array, base: number, index: number): void {
  const count = getU16(bytes, base + AT_COUNT);
  if (!(index >= 0 && index < count)) throw new InvariantError(`Remove entry ${index} of ${count}`);
  const slot = slotsAt(bytes, base) + index * SLOT_BYTES;
  release(bytes, base, base + getU16(bytes, slot + 4));
  const last = slot + (count - 1 - index) * SLOT_BYTES;
  if (slot < last) bytes.copyWithin(slot, slot + SLOT_BYTES, last + SLOT_BYTES);
  for (let at = last; at < last + SLOT_BYTES; at++) bytes[at] = 0;
  putU16(bytes, base + AT_COUNT, count - 1);
  if (count === 1) emptyHeap(bytes, base);
}

/** Removes the entries [fromIndex, toIndex). */
export function removeRange(bytes: Uint8Array, base: number, fromIndex: number, toIndex: number): void {
  const count = getU16(bytes, base + AT_COUNT);
  if (!(fromIndex >= 0 && fromIndex <= toIndex && toIndex <= count)) {
    throw new InvariantError(`Remove entries [${fromIndex}, ${toIndex}) of ${count}`);
  }
  const slots = slotsAt(bytes, base);
  for (let index = fromIndex; index < toIndex; index++) {
    release(bytes, base, base + getU16(bytes, slots + index * SLOT_BYTES + 4));
  }
  const slotsEnd = slots + count * SLOT_BYTES;
  const removed = (toIndex - fromIndex) * SLOT_BYTES;
  bytes.copyWithin(slots + fromIndex * SLOT_BYTES, slots + toIndex * SLOT_BYTES, slotsEnd);
  bytes.fill(0, slotsEnd - removed, slotsEnd);
  putU16(bytes, base + AT_COUNT, count - (toIndex - fromIndex));
  if (count === toIndex - fromIndex) emptyHeap(bytes, base);
}

/** Writes the heap anew without dead bytes, entries in key order from the block's end. */
export function compact(bytes: Uint8Array, base: number, size: number): void {
  const heapLow = getU16(bytes, base + AT_HEAP_LOW);
  const count = getU16(bytes, base + AT_COUNT);
  scratch.set(bytes.subarray(base + heapLow, base + size), heapLow);
  let slot = slotsAt(bytes, base);
  let low = size;
  for (let i = 0; i < count; i++, slot += SLOT_BYTES) {
    const from = getU16(bytes, slot + 4);
    const length = entryBytes(scratch, from);
    low -= length;
    copyBytes(scratch, from, from + length, bytes, base + low);
    putU16(bytes, slot + 4, low);
  }
  bytes.fill(0, base + heapLow, base + low);
  putU16(bytes, base + AT_HEAP_LOW, low);
  putU16(bytes, base + AT_DEAD, 0);
}

/**
 * Gives an entry another value without touching its slot's head: over the old value, or as a new entry in the
 * hole. False when only a compaction makes room; then the entry is gone.
 */
function replace(
  bytes: Uint8Array,
  base: number,
  index: number,
  value: Uint8Array,
  valueFrom: number,
  valueLength: number,
): boolean {
  const slot = slotsAt(bytes, base) + index * SLOT_BYTES;
  const entry = base + getU16(bytes, slot + 4);
  const suffix = getU16(bytes, entry);
  const spare = getU16(bytes, entry + 2) - valueLength;
  const from = entry + ENTRY_HEAD_BYTES;
  if (spare >= 0) {
    copyBytes(value, valueFrom, valueFrom + valueLength, bytes, from + suffix);
    if (spare > 0) {
      putU16(bytes, entry + 2, valueLength);
      putU16(bytes, base + AT_DEAD, getU16(bytes, base + AT_DEAD) + spare);
    }
    return true;
  }
  const slotsEnd = slotsAt(bytes, base) - base + getU16(bytes, base + AT_COUNT) * SLOT_BYTES;
  const low = getU16(bytes, base + AT_HEAP_LOW) - ENTRY_HEAD_BYTES - suffix - valueLength;
  if (low < slotsEnd) {
    removeAt(bytes, base, index);
    return false;
  }
  putU16(bytes, base + low, suffix);
  putU16(bytes, base + low + 2, valueLength);
  copyBytes(bytes, from, from + suffix, bytes, base + low + ENTRY_HEAD_BYTES);
  copyBytes(value, valueFrom, valueFrom + valueLength, bytes, base + low + ENTRY_HEAD_BYTES + suffix);
  putU16(bytes, slot + 4, low);
  putU16(bytes, base + AT_HEAP_LOW, low);
  putU16(
    bytes,
    base + AT_DEAD,
    getU16(bytes, base + AT_DEAD) + ENTRY_HEAD_BYTES + suffix + valueLength + spare,
  );
  return true;
}

/** Takes `need` bytes at the heap's lower end, which must stay at or above `floor`; returns the new end. */
function openHeap(bytes: Uint8Array, base: number, size: number, need: number, floor: number): number {
  let low = getU16(bytes, base + AT_HEAP_LOW) - need;
  if (low < floor) {
    compact(bytes, base, size);
    low = getU16(bytes, base + AT_HEAP_LOW) - need;
    if (low < floor) throw new InvariantError(`Put an entry of ${need} bytes, ${floor - low} too many`);
  }
  putU16(bytes, base + AT_HEAP_LOW, low);
  return low;
}

/** Gives an entry's bytes back: to the hole when it lies beside it, else they are dead until compaction. */
function release(bytes: Uint8Array, base: number, entry: number): void {
  const length = entryBytes(bytes, entry);
  if (entry - base === getU16(bytes, base + AT_HEAP_LOW)) {
    bytes.fill(0, entry, entry + length);
    putU16(bytes, base + AT_HEAP_LOW, entry - base + length);
  } else {
    putU16(bytes, base + AT_DEAD, getU16(bytes, base + AT_DEAD) + length);
  }
}

/** Without entries the whole heap is dead: gives it back. */
function emptyHeap(bytes: Uint8Array, base: number): void {
  const heapLow = getU16(bytes, base + AT_HEAP_LOW);
  const dead = getU16(bytes, base + AT_DEAD);
  bytes.fill(0, base + heapLow, base + heapLow + dead);
  putU16(bytes, base + AT_HEAP_LOW, heapLow + dead);
  putU16(bytes, base + AT_DEAD, 0);
}
