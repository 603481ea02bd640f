/**
 * Shared shape: what a member knows of the trees and the space of a shared volume without looking is kept
 * right as its blocks come and go: what it does not hold others may change.
 */
import { AT_LEVEL, blockKind, blockNumber, blockTree, KIND_MAP } from "../ground/block.ts";
import { mapAllocated } from "../ground/space_map.ts";
import { CATALOG_ROOT, type Volume } from "../storage/volume.ts";
import { NO_FRAME, type Pool } from "./pool.ts";

/**
 * The block of a frame is no longer held here. A leaf covers what its fences say as long as it is held; which
 * leaf covers what, and where a global begins, only the blocks above tell.
 */
export function outdate(pool: Pool, volume: Volume, frame: number): void {
  const base = frame * pool.blockSize;
  volume.shapeVersion++;
  const isAbove = pool.bytes[base + AT_LEVEL] !== 0;
  noteRoot(pool, volume, base, isAbove);
  if (isAbove || blockTree(pool.bytes, base) === CATALOG_ROOT) volume.catalogVersion++;
}

/** Who comes to change a tree that was one leaf when it was here asks for that leaf to change at once. */
function noteRoot(pool: Pool, { leafRoots }: Volume, base: number, isAbove: boolean): void {
  const root = blockTree(pool.bytes, base);
  if (blockNumber(pool.bytes, base) !== root || root === CATALOG_ROOT) return;
  if (isAbove) leafRoots.delete(root);
  else leafRoots.add(root);
}

/** A map has come from elsewhere: the free blocks of its extent are counted anew. */
export function recount(pool: Pool, volume: Volume, frame: number): void {
  if (frame === NO_FRAME || blockKind(pool.bytes, frame * pool.blockSize) !== KIND_MAP) return;
  const { extentBlocks } = volume.facts;
  const extent = Math.floor(pool.blockOf[frame]! / extentBlocks);
  if (extent > volume.freeIn.length) return;
  volume.freeIn[extent] = extentBlocks - mapAllocated(pool.bytes, frame * pool.blockSize);
}
