/**
 * Free queue: the durable list of blocks that no tree reaches any more and that the map still calls used.
 *
 * Freeing is always two groups: the change that cuts something off enters it here, in the same group; small
 * later groups take entries off and clear map bits (DESIGN D1: a subtree kill detaches in one group, frees in
 * small ones). The queue is a tree of each volume with a fixed root; its keys are block numbers, big-endian.
 * Recovery just goes on with it.
 */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import { AT_KIND, KIND_BRANCH, KIND_LEAF } from "../ground/block.ts";
import { getU32, putU32 } from "../ground/bytes.ts";
import {
  childAt,
  entryCount,
  highInto,
  keyInto,
  lowInto,
  valueLength,
  valueOffset,
} from "../ground/entries.ts";
import { CohortError, invariant } from "../ground/errors.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import { isLarge, largeBlocks } from "../ground/large_value.ts";
import { QUEUE_ROOT, type Volume } from "../storage/volume.ts";
import { edgeLeaf, leafOf } from "./tree.ts";
import { DONE, putKey, removeKey } from "./tree_write.ts";

/** Entry: a block and all below it; the kind says whether it only is a single block. */
const SUBTREE = 1;
const SINGLE = 2;
const BLOCKS = 3;
/** Most children of a detached branch that one group moves to the queue. */
const CHILDREN_A_GROUP = 32;

const entryKey: Uint8Array = new Uint8Array(4);
const entryValue: Uint8Array = new Uint8Array(2048);

function queueOf(volume: Volume): { volume: Volume; root: number } {
  return { volume, root: QUEUE_ROOT };
}

function setKey(block: number): void {
  entryKey[0] = block >>> 24;
  entryKey[1] = block >>> 16;
  entryKey[2] = block >>> 8;
  entryKey[3] = block;
}

/**
 * Enters a block that was cut off: with all below it, or alone (`level` −1: its content lives on elsewhere).
 * `DONE` or `MISS`.
 */
export function enqueueSubtree(change: Change, volume: Volume, block: number, level: number): number {
  setKey(block);
  entryValue[0] = level < 0 ? SINGLE : SUBTREE;
  return putKey(change, queueOf(volume), entryKey, 4, entryValue, 0, 1);
}

/**
 * Enters the value blocks of a large value whose entry is being removed or replaced; `bytes[at, at + length)`
 * is the entry.
 */
export function enqueueLarge(
  change: Change,
  volume: Volume,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  const blocks = largeBlocks(bytes, at, length);
  setKey(blocks[0]!);
  entryValue[0] = BLOCKS;
  for (let i = 0; i < blocks.length; i++) putU32(entryValue, 1 + 4 * i, blocks[i]!);
  return putKey(change, queueOf(volume), entryKey, 4, entryValue, 0, 1 + 4 * blocks.length);
}

/** Frees a little of what is queued: false when the queue is empty. */
export function freeSome(change: Change, volume: Volume): boolean | Again {
  const leaf = firstWithEntries(change, volume);
  if (leaf === MISS) return AGAIN;
  if (leaf === EMPTY) return false;
  const { bytes, blockSize } = change.pool;
  const base = leaf * blockSize;
  keyInto(bytes, base, 0, entryKey);
  const block = ((entryKey[0]! << 24) | (entryKey[1]! << 16) | (entryKey[2]! << 8) | entryKey[3]!) >>> 0;
  const at = valueOffset(bytes, base, 0);
  const length = valueLength(bytes, base, 0);
  const kind = bytes[at]!;
  const listed: number[] = [];
  if (kind === BLOCKS) { for (let i = 1; i < length; i += 4) listed.push(getU32(bytes, at + i)); }
  const result = kind === SUBTREE
    ? freeSubtree(change, volume, block)
    : freeBlocks(change, volume, block, kind, listed);
  return result === MISS ? AGAIN : true;
}

function freeBlocks(change: Change, volume: Volume, block: number, kind: number, listed: number[]): number {
  if (kind !== SINGLE && kind !== BLOCKS) {
    throw new CohortError(
      "CORRUPT",
      `Could not free block ${block} of ${volume.path}: its queue entry is of no kind`,
      {
        path: volume.path,
        block,
      },
    );
  }
  return finish(change, volume, block, kind === SINGLE ? [block] : listed);
}

function freeSubtree(change: Change, volume: Volume, block: number): number {
  const frame = change.find(volume, block);
  if (frame === MISS) return MISS;
  const { bytes, blockSize } = change.pool;
  const base = frame * blockSize;
  const kind = bytes[base + AT_KIND];
  if (kind === KIND_LEAF) return finish(change, volume, block, [block, ...largeOf(bytes, base)]);
  invariant(kind === KIND_BRANCH, "A queued subtree begins with a leaf or a branch");
  const count = entryCount(bytes, base);
  if (count === 0) return finish(change, volume, block, [block]);
  const own = change.own(volume, frame);
  if (own === MISS) return MISS;
  const from = Math.max(0, count - CHILDREN_A_GROUP);
  const low = new Uint8Array(KEY_BYTES_MAX);
  const high = new Uint8Array(KEY_BYTES_MAX);
  const lowLength = from === 0 ? lowInto(bytes, base, low) : keyInto(bytes, base, from, low);
  const highLength = highInto(bytes, base, high);
  for (let i = from; i < count; i++) {
    if (enqueueSubtree(change, volume, childAt(bytes, base, i), 0) === MISS) return MISS;
  }
  change.removeRange(own, from, count, low, lowLength, highLength < 0 ? undefined : high, highLength);
  return DONE;
}

/** Value blocks of all large values of a leaf. */
export function largeOf(bytes: Uint8Array, base: number): number[] {
  const blocks: number[] = [];
  for (let i = 0; i < entryCount(bytes, base); i++) {
    const at = valueOffset(bytes, base, i);
    if (isLarge(bytes, at)) blocks.push(...largeBlocks(bytes, at, valueLength(bytes, base, i)));
  }
  return blocks;
}

/** Takes the entry off the queue and clears the map bits of the blocks. */
function finish(change: Change, volume: Volume, entry: number, blocks: readonly number[]): number {
  let lacking = false;
  for (const block of blocks) if (clearBit(change, volume, block) === MISS) lacking = true;
  if (lacking) return MISS;
  setKey(entry);
  return removeKey(change, queueOf(volume), entryKey, 4, false);
}

function clearBit(change: Change, volume: Volume, block: number): number {
  const { extentBlocks } = volume.facts;
  const extent = Math.floor(block / extentBlocks);
  const found = change.find(volume, volume.mapBlockOf(extent));
  if (found === MISS) return MISS;
  const map = change.own(volume, found);
  if (map === MISS) return MISS;
  change.mapClear(map, block % extentBlocks, 1);
  return DONE;
}

const EMPTY = -2;

/** The first leaf of the queue that has an entry. Emptied leaves stay: they are re-used by block number. */
function firstWithEntries(change: Change, volume: Volume): number {
  const place = queueOf(volume);
  let leaf = edgeLeaf(change, place, false);
  const { bytes, blockSize } = change.pool;
  const key = new Uint8Array(KEY_BYTES_MAX);
  while (leaf !== MISS && entryCount(bytes, leaf * blockSize) === 0) {
    const length = highInto(bytes, leaf * blockSize, key);
    if (length < 0) return EMPTY;
    leaf = leafOf(change, volume, place.root, key, length);
  }
  return leaf;
}
