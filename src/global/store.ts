/**
 * Store: one value under one key, whatever its size, with the blocks it frees.
 *
 * Short values stand in their leaf; longer ones in value blocks named by the leaf's entry
 * (ground/large_value.ts).
 */
import { crc32 } from "node:zlib";
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { blockKind, HEADER_BYTES, KIND_VALUE } from "../ground/block.ts";
import { search, valueLength, valueOffset } from "../ground/entries.ts";
import { CohortError } from "../ground/errors.ts";
import {
  isLarge,
  largeBlockCount,
  largeBlocks,
  largeChecksum,
  largeLength,
  writeLarge,
} from "../ground/large_value.ts";
import { INLINE_VALUE_BYTES_MAX } from "../ground/limits.ts";
import { payloadLength } from "../ground/value_block.ts";
import type { Volume } from "../storage/volume.ts";
import { enqueueLarge } from "./free_queue.ts";
import { isReadInParts, readInParts } from "./large_parts.ts";
import { takeBlock } from "./space.ts";
import { descend, leafOf, Path, treeOf, type TreePlace } from "./tree.ts";
import { ABSENT, DONE, mergeUp, putOnPath } from "./tree_write.ts";

const largeEntry: Uint8Array = new Uint8Array(INLINE_VALUE_BYTES_MAX);

/** Encoded bytes of a stored value: where they are. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/**
 * The encoded value under a key, undefined when there is none. What is inline is valid until the step waits.
 */
export function readEncoded(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
): Encoded | undefined | Again {
  const leaf = leafOf(step, place.volume, place.root, key, keyLength);
  if (leaf === MISS) return AGAIN;
  step.observe(leaf);
  const { bytes, blockSize } = step.pool;
  const base = leaf * blockSize;
  const index = search(bytes, base, key, keyLength);
  return index < 0 ? undefined : readAt(step, place.volume, base, index);
}

/** The encoded value of entry `index` of the leaf at `base`. */
export function readAt(step: Step, volume: Volume, base: number, index: number): Encoded | Again {
  const { bytes } = step.pool;
  const at = valueOffset(bytes, base, index);
  const length = valueLength(bytes, base, index);
  return isLarge(bytes, at) ? readLarge(step, volume, at, length) : { bytes, from: at, to: at + length };
}

function readLarge(step: Step, volume: Volume, at: number, length: number): Encoded | Again {
  const { bytes, blockSize } = step.pool;
  const blocks = largeBlocks(bytes, at, length);
  if (isReadInParts(step, blocks.length)) return readLargeInParts(step, volume, at, length);
  const frames: number[] = [];
  let lacking = false;
  for (const block of blocks) {
    const frame = step.find(volume, block);
    if (frame === MISS) lacking = true;
    frames.push(frame);
  }
  if (lacking) return AGAIN;
  const total = largeLength(bytes, at);
  const whole = new Uint8Array(total);
  let filled = 0;
  for (let i = 0; i < frames.length; i++) {
    const base = frames[i]! * blockSize;
    const payload = blockKind(bytes, base) === KIND_VALUE ? payloadLength(bytes, base) : 0;
    if (payload === 0 || filled + payload > total) {
      throw damaged(volume, blocks[i]!, "it is no part of the value");
    }
    whole.set(bytes.subarray(base + HEADER_BYTES, base + HEADER_BYTES + payload), filled);
    filled += payload;
  }
  if (filled !== total || crc32(whole) !== largeChecksum(bytes, at)) {
    throw damaged(volume, blocks[0]!, "the value's checksum is wrong");
  }
  return { bytes: whole, from: 0, to: total };
}

function readLargeInParts(step: Step, volume: Volume, at: number, length: number): Encoded | Again {
  const whole = readInParts(step, volume, at, length);
  if (whole === undefined) return AGAIN;
  if (!(whole instanceof Uint8Array)) throw damaged(volume, whole.wrong, "it is no part of the value");
  const { bytes } = step.pool;
  if (crc32(whole) !== largeChecksum(bytes, at)) {
    throw damaged(volume, largeBlocks(bytes, at, length)[0]!, "the value's checksum is wrong");
  }
  return { bytes: whole, from: 0, to: whole.length };
}

function damaged(volume: Volume, block: number, found: string): CohortError {
  return new CohortError(
    "CORRUPT",
    `Could not read a large value at block ${block} of ${volume.path}: ${found}`,
    {
      path: volume.path,
      block,
      found,
    },
  );
}

/** Stores an encoded value under a key, freeing the blocks of the one it replaces: `DONE` or `MISS`. */
export function writeEncoded(
  change: Change,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  length: number,
): number {
  const path = new Path();
  const leaf = descend(change, place, key, keyLength, path);
  if (leaf === MISS) return MISS;
  const { bytes, blockSize } = change.pool;
  const index = search(bytes, leaf * blockSize, key, keyLength);
  if (index >= 0 && freeLargeAt(change, place.volume, leaf * blockSize, index) === MISS) return MISS;
  if (length <= INLINE_VALUE_BYTES_MAX) {
    return putOnPath(change, place, path, key, keyLength, value, 0, length);
  }
  const entry = writeBlocks(change, place, value, length);
  if (entry === MISS) return MISS;
  return putOnPath(change, place, path, key, keyLength, largeEntry, 0, entry);
}

/** Writes a value into new value blocks; the length of its entry in `largeEntry`, or `MISS`. */
function writeBlocks(change: Change, place: TreePlace, value: Uint8Array, length: number): number {
  const { volume } = place;
  const payload = change.pool.blockSize - HEADER_BYTES;
  const blocks: number[] = [];
  const tree = treeOf(place);
  for (let i = 0; i < largeBlockCount(length, change.pool.blockSize); i++) {
    const block = takeBlock(change, volume);
    if (block === MISS) return MISS;
    const from = i * payload;
    if (change.createValue(volume, block, tree, value, from, Math.min(length, from + payload)) === MISS) {
      return MISS;
    }
    blocks.push(block);
  }
  return writeLarge(largeEntry, length, crc32(value.subarray(0, length)), blocks);
}

function freeLargeAt(change: Change, volume: Volume, base: number, index: number): number {
  const { bytes } = change.pool;
  const at = valueOffset(bytes, base, index);
  if (!isLarge(bytes, at)) return DONE;
  return enqueueLarge(change, volume, bytes, at, valueLength(bytes, base, index));
}

/** Removes the value under a key, with its value blocks: `DONE`, `ABSENT` or `MISS`. */
export function removeValue(change: Change, place: TreePlace, key: Uint8Array, keyLength: number): number {
  const path = new Path();
  const leaf = descend(change, place, key, keyLength, path);
  if (leaf === MISS) return MISS;
  const { bytes, blockSize } = change.pool;
  const index = search(bytes, leaf * blockSize, key, keyLength);
  if (index < 0) return ABSENT;
  if (freeLargeAt(change, place.volume, leaf * blockSize, index) === MISS) return MISS;
  const own = change.own(place.volume, leaf);
  if (own === MISS) return MISS;
  path.frames[path.depth - 1] = own;
  change.remove(own, index, key, keyLength);
  return mergeUp(change, place, path);
}
