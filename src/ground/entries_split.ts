/**
 * Entry blocks: moving entries between blocks - split, truncate, merge - and where to cut.
 *
 * A split always succeeds. Let C = size - header bytes, M the largest entry with its slot, K the longest key,
 * L and H the lengths of the fences, and E the bytes of all entries, the new one included: as the old ones
 * fitted, E <= C - L - H + M. A cut at p bytes with a separator of at most K bytes leaves room on both sides
 * when p <= C - L - K and E - p <= C - K - H, so when p lies in a window of width
 * 2C - L - H - 2K - E >= C - 2K - M. Cuts are at most M apart, so one lies in the window if C >= 2K + 2M;
 * then the first and the last entry alone have room as well, so neither half need be empty. Prefixes can only
 * grow by a split, which makes entries smaller. For 8192: C = 8152, K = 1019, M = 6 + 4 + 1019 + 1836 = 2865,
 * and 2K + 2M = 7768.
 */
import {
  AT_COUNT,
  AT_HEAP_LOW,
  AT_HIGH_LENGTH,
  AT_PREFIX_LENGTH,
  AT_STAMP,
  blockKind,
  blockLevel,
  blockNumber,
  blockTree,
  HEADER_BYTES,
  KIND_BRANCH,
  NO_HIGH,
  volumeTag,
} from "./block.ts";
import { commonPrefixLength, compareBytes, copyBytes, getU16, putU16 } from "./bytes.ts";
import {
  ENTRY_HEAD_BYTES,
  entryAt,
  entryBytes,
  entryCount,
  highBytes,
  keyInto,
  keyLengthAt,
  lowerBound,
  lowLength,
  prefixLength,
  putSlot,
  SLOT_BYTES,
  slotsAt,
  usedBytes,
} from "./entries.ts";
import { formatEntries } from "./entries_write.ts";
import { invariant, InvariantError } from "./errors.ts";
import { BLOCK_BYTES_ALLOWED, INLINE_VALUE_BYTES_MAX, KEY_BYTES_MAX } from "./limits.ts";

/** Most bytes one entry takes of a block, its slot included. */
export const ENTRY_BYTES_MAX: number = SLOT_BYTES + ENTRY_HEAD_BYTES + KEY_BYTES_MAX + INLINE_VALUE_BYTES_MAX;

invariant(
  Math.min(...BLOCK_BYTES_ALLOWED) - HEADER_BYTES >= 2 * KEY_BYTES_MAX + 2 * ENTRY_BYTES_MAX,
  "The smallest block holds two fences and two of the largest entries",
);

const scratch: Uint8Array = new Uint8Array(Math.max(...BLOCK_BYTES_ALLOWED));
const leftKey: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
const rightKey: Uint8Array = new Uint8Array(KEY_BYTES_MAX);

/**
 * Where to split a block that has no room for a put: the index of the first entry of the right half, so that
 * both halves and the put have room. `searchResult` is what `search` gave for the key of the put.
 *
 * A result >= 0: a new key belongs right when it would be inserted at that index or behind, else left.
 * A result < 0 is `~index`: it would be inserted at `index` and belongs left, at the end of the left half.
 * `splitSeparator` gives the key that says so.
 *
 * The halves are about equal, except where keys come in order: a run that rises or falls leaves full blocks
 * behind. It shows by an insertion at the block's end or beginning, or beside the entry put last, which is
 * the one at the heap's lower end.
 */
export function splitIndex(
  bytes: Uint8Array,
  base: number,
  size: number,
  searchResult: number,
  keyLength: number,
  valueLength: number,
): number {
  const count = entryCount(bytes, base);
  const at = searchResult >= 0 ? searchResult : ~searchResult;
  const last = searchResult >= 0 ? count - 1 : count;
  invariant(at <= last && last >= 1, "A block that is split holds two entries with the put");
  const put = SLOT_BYTES + ENTRY_HEAD_BYTES + keyLength - prefixLength(bytes, base) + valueLength;
  const leftRoom = size - HEADER_BYTES - lowLength(bytes, base);
  const rightRoom = size - HEADER_BYTES - highBytes(bytes, base);
  const total = usedBytes(bytes, base, size) - (slotsAt(bytes, base) - base) + put -
    (searchResult >= 0 ? SLOT_BYTES + entryBytes(bytes, entryAt(bytes, base, at)) : 0);
  const wished = searchResult >= 0 ? -1 : wishedCut(bytes, base, at, count);
  // Keys that come in ascending order: the put alone goes right, if it can, without a look at each entry.
  if (
    wished === last && at === last && total - put + keyLength <= leftRoom && put + keyLength <= rightRoom
  ) return last;
  // Cut c: the first c of the entries with the put among them go left.
  let best = -1;
  let bestScore = Infinity;
  let left = 0;
  for (let cut = 1; cut <= last; cut++) {
    const index = cut - 1 < at || searchResult >= 0 ? cut - 1 : cut - 2;
    left += cut - 1 === at ? put : SLOT_BYTES + entryBytes(bytes, entryAt(bytes, base, index));
    const first = cut < at || searchResult >= 0 ? cut : cut - 1;
    const separator = cut === at ? keyLength : keyLengthAt(bytes, base, first);
    if (left + separator > leftRoom || total - left + separator > rightRoom) continue;
    const score = Math.abs(wished >= 0 ? cut - wished : 2 * left - total);
    if (score < bestScore) {
      best = cut;
      bestScore = score;
    }
  }
  if (best < 0) throw new InvariantError(`Split a block of ${count} entries for one of ${put} bytes`);
  if (searchResult >= 0 || best <= at) return best;
  return best === at + 1 ? ~at : best - 1;
}

/**
 * Writes the key that divides the halves of a split to the front of `out` and returns its length: `cut` is
 * what `splitIndex` gave, the rest what it was given. A leaf gets the shortest one; a branch the first key of
 * its right half, for there the first key and the low key are one.
 */
export function splitSeparator(
  bytes: Uint8Array,
  base: number,
  cut: number,
  searchResult: number,
  key: Uint8Array,
  keyLength: number,
  out: Uint8Array,
): number {
  const index = cut >= 0 ? cut : ~cut;
  const putBeginsRight = cut >= 0 && searchResult < 0 && ~searchResult === index;
  const right = putBeginsRight ? key : rightKey;
  const rightLength = putBeginsRight ? keyLength : keyInto(bytes, base, index, rightKey);
  if (blockKind(bytes, base) === KIND_BRANCH) {
    copyBytes(right, 0, rightLength, out, 0);
    return rightLength;
  }
  if (cut < 0) return shortestSeparator(key, keyLength, right, rightLength, out);
  const leftLength = keyInto(bytes, base, index - 1, leftKey);
  return shortestSeparator(leftKey, leftLength, right, rightLength, out);
}

/** Writes the shortest s with left < s <= right to the front of `out` and returns its length. */
export function shortestSeparator(
  left: Uint8Array,
  leftLength: number,
  right: Uint8Array,
  rightLength: number,
  out: Uint8Array,
): number {
  const common = commonPrefixLength(left, 0, leftLength, right, 0, rightLength);
  invariant(common < rightLength, "A separator stands between two keys in order");
  copyBytes(right, 0, common + 1, out, 0);
  return common + 1;
}

/** Whether `truncate` can be done: low < newHigh <= high, and the longer fence has room. */
export function canTruncate(
  bytes: Uint8Array,
  base: number,
  size: number,
  newHigh: Uint8Array,
  newHighLength: number,
): boolean {
  const low = base + HEADER_BYTES;
  const high = low + lowLength(bytes, base);
  if (compareBytes(bytes, low, high, newHigh, 0, newHighLength) >= 0) return false;
  const oldLength = getU16(bytes, base + AT_HIGH_LENGTH);
  if (oldLength !== NO_HIGH && compareBytes(newHigh, 0, newHighLength, bytes, high, high + oldLength) > 0) {
    return false;
  }
  const prefix = commonPrefixLength(bytes, low, high, newHigh, 0, newHighLength);
  const keep = lowerBound(bytes, base, newHigh, newHighLength);
  const shorter = prefix - prefixLength(bytes, base);
  let need = high - base + newHighLength;
  for (let i = 0; i < keep; i++) need += SLOT_BYTES + entryBytes(bytes, entryAt(bytes, base, i)) - shorter;
  return need <= size;
}

/** Removes the entries at or above `newHigh`, which becomes the high key; the prefix can only grow. */
export function truncate(
  bytes: Uint8Array,
  base: number,
  size: number,
  newHigh: Uint8Array,
  newHighLength: number,
): void {
  invariant(
    canTruncate(bytes, base, size, newHigh, newHighLength),
    "A new high key lies in the block's range",
  );
  const keep = lowerBound(bytes, base, newHigh, newHighLength);
  scratch.set(bytes.subarray(base, base + size));
  reformat(scratch, 0, bytes, base, size, newHigh, newHighLength);
  copyRange(scratch, 0, 0, keep, bytes, base, size);
}

/**
 * Appends the entries [fromIndex, toIndex) of one block to another, which is formatted, covers their keys and
 * holds none above the first of them. The prefixes may differ either way.
 */
export function copyRange(
  source: Uint8Array,
  sbase: number,
  fromIndex: number,
  toIndex: number,
  target: Uint8Array,
  tbase: number,
  size: number,
): void {
  const sourcePrefix = prefixLength(source, sbase);
  const targetPrefix = prefixLength(target, tbase);
  const drop = targetPrefix > sourcePrefix ? targetPrefix - sourcePrefix : 0;
  const add = sourcePrefix > targetPrefix ? sourcePrefix - targetPrefix : 0;
  const addFrom = sbase + HEADER_BYTES + targetPrefix;
  const count = entryCount(target, tbase);
  let slot = slotsAt(target, tbase) + count * SLOT_BYTES;
  let entry = tbase + getU16(target, tbase + AT_HEAP_LOW);
  invariant(entry <= tbase + size, "A heap begins within its block");
  for (let i = fromIndex; i < toIndex; i++, slot += SLOT_BYTES) {
    const from = entryAt(source, sbase, i);
    const suffix = getU16(source, from);
    const length = entryBytes(source, from);
    entry -= length - drop + add;
    if (entry < slot + SLOT_BYTES || suffix < drop) {
      throw new InvariantError(`Copy entry ${i}: it does not fit`);
    }
    putU16(target, entry, suffix - drop + add);
    putU16(target, entry + 2, getU16(source, from + 2));
    copyBytes(source, addFrom, addFrom + add, target, entry + ENTRY_HEAD_BYTES);
    copyBytes(source, from + ENTRY_HEAD_BYTES + drop, from + length, target, entry + ENTRY_HEAD_BYTES + add);
    putSlot(target, tbase, slot, entry);
  }
  putU16(target, tbase + AT_COUNT, count + toIndex - fromIndex);
  putU16(target, tbase + AT_HEAP_LOW, entry - tbase);
}

/** Whether two neighbours - the left one's high key is the right one's low key - fit into one block. */
export function mergeFits(bytes: Uint8Array, baseLeft: number, baseRight: number, size: number): boolean {
  return mergedBytes(bytes, baseLeft, baseRight, size) <= size;
}

/** Bytes that two neighbours would take as one block, header and fences included. */
export function mergedBytes(bytes: Uint8Array, baseLeft: number, baseRight: number, size: number): number {
  const low = baseLeft + HEADER_BYTES;
  const leftLow = lowLength(bytes, baseLeft);
  const high = baseRight + HEADER_BYTES + lowLength(bytes, baseRight);
  const rightHigh = highBytes(bytes, baseRight);
  const prefix = getU16(bytes, baseRight + AT_HIGH_LENGTH) === NO_HIGH
    ? 0
    : commonPrefixLength(bytes, low, low + leftLow, bytes, high, high + rightHigh);
  return HEADER_BYTES + leftLow + rightHigh + entriesBytes(bytes, baseLeft, size, prefix) +
    entriesBytes(bytes, baseRight, size, prefix);
}

/**
 * Builds the merged block of two neighbours in `target`, which is neither of them: the left one's header and
 * low key, the right one's high key, the entries of both.
 */
export function mergeInto(
  bytes: Uint8Array,
  baseLeft: number,
  baseRight: number,
  target: Uint8Array,
  targetBase: number,
  size: number,
): void {
  const high = baseRight + HEADER_BYTES + lowLength(bytes, baseRight);
  const length = getU16(bytes, baseRight + AT_HIGH_LENGTH);
  const newHigh = length === NO_HIGH ? undefined : bytes.subarray(high, high + length);
  reformat(bytes, baseLeft, target, targetBase, size, newHigh, length);
  copyRange(bytes, baseLeft, 0, entryCount(bytes, baseLeft), target, targetBase, size);
  copyRange(bytes, baseRight, 0, entryCount(bytes, baseRight), target, targetBase, size);
}

/** Formats `target` with the header fields, stamp and low key of `source`, and a new high key. */
function reformat(
  source: Uint8Array,
  sbase: number,
  target: Uint8Array,
  tbase: number,
  size: number,
  high: Uint8Array | undefined,
  highLength: number,
): void {
  const low = sbase + HEADER_BYTES;
  const length = lowLength(source, sbase);
  formatEntries(
    target,
    tbase,
    size,
    blockKind(source, sbase),
    blockLevel(source, sbase),
    blockNumber(source, sbase),
    blockTree(source, sbase),
    volumeTag(source, sbase),
    source.subarray(low, low + length),
    length,
    high,
    highLength,
  );
  copyBytes(source, sbase + AT_STAMP, sbase + AT_COUNT, target, tbase + AT_STAMP);
}

/** Bytes that the slots and live entries of a block take when its prefix becomes a shorter one. */
function entriesBytes(bytes: Uint8Array, base: number, size: number, prefix: number): number {
  const longer = getU16(bytes, base + AT_PREFIX_LENGTH) - prefix;
  return usedBytes(bytes, base, size) - (slotsAt(bytes, base) - base) + entryCount(bytes, base) * longer;
}

/** The cut that suits keys coming in order, -1 when nothing speaks for it. */
function wishedCut(bytes: Uint8Array, base: number, at: number, count: number): number {
  if (at === count) return count;
  if (at === 0) return 1;
  const newest = base + getU16(bytes, base + AT_HEAP_LOW);
  if (entryAt(bytes, base, at - 1) === newest) return at + 1;
  if (entryAt(bytes, base, at) === newest) return at;
  return -1;
}
