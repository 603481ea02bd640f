/**
 * Kill: removes every entry of a key range in one group, however many there are (DESIGN D1).
 *
 * The two edges of the range are trimmed; children that lie wholly inside are cut off at their branch and
 * queued to be freed later. Their range of keys goes to a neighbour, so that every fence stays exact and no
 * empty leaf is left that a walk would have to cross.
 */
import type { Change } from "../buffer/change.ts";
import { MISS } from "../buffer/step.ts";
import { AT_KIND, blockLevel, HEADER_BYTES, KIND_BRANCH, KIND_LEAF } from "../ground/block.ts";
import { compareBytes, putU32 } from "../ground/bytes.ts";
import {
  childAt,
  compareKeyAt,
  entryAt,
  entryBytes,
  entryCount,
  highInto,
  keyInto,
  lowerBound,
  lowInto,
  SLOT_BYTES,
  valueLength,
  valueOffset,
} from "../ground/entries.ts";
import { copyRange } from "../ground/entries_split.ts";
import { isLarge } from "../ground/large_value.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import { lowerLow, raiseHigh } from "./fences.ts";
import { enqueueLarge, enqueueSubtree, queueRoom } from "./free_queue.ts";
import { takeBlock } from "./space.ts";
import type { TreePlace } from "./tree.ts";
import { ABSENT, DONE, isTorn, mergeAround } from "./tree_write.ts";

/** A key range `[low, high)`; `highLength` −1 is no upper bound. */
export interface KeyRange {
  readonly low: Uint8Array;
  readonly lowLength: number;
  readonly high: Uint8Array;
  readonly highLength: number;
}

/** Removes all entries of a range: `DONE`, `ABSENT` when there were none at hand, or `MISS`. */
export function killRange(change: Change, place: TreePlace, range: KeyRange): number {
  const done = killBelow(change, place, place.root, range);
  if (done !== DONE) return done;
  if (mergeAround(change, place, range.low, range.lowLength) === MISS) return MISS;
  return range.highLength < 0 ? DONE : mergeAround(change, place, range.high, range.highLength);
}

function killBelow(change: Change, place: TreePlace, block: number, range: KeyRange): number {
  const frame = change.find(place.volume, block);
  if (frame === MISS) return MISS;
  const { bytes, blockSize } = change.pool;
  return bytes[frame * blockSize + AT_KIND] === KIND_LEAF
    ? killInLeaf(change, place, frame, range)
    : killInBranch(change, place, frame, range);
}

function killInLeaf(change: Change, place: TreePlace, frame: number, range: KeyRange): number {
  const { bytes, blockSize } = change.pool;
  const base = frame * blockSize;
  const fence = new Uint8Array(KEY_BYTES_MAX);
  const from = compareBytes(range.low, 0, range.lowLength, fence, 0, lowInto(bytes, base, fence)) <= 0
    ? 0
    : lowerBound(bytes, base, range.low, range.lowLength);
  const to = reachesEnd(bytes, base, range, fence)
    ? entryCount(bytes, base)
    : lowerBound(bytes, base, range.high, range.highLength);
  if (from >= to) return ABSENT;
  const own = change.own(place.volume, frame);
  if (own === MISS) return MISS;
  for (let i = from; i < to; i++) {
    const at = valueOffset(bytes, own * blockSize, i);
    if (!isLarge(bytes, at)) continue;
    const length = valueLength(bytes, own * blockSize, i);
    if (enqueueLarge(change, place.volume, bytes, at, length) === MISS) return MISS;
  }
  removeEntries(change, own, from, to);
  return DONE;
}

/** Whether the range goes to the end of the block at `base`. */
function reachesEnd(bytes: Uint8Array, base: number, range: KeyRange, fence: Uint8Array): boolean {
  if (range.highLength < 0) return true;
  const length = highInto(bytes, base, fence);
  return length >= 0 && compareBytes(range.high, 0, range.highLength, fence, 0, length) >= 0;
}

/** Removes entries by index, journaled by the keys that bound them. */
export function removeEntries(change: Change, own: number, from: number, to: number): void {
  const { bytes, blockSize } = change.pool;
  const base = own * blockSize;
  const low = new Uint8Array(KEY_BYTES_MAX);
  const high = new Uint8Array(KEY_BYTES_MAX);
  const lowLength = keyInto(bytes, base, from, low);
  const highLength = to < entryCount(bytes, base)
    ? keyInto(bytes, base, to, high)
    : highInto(bytes, base, high);
  change.removeRange(own, from, to, low, lowLength, highLength < 0 ? undefined : high, highLength);
}

function killInBranch(change: Change, place: TreePlace, frame: number, range: KeyRange): number {
  const { bytes, blockSize } = change.pool;
  const base = frame * blockSize;
  const fence = new Uint8Array(KEY_BYTES_MAX);
  const count = entryCount(bytes, base);
  // Children [covered, beyond) lie wholly inside; `left` and `right` are cut by an edge of the range, -1 if
  // none is.
  const startsBefore =
    compareBytes(range.low, 0, range.lowLength, fence, 0, lowInto(bytes, base, fence)) <= 0;
  const covered = startsBefore ? 0 : lowerBound(bytes, base, range.low, range.lowLength);
  const left = startsBefore || beginsAt(bytes, base, covered, range.low, range.lowLength) ? -1 : covered - 1;
  const end = reachesEnd(bytes, base, range, fence)
    ? count
    : lowerBound(bytes, base, range.high, range.highLength);
  const exact = reachesEnd(bytes, base, range, fence) ||
    beginsAt(bytes, base, end, range.high, range.highLength);
  const right = exact ? -1 : end - 1;
  const beyond = exact ? end : end - 1;
  let result = ABSENT;
  const { edits } = change;
  if (left >= 0) result = killBelow(change, place, childAt(bytes, base, left), range);
  if (result === MISS && isTorn(change, place.volume, edits)) return MISS;
  if (right >= 0 && right !== left) {
    result = worse(result, killBelow(change, place, childAt(bytes, base, right), range));
  }
  if (result === MISS || covered >= beyond) return result;
  return cutChildren(change, place, frame, covered, beyond);
}

/** Whether child `index` begins exactly at a key. */
function beginsAt(
  bytes: Uint8Array,
  base: number,
  index: number,
  key: Uint8Array,
  keyLength: number,
): boolean {
  return index < entryCount(bytes, base) && compareKeyAt(bytes, base, index, key, keyLength) === 0;
}

function worse(a: number, b: number): number {
  return a === MISS || b === MISS ? MISS : Math.max(a, b);
}

/**
 * Cuts off the children `[from, to)` of a branch. Their range goes to the one before them, else to the one
 * after; where that has no room for its new fence, one empty child stands over it.
 */
function cutChildren(change: Change, place: TreePlace, frame: number, from: number, to: number): number {
  const { bytes, blockSize } = change.pool;
  const { volume } = place;
  const own = change.own(volume, frame);
  if (own === MISS) return MISS;
  const base = own * blockSize;
  const low = new Uint8Array(KEY_BYTES_MAX);
  const high = new Uint8Array(KEY_BYTES_MAX);
  const lowLength = keyInto(bytes, base, from, low);
  const highLength = to < entryCount(bytes, base)
    ? keyInto(bytes, base, to, high)
    : highInto(bytes, base, high);
  const level = blockLevel(bytes, base) - 1;
  const detached = detach(change, place, own, from, to, low, lowLength, high, highLength);
  if (detached === MISS) return MISS;
  if (from > 0) {
    const raised = raiseHigh(change, place, childAt(bytes, base, from - 1), high, highLength);
    if (raised === DONE) removeEntries(change, own, from, to);
    if (raised !== ABSENT) return raised;
  } else if (to < entryCount(bytes, base)) {
    const next = childAt(bytes, base, to);
    const lowered = lowerLow(change, place, next, low, lowLength);
    if (lowered === DONE) {
      removeEntries(change, own, from, to + 1);
      putChild(change, own, ~from, low, lowLength, next);
    }
    if (lowered !== ABSENT) return lowered;
  }
  if (to - from > 1) removeEntries(change, own, from + 1, to);
  const empty = emptySubtree(
    change,
    place,
    level,
    low,
    lowLength,
    highLength < 0 ? undefined : high,
    highLength,
  );
  if (empty === MISS) return MISS;
  putChild(change, own, from, low, lowLength, empty);
  return DONE;
}

/** Puts a child under its low key; `found` as `search` answers it. */
export function putChild(
  change: Change,
  own: number,
  found: number,
  low: Uint8Array,
  lowLength: number,
  child: number,
): void {
  const number = new Uint8Array(4);
  putU32(number, 0, child);
  change.put(own, found, low, lowLength, number, 0, 4);
}

/**
 * Queues the children `[from, to)` of an owned branch: `DONE` or `MISS`. Where the queue has no room for many
 * at hand, they move into a branch of their own: one entry instead of one a child, which could lie in as many
 * leaves.
 */
export function detach(
  change: Change,
  place: TreePlace,
  own: number,
  from: number,
  to: number,
  low: Uint8Array,
  lowLength: number,
  high: Uint8Array,
  highLength: number,
): number {
  const { bytes, blockSize } = change.pool;
  const { volume, root } = place;
  const base = own * blockSize;
  const level = blockLevel(bytes, base);
  const room = queueRoom(change, volume);
  if (room === MISS) return MISS;
  if (to - from <= room || !fitsAlone(bytes, base, blockSize, from, to, lowLength, highLength)) {
    for (let i = from; i < to; i++) {
      if (enqueueSubtree(change, volume, childAt(bytes, base, i), level - 1) === MISS) return MISS;
    }
    return DONE;
  }
  const block = takeBlock(change, volume);
  if (block === MISS) return MISS;
  const end = highLength < 0 ? undefined : high;
  const frame = change.createEntries(
    volume,
    block,
    KIND_BRANCH,
    level,
    root,
    low,
    lowLength,
    end,
    highLength,
  );
  if (frame === MISS) return MISS;
  copyRange(bytes, base, from, to, bytes, frame * blockSize, blockSize);
  return enqueueSubtree(change, volume, block, level);
}

/** Whether the entries `[from, to)` fit into a block with these fences. */
function fitsAlone(
  bytes: Uint8Array,
  base: number,
  blockSize: number,
  from: number,
  to: number,
  lowLength: number,
  highLength: number,
): boolean {
  let used = HEADER_BYTES + lowLength + Math.max(0, highLength);
  for (let i = from; i < to; i++) used += SLOT_BYTES + entryBytes(bytes, entryAt(bytes, base, i));
  return used <= blockSize;
}

/** A new subtree of a level with nothing in it: its block number, or `MISS`. */
function emptySubtree(
  change: Change,
  place: TreePlace,
  level: number,
  low: Uint8Array,
  lowLength: number,
  high: Uint8Array | undefined,
  highLength: number,
): number {
  const { volume, root } = place;
  const child = level === 0 ? 0 : emptySubtree(change, place, level - 1, low, lowLength, high, highLength);
  if (child === MISS) return MISS;
  const block = takeBlock(change, volume);
  if (block === MISS) return MISS;
  const kind = level === 0 ? KIND_LEAF : KIND_BRANCH;
  const frame = change.createEntries(volume, block, kind, level, root, low, lowLength, high, highLength);
  if (frame === MISS) return MISS;
  if (level > 0) putChild(change, frame, ~0, low, lowLength, child);
  return block;
}
