/**
 * Publish: how one block of a change becomes a journal record and the pool's content.
 */
import { blockKind, blockTree, KIND_MAP, setBlockStamp } from "../ground/block.ts";
import { opFormat } from "../ground/block_op.ts";
import type { ByteWriter } from "../ground/byte_writer.ts";
import { mapAllocated } from "../ground/space_map.ts";
import { CATALOG_ROOT, QUEUE_ROOT, type Volume } from "../storage/volume.ts";
import type { GroupSink } from "./group_sink.ts";
import { MODE_PR, NO_FRAME, type Pool } from "./pool.ts";

/** One block of a change. */
export interface Touched {
  readonly volume: Volume;
  readonly block: number;
  /** The frame of the copy. */
  readonly copy: number;
  /** The frame the copy came from; `NO_FRAME` for a block formatted anew. */
  readonly source: number;
  readonly before: number;
  readonly ops: ByteWriter;
  fresh: boolean;
}

/**
 * Whether a block that is in `frame`, if anywhere, may be formatted anew now: of a shared volume another
 * member may have it still, from its earlier life.
 */
export function mayFormat(pool: Pool, volume: Volume, frame: number): boolean {
  if (frame === NO_FRAME) return !volume.isShared;
  return !pool.isLoading(frame) && pool.modeOf[frame] !== MODE_PR;
}

/** Writes the record of a block, whose copy gets the group's stamp. */
export function journalTouched(sink: GroupSink, pool: Pool, touched: Touched, stamp: number): void {
  const { bytes, blockSize } = pool;
  const base = touched.copy * blockSize;
  setBlockStamp(bytes, base, stamp);
  sink.beginRecord(touched.volume.index, touched.block, touched.before);
  if (touched.fresh) opFormat(sink.writer, bytes, base, blockSize);
  else sink.writer.append(touched.ops.bytes, 0, touched.ops.length);
  sink.endRecord();
}

/** Moves a copy to where the pool keeps the block, changed by the group that lies at `[start, end)`. */
export function installTouched(pool: Pool, touched: Touched, start: number, end: number): void {
  const frame = settle(pool, touched);
  pool.changed(frame, start, end);
  const base = frame * pool.blockSize;
  const { volume } = touched;
  volume.shapeVersion++;
  const tree = blockTree(pool.bytes, base);
  if (blockKind(pool.bytes, base) === KIND_MAP) countFree(pool, touched, base);
  else if (tree === CATALOG_ROOT) volume.catalogVersion++;
  else if (tree === QUEUE_ROOT) volume.onQueued?.();
}

function settle(pool: Pool, touched: Touched): number {
  const { volume, block, copy, source } = touched;
  const home = source !== NO_FRAME ? source : pool.findAny(volume.index, block);
  if (home === NO_FRAME) {
    pool.adopt(copy, volume.index, block);
    return copy;
  }
  const size = pool.blockSize;
  pool.bytes.copyWithin(home * size, copy * size, (copy + 1) * size);
  pool.releaseScratch(copy);
  return home;
}

function countFree(pool: Pool, touched: Touched, base: number): void {
  const { volume, block } = touched;
  const { extentBlocks } = volume.facts;
  volume.freeIn[Math.floor(block / extentBlocks)] = extentBlocks - mapAllocated(pool.bytes, base);
}
