/**
 * Space: takes blocks from the map, one extent's map block at a time, and says when the volume must grow.
 *
 * Nothing about reservations is stored: the maps are ordinary blocks, changed by the group that uses the
 * space (DESIGN D2). Blocks come back through the free queue (free_queue.ts); only the queue's own
 * come back at once.
 */
import type { Change } from "../buffer/change.ts";
import { blockKind, KIND_MAP } from "../ground/block.ts";
import { MISS } from "../buffer/step.ts";
import { invariant } from "../ground/errors.ts";
import { mapAllocated, mapFindFree } from "../ground/space_map.ts";
import type { BlocksAhead, Volume } from "../storage/volume.ts";

/** Least blocks a volume grows by; it doubles up to one extent. */
const GROW_BLOCKS_MIN = 64;
/** A volume of an extent or more grows when less than this part of an extent is free behind its end. */
const GROW_AHEAD_PART = 0.5;

/**
 * Takes a free block near the end of use, marking it in its map: the block number, or `MISS` with what is
 * lacking (a map block, a frame, or growth of the volume).
 */
export function takeBlock(change: Change, volume: Volume): number {
  const { extentBlocks } = volume.facts;
  for (let extent = 0; extent < volume.freeIn.length; extent++) {
    const limit = Math.min(extentBlocks, volume.blocks - extent * extentBlocks);
    const beyond = extentBlocks - limit;
    if (volume.freeIn[extent]! <= beyond) continue;
    const block = takeIn(change, volume, extent, limit);
    if (block === FULL) continue;
    growAhead(volume, extent);
    return block;
  }
  return takeByGrowth(change, volume);
}

const FULL = -2;

function takeIn(change: Change, volume: Volume, extent: number, limit: number): number {
  const found = change.find(volume, volume.mapBlockOf(extent));
  if (found === MISS) return MISS;
  const { bytes, blockSize } = change.pool;
  const bit = mapFindFree(bytes, found * blockSize, volume.facts.extentBlocks, limit, 0);
  if (bit < 0) return FULL;
  const map = change.own(volume, found);
  if (map === MISS) return MISS;
  change.mapSet(map, bit, 1);
  const start = extent * volume.facts.extentBlocks;
  if (volume.ahead !== undefined) takeAhead(change, volume.ahead, map, start, bit, limit);
  return start + bit;
}

/** Block `bit` of the extent that begins at `start` is used: those that come next should be here in time. */
function takeAhead(
  change: Change,
  ahead: BlocksAhead,
  map: number,
  start: number,
  bit: number,
  limit: number,
): void {
  const { bytes, blockSize } = change.pool;
  const freeBehind = (at: number): number => mapFindFree(bytes, map * blockSize, limit, limit, at + 1);
  let next = freeBehind(bit);
  // Behind the last one comes what the volume grows by.
  const count = ahead.took(start + bit, start + (next < 0 ? limit : next));
  if (count === 0) return;
  const free: number[] = [];
  for (; next >= 0 && free.length < count; next = freeBehind(next)) free.push(start + next);
  ahead.have(free);
}

/**
 * No extent has room: begins the first new one that has, one after another when a change needs many blocks,
 * or asks for growth.
 */
function takeByGrowth(change: Change, volume: Volume): number {
  const { extentBlocks } = volume.facts;
  for (let extent = volume.freeIn.length;; extent++) {
    const start = extent * extentBlocks;
    if (start + 1 >= volume.blocks) break;
    const block = takeInNew(change, volume, start);
    if (block !== FULL) return block;
  }
  const wanted = volume.blocks + stepOf(volume);
  if (volume.isShared) change.letsGripsGo = true;
  change.waits.push(() => volume.grow(wanted));
  return MISS;
}

/**
 * Grows a volume of an extent or more before writers have to wait for it. What lies behind `extent`, the one
 * in use, is free.
 */
function growAhead(volume: Volume, extent: number): void {
  const { extentBlocks } = volume.facts;
  const free = volume.freeIn[extent]! - extentBlocks + volume.blocks - extent * extentBlocks;
  if (volume.blocks < extentBlocks || free >= extentBlocks * GROW_AHEAD_PART) return;
  volume.growAhead(volume.blocks + extentBlocks);
}

/** Blocks that a volume grows by. */
function stepOf(volume: Volume): number {
  return Math.min(volume.facts.extentBlocks, Math.max(GROW_BLOCKS_MIN, volume.blocks));
}

/** Takes a block of an extent that this change begins; `FULL` when it has used it up. */
function takeInNew(change: Change, volume: Volume, start: number): number {
  invariant(start > 0, "The first extent of a volume was begun with it");
  const { extentBlocks } = volume.facts;
  const { bytes, blockSize } = change.pool;
  let map = change.findFresh(volume, start);
  if (map === MISS && isBegun(change, volume, start)) return FULL;
  if (map === MISS) {
    map = change.createMap(volume, start);
    if (map === MISS) return MISS;
    change.mapSet(map, 0, 1);
  }
  const limit = Math.min(extentBlocks, volume.blocks - start);
  const bit = mapFindFree(bytes, map * blockSize, extentBlocks, limit, 0);
  if (bit < 0) return FULL;
  change.mapSet(map, bit, 1);
  return start + bit;
}

/** Whether another member has begun the extent already, whose map this one holds by now. */
function isBegun(change: Change, volume: Volume, start: number): boolean {
  if (!volume.isShared) return false;
  const frame = change.peek(volume, start);
  const { bytes, blockSize } = change.pool;
  if (frame === MISS || blockKind(bytes, frame * blockSize) !== KIND_MAP) return false;
  const { extentBlocks } = volume.facts;
  volume.freeIn[start / extentBlocks] = extentBlocks - mapAllocated(bytes, frame * blockSize);
  return true;
}

/** Marks a block that nothing reaches free in its map: 1, or `MISS` with what is lacking. */
export function giveBlock(change: Change, volume: Volume, block: number): number {
  const { extentBlocks } = volume.facts;
  const found = change.find(volume, volume.mapBlockOf(Math.floor(block / extentBlocks)));
  if (found === MISS) return MISS;
  const map = change.own(volume, found);
  if (map === MISS) return MISS;
  change.mapClear(map, block % extentBlocks, 1);
  return 1;
}
