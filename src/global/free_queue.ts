/**
 * Free queue: the durable list of blocks that no tree reaches any more and that the map still calls used.
 *
 * Freeing is always two groups: the change that cuts something off enters it here, in the same group; small
 * later groups take entries off and clear map bits (DESIGN D1: a subtree kill detaches in one group, frees in
 * small ones). The queue is a tree of each volume with a fixed root; its keys are block numbers, big-endian.
 * Recovery just goes on with it. A staged tree (staged_merge.ts) is entered, too, while it is built: then a
 * crash leaves nothing that somebody must remember to clean up.
 */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import { AT_KIND, KIND_BRANCH, KIND_LEAF } from "../ground/block.ts";
import { getU32, putU32 } from "../ground/bytes.ts";
import {
  childAt,
  entryCount,
  freeBytes,
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
import { giveBlock } from "./space.ts";
import { edgeLeaf, leafOf } from "./tree.ts";
import { ABSENT, DONE, putKey, removeKey } from "./tree_write.ts";

/** Entry: a block and all below it; the kind says whether it only is a single block. */
const SUBTREE = 1;
const SINGLE = 2;
const BLOCKS = 3;
/** A staged tree: not touched while `volume.staged` has its root, else a subtree like others. */
const STAGED = 4;
/** Bytes that an entry of one block takes in a leaf. */
const ENTRY_BYTES = 16;
/** Entries that are made wherever they lie. */
const ENTRIES_ANYWHERE = 4;
/** Places that one group of frees touches when the pool is large enough. */
export const SHARE_MOST = 32;

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

/** Enters the root of a staged tree, whose builder has put it in `volume.staged`: `DONE` or `MISS`. */
export function enqueueStaged(change: Change, volume: Volume, root: number): number {
  setKey(root);
  entryValue[0] = STAGED;
  return putKey(change, queueOf(volume), entryKey, 4, entryValue, 0, 1);
}

/** Takes a staged tree off, in the group that makes it a part of another: `DONE` or `MISS`. */
export function dequeueStaged(change: Change, volume: Volume, root: number): number {
  setKey(root);
  const removed = removeKey(change, queueOf(volume), entryKey, 4);
  invariant(removed !== ABSENT, `Staged tree ${root} of ${volume.path} is on the free queue`);
  return removed;
}

/** How many blocks can be entered without touching many leaves of the queue; or `MISS`. */
export function queueRoom(change: Change, volume: Volume): number {
  const root = change.find(volume, QUEUE_ROOT);
  if (root === MISS) return MISS;
  const { bytes, blockSize } = change.pool;
  const base = root * blockSize;
  if (bytes[base + AT_KIND] !== KIND_LEAF) return ENTRIES_ANYWHERE;
  return Math.max(ENTRIES_ANYWHERE, Math.floor(freeBytes(bytes, base, blockSize) / ENTRY_BYTES));
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
  return enqueueBlocks(change, volume, largeBlocks(bytes, at, length));
}

function enqueueBlocks(change: Change, volume: Volume, blocks: readonly number[]): number {
  setKey(blocks[0]!);
  entryValue[0] = BLOCKS;
  for (let i = 0; i < blocks.length; i++) putU32(entryValue, 1 + 4 * i, blocks[i]!);
  return putKey(change, queueOf(volume), entryKey, 4, entryValue, 0, 1 + 4 * blocks.length);
}

/**
 * Frees a little of what is queued: false when the queue is empty. `share` bounds how many places one group
 * touches: children of a branch, extents of blocks.
 */
export function freeSome(change: Change, volume: Volume, share: number = SHARE_MOST): boolean | Again {
  const found = firstToFree(change, volume);
  if (found === MISS) return AGAIN;
  if (found === EMPTY) return false;
  const { bytes } = change.pool;
  const { block, at, length } = found;
  const listed = listedAt(bytes, at, length);
  const kind = bytes[at]!;
  let result: number;
  if (kind === SUBTREE || kind === STAGED) result = freeSubtree(change, volume, block, share);
  else if (kind === BLOCKS) result = freeListed(change, volume, block, listed, share);
  else if (kind === SINGLE) result = finish(change, volume, block, [block]);
  else throw ofNoKind(volume, block);
  return result === MISS ? AGAIN : true;
}

function listedAt(bytes: Uint8Array, at: number, length: number): number[] {
  const blocks: number[] = [];
  if (bytes[at] === BLOCKS) { for (let i = 1; i + 4 <= length; i += 4) blocks.push(getU32(bytes, at + i)); }
  return blocks;
}

function ofNoKind(volume: Volume, block: number): CohortError {
  const message = `Could not free block ${block} of ${volume.path}: its queue entry is of no kind`;
  return new CohortError("CORRUPT", message, { path: volume.path, block });
}

/** Frees the last blocks of a list; the first one stays to the end, for the entry is named by it. */
function freeListed(
  change: Change,
  volume: Volume,
  entry: number,
  blocks: readonly number[],
  share: number,
): number {
  const extents = new Set<number>();
  let from = blocks.length;
  while (from > 0) {
    extents.add(Math.floor(blocks[from - 1]! / volume.facts.extentBlocks));
    if (extents.size > share) break;
    from--;
  }
  if (from === 0) return finish(change, volume, entry, blocks);
  if (giveBlocks(change, volume, blocks.slice(from)) === MISS) return MISS;
  return enqueueBlocks(change, volume, blocks.slice(0, from));
}

function freeSubtree(change: Change, volume: Volume, block: number, share: number): number {
  const frame = change.find(volume, block);
  if (frame === MISS) return MISS;
  const { bytes, blockSize } = change.pool;
  const base = frame * blockSize;
  const kind = bytes[base + AT_KIND];
  if (kind === KIND_LEAF) return freeLeaf(change, volume, block, frame, share);
  invariant(kind === KIND_BRANCH, "A queued subtree begins with a leaf or a branch");
  const count = entryCount(bytes, base);
  if (count === 0) return finish(change, volume, block, [block]);
  const own = change.own(volume, frame);
  if (own === MISS) return MISS;
  const from = Math.max(0, count - share);
  for (let i = from; i < count; i++) {
    if (enqueueSubtree(change, volume, childAt(bytes, base, i), 0) === MISS) return MISS;
  }
  removeLast(change, own, from);
  return DONE;
}

/**
 * Frees a leaf with the blocks of its large values; when these lie in many extents, the last of them only.
 */
function freeLeaf(change: Change, volume: Volume, block: number, frame: number, share: number): number {
  const { bytes, blockSize } = change.pool;
  const base = frame * blockSize;
  const extents = new Set<number>();
  const blocks: number[] = [];
  let from = entryCount(bytes, base);
  for (; from > 0; from--) {
    const at = valueOffset(bytes, base, from - 1);
    if (!isLarge(bytes, at)) continue;
    const listed = largeBlocks(bytes, at, valueLength(bytes, base, from - 1));
    for (const it of listed) extents.add(Math.floor(it / volume.facts.extentBlocks));
    if (extents.size > share) break;
    blocks.push(...listed);
  }
  if (from === 0) return finish(change, volume, block, [block, ...blocks]);
  const own = change.own(volume, frame);
  if (own === MISS) return MISS;
  if (blocks.length === 0) {
    // One value over many extents gets an entry of its own.
    const at = valueOffset(bytes, base, --from);
    if (enqueueLarge(change, volume, bytes, at, valueLength(bytes, base, from)) === MISS) return MISS;
  } else if (giveBlocks(change, volume, blocks) === MISS) return MISS;
  removeLast(change, own, from);
  return DONE;
}

/** Removes the entries from index `from` on. */
function removeLast(change: Change, own: number, from: number): void {
  const { bytes, blockSize } = change.pool;
  const base = own * blockSize;
  const low = new Uint8Array(KEY_BYTES_MAX);
  const high = new Uint8Array(KEY_BYTES_MAX);
  const lowLength = from === 0 ? lowInto(bytes, base, low) : keyInto(bytes, base, from, low);
  const highLength = highInto(bytes, base, high);
  const count = entryCount(bytes, base);
  change.removeRange(own, from, count, low, lowLength, highLength < 0 ? undefined : high, highLength);
}

/** Takes the entry off the queue and clears the map bits of the blocks. */
function finish(change: Change, volume: Volume, entry: number, blocks: readonly number[]): number {
  if (giveBlocks(change, volume, blocks) === MISS) return MISS;
  setKey(entry);
  return removeKey(change, queueOf(volume), entryKey, 4);
}

/** Goes on after a lack, so that one wait fetches all maps. */
function giveBlocks(change: Change, volume: Volume, blocks: readonly number[]): number {
  let result = DONE;
  for (const block of blocks) if (giveBlock(change, volume, block) === MISS) result = MISS;
  return result;
}

const EMPTY = -2;

/** An entry of the queue: the block it is named by, and where its value lies. */
interface Queued {
  readonly block: number;
  readonly at: number;
  readonly length: number;
}

/** The first entry that nobody builds on. */
function firstToFree(change: Change, volume: Volume): Queued | typeof MISS | typeof EMPTY {
  const place = queueOf(volume);
  let leaf = edgeLeaf(change, place, false);
  const { bytes, blockSize } = change.pool;
  const key = new Uint8Array(KEY_BYTES_MAX);
  while (leaf !== MISS) {
    const base = leaf * blockSize;
    for (let i = 0; i < entryCount(bytes, base); i++) {
      keyInto(bytes, base, i, key);
      const block = ((key[0]! << 24) | (key[1]! << 16) | (key[2]! << 8) | key[3]!) >>> 0;
      const at = valueOffset(bytes, base, i);
      if (bytes[at] === STAGED && volume.staged.has(block)) continue;
      return { block, at, length: valueLength(bytes, base, i) };
    }
    const length = highInto(bytes, base, key);
    if (length < 0) return EMPTY;
    leaf = leafOf(change, volume, place.root, key, length);
  }
  return MISS;
}
