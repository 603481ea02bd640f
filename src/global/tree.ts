/**
 * Tree: the way from a root to the leaf that covers a key.
 *
 * A tree is its volume and its root block, which never moves. Leaves and branches carry their low and high
 * key, so the next leaf is found by descending to `high`, and a leaf that is no longer the leaf is noticed.
 * Synchronous: what is not resident is asked of the step (DESIGN D1).
 */
import { MISS, type Step } from "../buffer/step.ts";
import { AT_KIND, AT_LEVEL, blockLevel, blockTree, KIND_BRANCH, KIND_LEAF } from "../ground/block.ts";
import { childAt, search } from "../ground/entries.ts";
import { CohortError, invariant } from "../ground/errors.ts";
import { TREE_LEVELS_MAX } from "../ground/limits.ts";
import { CATALOG_ROOT, type Volume } from "../storage/volume.ts";

/** Where a tree is. */
export interface TreePlace {
  readonly volume: Volume;
  readonly root: number;
  /** The tree its blocks name, when that is another's root: it is staged to become a part of that tree. */
  readonly tree?: number;
}

/** The root that the blocks of a tree name. */
export function treeOf(place: TreePlace): number {
  return place.tree ?? place.root;
}

/** The frames met on the way down, and which entry of each was taken; root first. */
export class Path {
  readonly frames: number[] = [];
  readonly index: number[] = [];
  /** Frames on the path; the leaf is the last. */
  depth = 0;

  get leaf(): number {
    return this.frames[this.depth - 1]!;
  }
}

/** The leaf that covers a key, or `MISS`. The hot path of every read: no allocation, no path kept. */
export function leafOf(step: Step, volume: Volume, root: number, key: Uint8Array, keyLength: number): number {
  const { bytes, blockSize } = step.pool;
  let block = root;
  let isLeaf = false;
  for (let level = 0; level < TREE_LEVELS_MAX; level++) {
    const frame: number = isLeaf ? step.findLeaf(volume, block) : step.find(volume, block);
    if (frame === MISS) return MISS;
    const base = frame * blockSize;
    if (bytes[base + AT_KIND] === KIND_LEAF) return frame;
    const found = search(bytes, base, key, keyLength);
    block = childAt(bytes, base, found < 0 ? -found - 2 : found);
    isLeaf = bytes[base + AT_LEVEL] === 1 && root !== CATALOG_ROOT;
  }
  return endless(step, volume, root);
}

/** The first block that is not resident on the way to the leaf of a key; `MISS` when all are. */
export function blockLacking(
  step: Step,
  volume: Volume,
  root: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const { bytes, blockSize } = step.pool;
  let block = root;
  for (let level = 0; level < TREE_LEVELS_MAX; level++) {
    const frame = step.find(volume, block);
    if (frame === MISS) return block;
    const base = frame * blockSize;
    if (bytes[base + AT_KIND] === KIND_LEAF) return MISS;
    const found = search(bytes, base, key, keyLength);
    block = childAt(bytes, base, found < 0 ? -found - 2 : found);
  }
  return MISS;
}

/**
 * A way down that comes to no leaf leads over a block as it once was: damage, which this throws. But a change
 * that lacks something goes on over what it could not finish, before it is thrown away: `MISS`.
 */
function endless(step: Step, { path }: Volume, root: number): number {
  if (step.lacks) return MISS;
  const found = `it is deeper than ${TREE_LEVELS_MAX} levels`;
  const facts = { path, block: root, found };
  throw new CohortError("CORRUPT", `Could not read the tree of block ${root} of ${path}: ${found}`, facts);
}

/** Descends to the leaf that covers a key and keeps the way in `path`; the leaf, or `MISS`. */
export function descend(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
  path: Path,
): number {
  return descendTo(step, place, key, keyLength, path, 0);
}

/** Descends to the block of a level that covers a key. */
export function descendTo(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
  path: Path,
  level: number,
): number {
  const { bytes, blockSize } = step.pool;
  let block = place.root;
  let expected = -1;
  path.depth = 0;
  for (;;) {
    invariant(path.depth < TREE_LEVELS_MAX, `Tree ${place.root} is deeper than ${TREE_LEVELS_MAX} levels`);
    const frame = expected === 0 ? step.findLeaf(place.volume, block) : step.find(place.volume, block);
    if (frame === MISS) return MISS;
    const base = frame * blockSize;
    const here = blockLevel(bytes, base);
    checkBlock(bytes, base, place, block, expected);
    path.frames[path.depth] = frame;
    if (here === level) {
      path.depth++;
      return frame;
    }
    const found = search(bytes, base, key, keyLength);
    const index = found < 0 ? -found - 2 : found;
    path.index[path.depth++] = index;
    block = childAt(bytes, base, index);
    expected = here - 1;
  }
}

/** The last leaf of a tree (`KEY_LAST` is above every key), or the first. */
export function edgeLeaf(step: Step, place: TreePlace, last: boolean): number {
  const { bytes, blockSize } = step.pool;
  let block = place.root;
  for (let level = 0; level < TREE_LEVELS_MAX; level++) {
    const frame = step.find(place.volume, block);
    if (frame === MISS) return MISS;
    const base = frame * blockSize;
    if (bytes[base + AT_KIND] === KIND_LEAF) return frame;
    block = childAt(bytes, base, last ? countOf(bytes, base) - 1 : 0);
  }
  return endless(step, place.volume, place.root);
}

function countOf(bytes: Uint8Array, base: number): number {
  return bytes[base + 22]! | bytes[base + 23]! << 8;
}

function checkBlock(
  bytes: Uint8Array,
  base: number,
  place: TreePlace,
  block: number,
  expected: number,
): void {
  const kind = bytes[base + AT_KIND];
  const level = blockLevel(bytes, base);
  const right = (kind === KIND_LEAF && level === 0) || (kind === KIND_BRANCH && level > 0);
  if (right && blockTree(bytes, base) === treeOf(place) && (expected < 0 || expected === level)) return;
  invariant(
    false,
    `Block ${block} of ${place.volume.path} is no part of tree ${place.root} at level ${expected}`,
  );
}
