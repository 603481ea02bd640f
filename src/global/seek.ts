/**
 * Seek: the next or previous entry from any key, across leaves.
 *
 * There are no sibling links: the next leaf covers this one's high key, the previous one ends at its low key,
 * and both are found from the root, so a leaf that was split or merged meanwhile cannot lead astray. A leaf
 * as it once was, from a drive that lost a write, could lead in a circle: one that does not cover what it was
 * reached by is told.
 */
import { MISS, type Step } from "../buffer/step.ts";
import { AT_KIND, KIND_LEAF } from "../ground/block.ts";
import { compareBytes } from "../ground/bytes.ts";
import { childAt, coversKey, entryCount, highInto, lowerBound, lowInto, search } from "../ground/entries.ts";
import { CohortError } from "../ground/errors.ts";
import { KEY_BYTES_MAX, TREE_LEVELS_MAX } from "../ground/limits.ts";
import { edgeLeaf, leafOf, type TreePlace } from "./tree.ts";

/** Where an entry is: valid until the step waits. */
export interface Spot {
  frame: number;
  index: number;
}

/** Found: the spot is set. */
export const FOUND = 1;
/** There is none. */
export const NONE = 0;

const fence: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
const lowScratch: Uint8Array = new Uint8Array(KEY_BYTES_MAX);

/** The first entry at or after a key (`orEqual`), or strictly after it. */
export function seekAfter(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
  orEqual: boolean,
  spot: Spot,
): number {
  let frame = leafOf(step, place.volume, place.root, key, keyLength);
  if (frame === MISS) return MISS;
  step.observe(frame);
  const { bytes, blockSize } = step.pool;
  let base = frame * blockSize;
  const found = search(bytes, base, key, keyLength);
  let index = found < 0 ? ~found : orEqual ? found : found + 1;
  if (index >= entryCount(bytes, base) && !coversKey(bytes, base, key, keyLength)) {
    return misplaced(step, place, frame);
  }
  while (index >= entryCount(bytes, base)) {
    const length = highInto(bytes, base, fence);
    if (length < 0) return NONE;
    frame = leafOf(step, place.volume, place.root, fence, length);
    if (frame === MISS) return MISS;
    step.observe(frame);
    base = frame * blockSize;
    if (!coversKey(bytes, base, fence, length)) return misplaced(step, place, frame);
    index = 0;
  }
  spot.frame = frame;
  spot.index = index;
  return FOUND;
}

/** The last entry strictly before a key; `keyLength` −1 means after all keys. */
export function seekBefore(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
  spot: Spot,
): number {
  const { bytes, blockSize } = step.pool;
  let frame: number;
  let index: number;
  if (keyLength < 0) {
    frame = edgeLeaf(step, place, true);
    if (frame === MISS) return MISS;
    index = entryCount(bytes, frame * blockSize) - 1;
  } else {
    frame = leafOf(step, place.volume, place.root, key, keyLength);
    if (frame === MISS) return MISS;
    index = lowerBound(bytes, frame * blockSize, key, keyLength) - 1;
    if (index < 0 && !coversKey(bytes, frame * blockSize, key, keyLength)) {
      return misplaced(step, place, frame);
    }
  }
  step.observe(frame);
  while (index < 0) {
    const length = lowInto(bytes, frame * blockSize, fence);
    if (length === 0) return NONE;
    frame = leafEndingAt(step, place, fence, length);
    if (frame === MISS) return MISS;
    step.observe(frame);
    if (!beginsBelow(bytes, frame * blockSize, fence, length)) {
      return misplaced(step, place, frame);
    }
    index = entryCount(bytes, frame * blockSize) - 1;
  }
  spot.frame = frame;
  spot.index = index;
  return FOUND;
}

/** The leaf whose high key is `key`, which is some leaf's low key and not empty. */
function leafEndingAt(step: Step, place: TreePlace, key: Uint8Array, keyLength: number): number {
  const { bytes, blockSize } = step.pool;
  let block = place.root;
  for (let level = 0; level < TREE_LEVELS_MAX; level++) {
    const frame = step.find(place.volume, block);
    if (frame === MISS) return MISS;
    const base = frame * blockSize;
    if (bytes[base + AT_KIND] === KIND_LEAF) return frame;
    const last = entryCount(bytes, base) - 1;
    const below = lowerBound(bytes, base, key, keyLength) - 1;
    block = childAt(bytes, base, below > last ? last : below);
  }
  return MISS;
}

/** Whether the low key of the leaf at `base` is below a key. */
function beginsBelow(bytes: Uint8Array, base: number, key: Uint8Array, keyLength: number): boolean {
  const length = lowInto(bytes, base, lowScratch);
  return compareBytes(lowScratch, 0, length, key, 0, keyLength) < 0;
}

/**
 * A leaf that does not cover what led to it is damage, which this throws; but a change that lacks frames goes
 * on over a split that it could not finish, to learn what else it lacks, before it is thrown away: `MISS`.
 */
function misplaced(step: Step, { volume }: TreePlace, frame: number): number {
  if (step.lacks) return MISS;
  const block = step.pool.blockOf[frame]!;
  const found = "it does not cover the key that led to it";
  throw new CohortError("CORRUPT", `Could not read block ${block} of ${volume.path}: ${found}`, {
    path: volume.path,
    block,
    found,
  });
}
