/** What tests of the buffer floor stand on: volumes that are only facts, a journal that is only a list. */
import type { GroupSink } from "../../src/buffer/group_sink.ts";
import type { Pool } from "../../src/buffer/pool.ts";
import { KIND_LEAF, setBlockStamp } from "../../src/ground/block.ts";
import { ByteWriter } from "../../src/ground/byte_writer.ts";
import { formatEntries } from "../../src/ground/entries_write.ts";
import type { VolumeFile } from "../../src/ports/mod.ts";
import { Volume, type VolumeFacts } from "../../src/storage/volume.ts";

/** Bytes of a block in these tests. */
export const BLOCK = 8192;

/** Facts of the volumes of these tests. */
export const FACTS: VolumeFacts = {
  blockSize: BLOCK,
  extentBlocks: 64,
  tag: 1,
  id: "0".repeat(32),
  incarnation: "1".repeat(32),
};

/** A volume that must not be read or written. */
export function fakeVolume(index: number = 0): Volume {
  const file = { path: `/v${index}`, blockSize: BLOCK } as VolumeFile;
  return new Volume(file, FACTS, index, 64, false);
}

/** Puts an empty leaf with a stamp into the pool, clean and without a pin. */
export function load(pool: Pool, volume: number, block: number, stamp: number = 1): number {
  const frame = pool.take(volume, block);
  const base = frame * BLOCK;
  formatEntries(pool.bytes, base, BLOCK, KIND_LEAF, 0, block, block, 1, new Uint8Array(0), 0, undefined, -1);
  setBlockStamp(pool.bytes, base, stamp);
  pool.loaded(frame);
  pool.unpin(frame);
  return frame;
}

/** A group as it was appended. */
export interface ListedGroup {
  readonly stamp: number;
  /** Volume, block, stamp before. */
  readonly records: Array<[volume: number, block: number, before: number]>;
}

/** A journal that keeps a list of its groups. */
export class ListSink implements GroupSink {
  position = 0;
  readonly writer: ByteWriter = new ByteWriter(1 << 16);
  readonly groups: ListedGroup[] = [];
  /** What was promised for each group, and what it took. */
  readonly sizes: Array<[admitted: number, taken: number]> = [];
  #admitted = 0;

  beginGroup(stamp: number, admitted: number): void {
    this.writer.length = 0;
    this.#admitted = admitted;
    this.groups.push({ stamp, records: [] });
  }

  beginRecord(volumeIndex: number, block: number, before: number): void {
    this.groups.at(-1)!.records.push([volumeIndex, block, before]);
  }

  endRecord(): void {}

  endGroup(): number {
    this.sizes.push([this.#admitted, this.writer.length]);
    this.position += this.writer.length;
    return this.position;
  }
}
