/**
 * Fences: gives a subtree a wider range of keys, on one side, when what lay there was cut off.
 *
 * A leaf's fences equal the separators above it, so every block on that edge of the subtree changes. Its
 * prefix may become shorter and its entries longer: whether all have room is looked at before anything is
 * written.
 */
import type { Change } from "../buffer/change.ts";
import { MISS } from "../buffer/step.ts";
import {
  AT_KIND,
  blockKind,
  blockLevel,
  blockNumber,
  blockTree,
  HEADER_BYTES,
  KIND_BRANCH,
  KIND_LEAF,
} from "../ground/block.ts";
import { commonPrefixLength, putU32 } from "../ground/bytes.ts";
import {
  childAt,
  entryAt,
  entryBytes,
  entryCount,
  highInto,
  lowInto,
  prefixLength,
  SLOT_BYTES,
} from "../ground/entries.ts";
import { copyRange } from "../ground/entries_split.ts";
import { formatEntries, putAt } from "../ground/entries_write.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import type { TreePlace } from "./tree.ts";
import { ABSENT, DONE } from "./tree_write.ts";

/** A block's range of keys; `highLength` −1 is no upper bound. */
interface Fences {
  readonly low: Uint8Array;
  lowLength: number;
  readonly high: Uint8Array;
  highLength: number;
}

/** The end of a subtree that moves. */
type Side = "low" | "high";

/**
 * Moves the upper end of a subtree up to `key`; length −1 is no bound. `DONE`, `ABSENT` without room, or
 * `MISS`.
 */
export function raiseHigh(
  change: Change,
  place: TreePlace,
  block: number,
  key: Uint8Array,
  keyLength: number,
): number {
  return moveFence(change, place, block, "high", key, keyLength);
}

/** Moves the lower end of a subtree down to `key`: `DONE`, `ABSENT` without room, or `MISS`. */
export function lowerLow(
  change: Change,
  place: TreePlace,
  block: number,
  key: Uint8Array,
  keyLength: number,
): number {
  return moveFence(change, place, block, "low", key, keyLength);
}

function moveFence(
  change: Change,
  place: TreePlace,
  block: number,
  side: Side,
  key: Uint8Array,
  keyLength: number,
): number {
  const { bytes, blockSize } = change.pool;
  const frames: number[] = [];
  let below = block;
  for (;;) {
    const frame = change.find(place.volume, below);
    if (frame === MISS) return MISS;
    frames.push(frame);
    const base = frame * blockSize;
    if (!hasRoom(bytes, base, blockSize, fencesOf(bytes, base, side, key, keyLength))) return ABSENT;
    if (bytes[base + AT_KIND] === KIND_LEAF) break;
    below = childAt(bytes, base, side === "low" ? 0 : entryCount(bytes, base) - 1);
  }
  for (const frame of frames) {
    const own = change.own(place.volume, frame);
    if (own === MISS || rewrite(change, place, own, side, key, keyLength) === MISS) return MISS;
  }
  return DONE;
}

/** The fences of a block with one of them moved. */
function fencesOf(bytes: Uint8Array, base: number, side: Side, key: Uint8Array, keyLength: number): Fences {
  const fences: Fences = {
    low: new Uint8Array(KEY_BYTES_MAX),
    lowLength: 0,
    high: new Uint8Array(KEY_BYTES_MAX),
    highLength: 0,
  };
  fences.lowLength = lowInto(bytes, base, fences.low);
  fences.highLength = highInto(bytes, base, fences.high);
  if (keyLength > 0) fences[side].set(key.subarray(0, keyLength));
  if (side === "low") fences.lowLength = keyLength;
  else fences.highLength = keyLength;
  return fences;
}

/** Whether all entries fit with these fences; the first entry of a branch may get a longer key. */
function hasRoom(bytes: Uint8Array, base: number, blockSize: number, fences: Fences): boolean {
  const { low, lowLength, high, highLength } = fences;
  const prefix = highLength < 0 ? 0 : commonPrefixLength(low, 0, lowLength, high, 0, highLength);
  const longer = prefixLength(bytes, base) - prefix;
  let used = HEADER_BYTES + lowLength + Math.max(0, highLength) + lowLength;
  for (let i = 0; i < entryCount(bytes, base); i++) {
    used += SLOT_BYTES + entryBytes(bytes, entryAt(bytes, base, i)) + longer;
  }
  return used <= blockSize;
}

function rewrite(
  change: Change,
  place: TreePlace,
  own: number,
  side: Side,
  key: Uint8Array,
  keyLength: number,
): number {
  const { bytes, blockSize } = change.pool;
  const spare = change.spare();
  if (spare === MISS) return MISS;
  const base = own * blockSize;
  const target = spare * blockSize;
  const { low, lowLength, high, highLength } = fencesOf(bytes, base, side, key, keyLength);
  const end = highLength < 0 ? undefined : high;
  const kind = blockKind(bytes, base);
  const level = blockLevel(bytes, base);
  const block = blockNumber(bytes, base);
  const tree = blockTree(bytes, base);
  const { tag } = place.volume.facts;
  formatEntries(bytes, target, blockSize, kind, level, block, tree, tag, low, lowLength, end, highLength);
  // The first entry of a branch has the low key of the branch.
  const first = kind === KIND_BRANCH ? 1 : 0;
  if (first === 1) {
    const child = new Uint8Array(4);
    putU32(child, 0, childAt(bytes, base, 0));
    putAt(bytes, target, blockSize, ~0, low, lowLength, child, 0, 4);
  }
  copyRange(bytes, base, first, entryCount(bytes, base), bytes, target, blockSize);
  bytes.copyWithin(base, target, target + blockSize);
  change.giveSpare(spare);
  change.rewritten(own);
  return DONE;
}
