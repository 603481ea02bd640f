/**
 * Graft: puts a staged tree in the place of all that a tree holds of one key range, in one bounded change.
 *
 * The tree is cut at both ends of the range, from its leaves up to the lowest branch that covers the whole
 * range. There the children in between are cut off to the free queue, as a kill does, and the staged root
 * takes their entry; single-child branches make up for levels it lacks. Blocks touched grow with the height
 * of the tree alone: two a level and end, and the free queue's.
 */
import type { Change } from "../buffer/change.ts";
import { MISS } from "../buffer/step.ts";
import { blockLevel, HEADER_BYTES, KIND_BRANCH } from "../ground/block.ts";
import { commonPrefixLength, compareBytes } from "../ground/bytes.ts";
import {
  entryAt,
  entryBytes,
  entryCount,
  highInto,
  keyLengthAt,
  lowerBound,
  lowInto,
  prefixLength,
  SLOT_BYTES,
  valueLength,
} from "../ground/entries.ts";
import { canTruncate, splitIndex, splitSeparator } from "../ground/entries_split.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import { dequeueStaged } from "./free_queue.ts";
import { detach, type KeyRange, putChild, removeEntries } from "./kill.ts";
import { takeBlock } from "./space.ts";
import { descendTo, Path, type TreePlace } from "./tree.ts";
import { DONE, growRoot, putOnPath, splitOff } from "./tree_write.ts";

/**
 * Replaces the range, which has an upper bound, by the staged tree at `staged`, whose fences are the range
 * and whose blocks name this tree: `DONE` or `MISS`.
 */
export function graft(change: Change, place: TreePlace, staged: number, range: KeyRange): number {
  const { low, lowLength, high, highLength } = range;
  const root = change.find(place.volume, staged);
  if (root === MISS) return MISS;
  const height = blockLevel(change.pool.bytes, root * change.pool.blockSize);
  const path = new Path();
  for (let level = 0;; level++) {
    if (raiseRoot(change, place, level + 1) === MISS) return MISS;
    if (cutAt(change, place, level, low, lowLength) === MISS) return MISS;
    if (cutAt(change, place, level, high, highLength) === MISS) return MISS;
    if (level < height) continue;
    const above = descendTo(change, place, low, lowLength, path, level + 1);
    if (above === MISS) return MISS;
    if (coversTo(change, above, high, highLength)) {
      return swap(change, place, above, staged, height, range);
    }
  }
}

/** Makes the tree at least so many levels high. */
function raiseRoot(change: Change, place: TreePlace, level: number): number {
  const path = new Path();
  for (;;) {
    const found = change.find(place.volume, place.root);
    if (found === MISS) return MISS;
    if (blockLevel(change.pool.bytes, found * change.pool.blockSize) >= level) return DONE;
    const own = change.own(place.volume, found);
    if (own === MISS) return MISS;
    path.frames.length = path.index.length = 0;
    path.frames.push(own);
    path.depth = 1;
    if (growRoot(change, place, path) === MISS) return MISS;
  }
}

/** Whether a block ends at or behind a key. */
function coversTo(change: Change, frame: number, key: Uint8Array, keyLength: number): boolean {
  const fence = new Uint8Array(KEY_BYTES_MAX);
  const length = highInto(change.pool.bytes, frame * change.pool.blockSize, fence);
  return length < 0 || compareBytes(fence, 0, length, key, 0, keyLength) >= 0;
}

/**
 * Makes a block of a level begin exactly at a key, those below it do so already: `DONE` or `MISS`. A block
 * too full for another fence is halved first; of a half either part has room.
 */
function cutAt(change: Change, place: TreePlace, level: number, key: Uint8Array, keyLength: number): number {
  const { bytes, blockSize } = change.pool;
  const child = new Uint8Array(4);
  const separator = new Uint8Array(KEY_BYTES_MAX);
  for (;;) {
    const path = new Path();
    const found = descendTo(change, place, key, keyLength, path, level);
    if (found === MISS) return MISS;
    const length = lowInto(bytes, found * blockSize, separator);
    if (compareBytes(separator, 0, length, key, 0, keyLength) === 0) return DONE;
    const own = change.own(place.volume, found);
    if (own === MISS) return MISS;
    const base = own * blockSize;
    let index = lowerBound(bytes, base, key, keyLength);
    let separatorLength = keyLength;
    if (bothFit(bytes, base, blockSize, index, key, keyLength)) separator.set(key.subarray(0, keyLength));
    else {
      // As for a put that replaces the first entry by itself: the cut that makes even halves.
      index = splitIndex(bytes, base, blockSize, 0, keyLengthAt(bytes, base, 0), valueLength(bytes, base, 0));
      separatorLength = splitSeparator(bytes, base, index, 0, key, keyLength, separator);
    }
    if (splitOff(change, place, own, index, separator, separatorLength, child) === MISS) return MISS;
    path.depth--;
    if (putOnPath(change, place, path, separator, separatorLength, child, 0, 4) === MISS) return MISS;
  }
}

/** Whether both parts have room when a block is cut at a key, which is that of entry `index` or before it. */
function bothFit(
  bytes: Uint8Array,
  base: number,
  size: number,
  index: number,
  key: Uint8Array,
  keyLength: number,
): boolean {
  if (!canTruncate(bytes, base, size, key, keyLength)) return false;
  const fence = new Uint8Array(KEY_BYTES_MAX);
  const length = highInto(bytes, base, fence);
  const prefix = length < 0 ? 0 : commonPrefixLength(key, 0, keyLength, fence, 0, length);
  const longer = prefixLength(bytes, base) - prefix;
  let need = HEADER_BYTES + keyLength + Math.max(0, length);
  for (let i = index; i < entryCount(bytes, base); i++) {
    need += SLOT_BYTES + entryBytes(bytes, entryAt(bytes, base, i)) + longer;
  }
  return need <= size;
}

/** Cuts off the children of the range, which are aligned with it, and puts the staged tree in their place. */
function swap(
  change: Change,
  place: TreePlace,
  above: number,
  staged: number,
  height: number,
  range: KeyRange,
): number {
  const { bytes, blockSize } = change.pool;
  const { volume, root } = place;
  const { low, lowLength, high, highLength } = range;
  const own = change.own(volume, above);
  if (own === MISS) return MISS;
  const base = own * blockSize;
  const from = lowerBound(bytes, base, low, lowLength);
  const to = lowerBound(bytes, base, high, highLength);
  if (detach(change, place, own, from, to, low, lowLength, high, highLength) === MISS) return MISS;
  removeEntries(change, own, from, to);
  let child = staged;
  for (let level = height + 1; level < blockLevel(bytes, base); level++) {
    const block = takeBlock(change, volume);
    if (block === MISS) return MISS;
    const frame = change.createEntries(
      volume,
      block,
      KIND_BRANCH,
      level,
      root,
      low,
      lowLength,
      high,
      highLength,
    );
    if (frame === MISS) return MISS;
    putChild(change, frame, ~0, low, lowLength, child);
    child = block;
  }
  putChild(change, own, ~from, low, lowLength, child);
  return dequeueStaged(change, volume, staged);
}
