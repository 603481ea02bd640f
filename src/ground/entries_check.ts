/**
 * Full check of an entry block's structure, for images that come from outside: it reads nothing beyond the
 * block and never throws, whatever the bytes. A block that passes can be read and changed by all of
 * `entries*.ts`.
 */
import {
  AT_DEAD,
  AT_HEAP_LOW,
  AT_HIGH_LENGTH,
  AT_PAYLOAD_LENGTH,
  blockKind,
  blockLevel,
  HEADER_BYTES,
  KIND_BRANCH,
  KIND_LEAF,
  NO_HIGH,
} from "./block.ts";
import { commonPrefixLength, compareBytes, getU16 } from "./bytes.ts";
import {
  CHILD_BYTES,
  ENTRY_HEAD_BYTES,
  entryCount,
  highBytes,
  lowLength,
  prefixLength,
  SLOT_BYTES,
  slotsAt,
} from "./entries.ts";
import { BLOCK_BYTES_ALLOWED, INLINE_VALUE_BYTES_MAX, KEY_BYTES_MAX, TREE_LEVELS_MAX } from "./limits.ts";

/** Offset and length of every entry, one number each, to be sorted. */
const extents: Uint32Array = new Uint32Array(Math.max(...BLOCK_BYTES_ALLOWED) / SLOT_BYTES);

const SPAN = 0x1_0000;

/** Checks everything that holds for a leaf or branch by itself: undefined, or the first thing found wrong. */
export function checkEntries(bytes: Uint8Array, base: number, size: number): string | undefined {
  if (!(base >= 0 && base + size <= bytes.length)) return "the block is cut short";
  if (!BLOCK_BYTES_ALLOWED.includes(size)) return "the block size is not allowed";
  return checkKind(bytes, base) ?? checkFences(bytes, base, size) ?? checkSlots(bytes, base, size) ??
    checkKeys(bytes, base) ?? checkHeap(bytes, base, size);
}

function checkKind(bytes: Uint8Array, base: number): string | undefined {
  const kind = blockKind(bytes, base);
  const level = blockLevel(bytes, base);
  if (kind !== KIND_LEAF && kind !== KIND_BRANCH) return "the block is neither leaf nor branch";
  if (kind === KIND_LEAF && level !== 0) return "a leaf stands above level 0";
  if (kind === KIND_BRANCH && (level < 1 || level >= TREE_LEVELS_MAX)) {
    return "a branch has no branch's level";
  }
  if (getU16(bytes, base + AT_PAYLOAD_LENGTH) !== 0) return "an entry block has a payload length";
  return undefined;
}

function checkFences(bytes: Uint8Array, base: number, size: number): string | undefined {
  const lowBytes = lowLength(bytes, base);
  const high = highBytes(bytes, base);
  if (lowBytes > KEY_BYTES_MAX || high > KEY_BYTES_MAX) return "a fence is longer than a key";
  const heapLow = getU16(bytes, base + AT_HEAP_LOW);
  const slotsEnd = HEADER_BYTES + lowBytes + high + entryCount(bytes, base) * SLOT_BYTES;
  if (slotsEnd > heapLow) return "the slots reach into the heap";
  if (heapLow > size) return "the heap begins behind the block's end";
  const prefix = prefixLength(bytes, base);
  if (getU16(bytes, base + AT_HIGH_LENGTH) === NO_HIGH) {
    return prefix === 0 ? undefined : "there is a prefix without a high key";
  }
  const lowAt = base + HEADER_BYTES;
  const highAt = lowAt + lowBytes;
  const end = highAt + high;
  if (compareBytes(bytes, lowAt, highAt, bytes, highAt, end) >= 0) {
    return "the low key is not below the high key";
  }
  if (commonPrefixLength(bytes, lowAt, highAt, bytes, highAt, end) !== prefix) {
    return "the prefix is not what the fences share";
  }
  return undefined;
}

/** Every slot by itself: its entry lies in the heap, its lengths are allowed, its head is the key's. */
function checkSlots(bytes: Uint8Array, base: number, size: number): string | undefined {
  const count = entryCount(bytes, base);
  const slots = slotsAt(bytes, base);
  const heapLow = getU16(bytes, base + AT_HEAP_LOW);
  const prefix = prefixLength(bytes, base);
  const branch = blockKind(bytes, base) === KIND_BRANCH;
  for (let i = 0; i < count; i++) {
    const slot = slots + i * SLOT_BYTES;
    const offset = getU16(bytes, slot + 4);
    if (offset < heapLow || offset + ENTRY_HEAD_BYTES > size) return `entry ${i} lies outside the heap`;
    const entry = base + offset;
    const suffix = getU16(bytes, entry);
    const value = getU16(bytes, entry + 2);
    const length = ENTRY_HEAD_BYTES + suffix + value;
    if (offset + length > size) return `entry ${i} reaches beyond the block`;
    if (prefix + suffix > KEY_BYTES_MAX) return `key ${i} is too long`;
    if (branch ? value !== CHILD_BYTES : value > INLINE_VALUE_BYTES_MAX) {
      return `value ${i} has a wrong length`;
    }
    for (let j = 0; j < 4; j++) {
      const expected = j < suffix ? bytes[entry + ENTRY_HEAD_BYTES + j] : 0;
      if (bytes[slot + j] !== expected) return `head ${i} is not its key's`;
    }
    extents[i] = offset * SPAN + length;
  }
  return undefined;
}

/** Keys rise strictly from low to below high, by suffix; a branch's first key is its low key. */
function checkKeys(bytes: Uint8Array, base: number): string | undefined {
  const count = entryCount(bytes, base);
  const branch = blockKind(bytes, base) === KIND_BRANCH;
  if (count === 0) return branch ? "a branch has no child" : undefined;
  const slots = slotsAt(bytes, base);
  const prefix = prefixLength(bytes, base);
  const lowAt = base + HEADER_BYTES;
  let from = lowAt + prefix;
  let to = lowAt + lowLength(bytes, base);
  for (let i = 0; i < count; i++) {
    const entry = base + getU16(bytes, slots + i * SLOT_BYTES + 4);
    const next = entry + ENTRY_HEAD_BYTES;
    const end = next + getU16(bytes, entry);
    const order = compareBytes(bytes, from, to, bytes, next, end);
    if (i === 0 ? order > 0 : order >= 0) return `key ${i} is not above what stands before it`;
    if (i === 0 && branch && order !== 0) return "a branch's first key is not its low key";
    from = next;
    to = end;
  }
  if (getU16(bytes, base + AT_HIGH_LENGTH) === NO_HIGH) return undefined;
  const highAt = lowAt + lowLength(bytes, base);
  const high = compareBytes(bytes, from, to, bytes, highAt + prefix, highAt + highBytes(bytes, base));
  return high < 0 ? undefined : "the last key is not below the high key";
}

/** Entries do not overlap, and what they leave of the heap is what is counted as dead. */
function checkHeap(bytes: Uint8Array, base: number, size: number): string | undefined {
  const count = entryCount(bytes, base);
  const sorted = extents.subarray(0, count);
  sorted.sort();
  let end = getU16(bytes, base + AT_HEAP_LOW);
  let dead = 0;
  for (let i = 0; i < count; i++) {
    const offset = Math.floor(sorted[i]! / SPAN);
    if (offset < end) return `the entry at ${offset} overlaps the one before it`;
    dead += offset - end;
    end = offset + sorted[i]! % SPAN;
  }
  dead += size - end;
  return dead === getU16(bytes, base + AT_DEAD) ? undefined : "the dead bytes are miscounted";
}
