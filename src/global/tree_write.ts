/**
 * Tree writing: put and remove with the structure changes they cause, all within one change (DESIGN D3).
 *
 * A put that finds its block full splits it and puts the separator one level up, to the root, whose block
 * number never changes: its content moves to a new child. Merging is never owed: it happens when the
 * neighbour is at hand. Every function answers `MISS` when the change lacks something; what was done till
 * then is thrown away with it.
 */
import type { Change } from "../buffer/change.ts";
import { MISS } from "../buffer/step.ts";
import { blockKind, blockLevel, KIND_BRANCH } from "../ground/block.ts";
import { putU32 } from "../ground/bytes.ts";
import { childAt, entryCount, highInto, keyInto, lowInto, search, usedBytes } from "../ground/entries.ts";
import { copyRange, mergeFits, mergeInto, splitIndex, splitSeparator } from "../ground/entries_split.ts";
import { fits } from "../ground/entries_write.ts";
import { KEY_BYTES_MAX, TREE_LEVELS_MAX } from "../ground/limits.ts";
import { QUEUE_ROOT, type Volume } from "../storage/volume.ts";
import { enqueueSubtree } from "./free_queue.ts";
import { giveBlock, takeBlock } from "./space.ts";
import { descend, Path, treeOf, type TreePlace } from "./tree.ts";

/** What a writing function answers when all went well. */
export const DONE = 1;
/** What `removeKey` answers when there was nothing to remove. */
export const ABSENT = 0;

/**
 * Whether an operation that lacked something has left its tree half changed: members get the modes of blocks
 * one by one, and a leaf may have been split whose parent may not be changed yet. Nothing more may be done to
 * the tree in that attempt. `edits` is what the change had before.
 */
export function isTorn(change: Change, volume: Volume, edits: number): boolean {
  return volume.isShared && change.edits > edits;
}

const NO_KEY: Uint8Array = new Uint8Array(0);
/** Separators and child numbers on their way up, by height above the leaf. */
const separators: Uint8Array[] = Array.from(
  { length: TREE_LEVELS_MAX + 1 },
  () => new Uint8Array(KEY_BYTES_MAX),
);
const children: Uint8Array[] = Array.from({ length: TREE_LEVELS_MAX + 1 }, () => new Uint8Array(4));
const highKey: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
const lowKey: Uint8Array = new Uint8Array(KEY_BYTES_MAX);

/** Puts a value under a key of a tree: `DONE` or `MISS`. */
export function putKey(
  change: Change,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  from: number,
  length: number,
): number {
  const path = new Path();
  if (descend(change, place, key, keyLength, path) === MISS) return MISS;
  return putOnPath(change, place, path, key, keyLength, value, from, length);
}

/** Puts into the leaf at the end of a path just descended. */
export function putOnPath(
  change: Change,
  place: TreePlace,
  path: Path,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  from: number,
  length: number,
): number {
  let at = path.depth - 1;
  for (;;) {
    const { bytes, blockSize } = change.pool;
    const frame = change.own(place.volume, path.frames[at]!);
    if (frame === MISS) return MISS;
    path.frames[at] = frame;
    const base = frame * blockSize;
    const found = search(bytes, base, key, keyLength);
    if (fits(bytes, base, blockSize, found, keyLength, length)) {
      change.put(frame, found, key, keyLength, value, from, length);
      return DONE;
    }
    if (at === 0) {
      if (growRoot(change, place, path) === MISS) return MISS;
      at = 1;
      continue;
    }
    const height = path.depth - at;
    if (splitAndPut(change, place, frame, height, key, keyLength, value, from, length) === MISS) return MISS;
    key = separators[height]!;
    keyLength = separatorLengths[height]!;
    value = children[height]!;
    from = 0;
    length = 4;
    at--;
  }
}

const separatorLengths: Int32Array = new Int32Array(TREE_LEVELS_MAX + 1);

/**
 * Splits an owned block, puts the entry into its half, and leaves separator and new block number for the
 * parent.
 */
function splitAndPut(
  change: Change,
  place: TreePlace,
  frame: number,
  height: number,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  from: number,
  length: number,
): number {
  const { bytes, blockSize } = change.pool;
  const base = frame * blockSize;
  const found = search(bytes, base, key, keyLength);
  const cut = splitIndex(bytes, base, blockSize, found, keyLength, length);
  const separator = separators[height]!;
  const separatorLength = splitSeparator(bytes, base, cut, found, key, keyLength, separator);
  separatorLengths[height] = separatorLength;
  const index = cut >= 0 ? cut : ~cut;
  const right = splitOff(change, place, frame, index, separator, separatorLength, children[height]!);
  if (right === MISS) return MISS;
  const goesRight = cut >= 0 && (found >= 0 ? found >= cut : ~found >= cut);
  const target = goesRight ? right : frame;
  change.put(target, search(bytes, target * blockSize, key, keyLength), key, keyLength, value, from, length);
  return DONE;
}

/**
 * Moves the entries of an owned block from `index` on, which are those from `separator` on, to a new block,
 * whose number goes to `child`: the frame of the new one, or `MISS`.
 */
export function splitOff(
  change: Change,
  place: TreePlace,
  frame: number,
  index: number,
  separator: Uint8Array,
  separatorLength: number,
  child: Uint8Array,
): number {
  const { bytes, blockSize } = change.pool;
  const { volume } = place;
  const base = frame * blockSize;
  const block = takeBlock(change, volume);
  if (block === MISS) return MISS;
  putU32(child, 0, block);
  const kind = blockKind(bytes, base);
  const level = blockLevel(bytes, base);
  const tree = treeOf(place);
  const highLength = highInto(bytes, base, highKey);
  const high = highLength < 0 ? undefined : highKey;
  const low = separator;
  const right = change.createEntries(
    volume,
    block,
    kind,
    level,
    tree,
    low,
    separatorLength,
    high,
    highLength,
  );
  if (right === MISS) return MISS;
  copyRange(bytes, base, index, entryCount(bytes, base), bytes, right * blockSize, blockSize);
  change.truncate(frame, separator, separatorLength);
  return right;
}

/**
 * Moves the root's content into a new child, so that the child can be split: the tree is one level higher.
 */
export function growRoot(change: Change, place: TreePlace, path: Path): number {
  const { bytes, blockSize } = change.pool;
  const root = path.frames[0]!;
  const base = root * blockSize;
  const level = blockLevel(bytes, base);
  const block = takeBlock(change, place.volume);
  if (block === MISS) return MISS;
  const kind = blockKind(bytes, base);
  // Those of a tree are open; those of a staged one are the range it will have.
  const low = lowKey;
  const lowLength = lowInto(bytes, base, low);
  const highLength = highInto(bytes, base, highKey);
  const high = highLength < 0 ? undefined : highKey;
  const tree = treeOf(place);
  const { volume } = place;
  const child = change.createEntries(volume, block, kind, level, tree, low, lowLength, high, highLength);
  if (child === MISS) return MISS;
  copyRange(bytes, base, 0, entryCount(bytes, base), bytes, child * blockSize, blockSize);
  change.reformat(root, KIND_BRANCH, level + 1, low, lowLength, high, highLength);
  const number = new Uint8Array(4);
  putU32(number, 0, block);
  change.put(root, ~0, low, lowLength, number, 0, 4);
  path.frames[0] = child;
  path.frames.unshift(root);
  path.index.unshift(0);
  path.depth++;
  return DONE;
}

/** Removes a key: `DONE`, `ABSENT`, or `MISS`. */
export function removeKey(change: Change, place: TreePlace, key: Uint8Array, keyLength: number): number {
  const path = new Path();
  const leaf = descend(change, place, key, keyLength, path);
  if (leaf === MISS) return MISS;
  const { bytes, blockSize } = change.pool;
  const index = search(bytes, leaf * blockSize, key, keyLength);
  if (index < 0) return ABSENT;
  const frame = change.own(place.volume, leaf);
  if (frame === MISS) return MISS;
  path.frames[path.depth - 1] = frame;
  change.remove(frame, index, key, keyLength);
  return mergeUp(change, place, path);
}

/** Merges the leaf that covers a key, if it is underfull: `DONE` or `MISS`. */
export function mergeAround(change: Change, place: TreePlace, key: Uint8Array, keyLength: number): number {
  const path = new Path();
  return descend(change, place, key, keyLength, path) === MISS ? MISS : mergeUp(change, place, path);
}

/**
 * Merges the underfull block at the end of a path with a neighbour, and goes on upwards: `DONE` or `MISS`. A
 * resident neighbour will do; for a leaf without entries, which every walk would have to cross, one is
 * brought in.
 */
export function mergeUp(change: Change, place: TreePlace, path: Path): number {
  const { bytes, blockSize } = change.pool;
  let alone = false;
  for (let at = path.depth - 1; at > 0; at--) {
    const frame = path.frames[at]!;
    const base = frame * blockSize;
    // Two long fences alone are more than the quarter: what is bare is merged whatever it takes.
    if (!isBare(bytes, base) && usedBytes(bytes, base, blockSize) > blockSize >> 2) return DONE;
    const merged = mergeAt(change, place, path, at);
    if (merged === MISS) return MISS;
    if (merged === ABSENT) {
      // An only child can merge after its parent has.
      if (entryCount(bytes, path.frames[at - 1]! * blockSize) > 1) return DONE;
      alone = true;
    } else if (alone) {
      const key = new Uint8Array(KEY_BYTES_MAX);
      const length = lowInto(bytes, path.leaf * blockSize, key);
      return mergeAround(change, place, key, length);
    }
  }
  return collapseRoot(change, place, path);
}

/**
 * Merges with the right neighbour, else the left one, under the same parent: `DONE`, `ABSENT` when neither
 * fits.
 */
function mergeAt(change: Change, place: TreePlace, path: Path, at: number): number {
  const { bytes, blockSize } = change.pool;
  const parentBase = path.frames[at - 1]! * blockSize;
  const index = path.index[at - 1]!;
  if (index + 1 < entryCount(bytes, parentBase)) {
    const merged = mergePair(change, place, path, at, index);
    if (merged !== ABSENT) return merged;
  }
  return index > 0 ? mergePair(change, place, path, at, index - 1) : ABSENT;
}

/**
 * Merges children `index` and `index + 1` of the parent at `at - 1`, when both are at hand and fit one block.
 */
function mergePair(change: Change, place: TreePlace, path: Path, at: number, index: number): number {
  const { bytes, blockSize } = change.pool;
  const { volume } = place;
  const parentFound = path.frames[at - 1]!;
  const rightBlock = childAt(bytes, parentFound * blockSize, index + 1);
  const leftBlock = childAt(bytes, parentFound * blockSize, index);
  const owed = isBare(bytes, path.frames[at]! * blockSize);
  const leftFound = owed ? change.find(volume, leftBlock) : change.peek(volume, leftBlock);
  const rightFound = owed ? change.find(volume, rightBlock) : change.peek(volume, rightBlock);
  if (leftFound === MISS || rightFound === MISS) return owed ? MISS : ABSENT;
  if (!mergeFits(bytes, leftFound * blockSize, rightFound * blockSize, blockSize)) return ABSENT;
  const parent = change.own(volume, parentFound);
  const left = parent === MISS ? MISS : change.own(volume, leftFound);
  const spare = left === MISS ? MISS : change.spare();
  if (spare === MISS) return MISS;
  mergeInto(bytes, left * blockSize, rightFound * blockSize, bytes, spare * blockSize, blockSize);
  bytes.copyWithin(left * blockSize, spare * blockSize, (spare + 1) * blockSize);
  change.giveSpare(spare);
  change.rewritten(left);
  const length = keyInto(bytes, parent * blockSize, index + 1, lowKey);
  change.remove(parent, index + 1, lowKey, length);
  path.frames[at - 1] = parent;
  return freeMerged(change, place, rightBlock);
}

/** A leaf with no entry or a branch with one child. */
function isBare(bytes: Uint8Array, base: number): boolean {
  return entryCount(bytes, base) === (blockKind(bytes, base) === KIND_BRANCH ? 1 : 0);
}

/**
 * Frees a block whose content lives on in another: through the queue, so that the map is no part of this
 * change. The queue's own blocks are freed at once: an entry for them would change the tree being merged.
 */
function freeMerged(change: Change, place: TreePlace, block: number): number {
  const { volume, root } = place;
  return root === QUEUE_ROOT ? giveBlock(change, volume, block) : enqueueSubtree(change, volume, block, -1);
}

/** A root branch with one child takes the child's content; the child is freed. */
function collapseRoot(change: Change, place: TreePlace, path: Path): number {
  const { bytes, blockSize } = change.pool;
  const { volume } = place;
  for (;;) {
    const found = path.frames[0]!;
    const base = found * blockSize;
    if (blockKind(bytes, base) !== KIND_BRANCH || entryCount(bytes, base) !== 1) return DONE;
    const childBlock = childAt(bytes, base, 0);
    const child = change.peek(volume, childBlock);
    if (child === MISS) return DONE;
    const childBase = child * blockSize;
    if (lowInto(bytes, childBase, lowKey) !== 0 || highInto(bytes, childBase, highKey) >= 0) return DONE;
    const root = change.own(volume, found);
    if (root === MISS) return MISS;
    change.reformat(
      root,
      blockKind(bytes, childBase),
      blockLevel(bytes, childBase),
      NO_KEY,
      0,
      undefined,
      -1,
    );
    copyRange(bytes, childBase, 0, entryCount(bytes, childBase), bytes, root * blockSize, blockSize);
    if (freeMerged(change, place, childBlock) === MISS) return MISS;
    path.frames[0] = root;
  }
}
