/**
 * Owed blocks: what this member changed and sent on. Another answers for it, yet this member's journal stays
 * until the block has been read back from its volume, as changed or newer, and that was synced (DESIGN D6).
 */
import { atEnd } from "../ground/at_end.ts";
import { blockStamp } from "../ground/block.ts";
import type { Volume } from "../storage/volume.ts";
import type { Held } from "./held_block.ts";
import { NO_FRAME, type Pool } from "./pool.ts";

interface Owed {
  readonly volume: Volume;
  readonly block: number;
  /** Position from which this member's journal is needed to redo it. */
  readonly from: number;
  /** Its stamp when it was sent. */
  readonly stamp: number;
}

/** The blocks that were sent on. */
export class OwedBlocks {
  readonly #blocks = new Map<number, Owed>();
  #looking: Promise<void> | undefined;

  /** How many there are. */
  get size(): number {
    return this.#blocks.size;
  }

  /** A block is sent on, changed here or before it came here. */
  add({ volume, block, frame }: Held, pool: Pool): void {
    if (frame === NO_FRAME) return;
    const key = volume.index * 2 ** 32 + block;
    const from = Math.min(pool.neededFrom[frame]!, this.#blocks.get(key)?.from ?? Infinity);
    const stamp = blockStamp(pool.bytes, frame * pool.blockSize);
    this.#blocks.set(key, { volume, block, from, stamp });
  }

  /** Lowest position that one of them needs; `otherwise` when there is none. */
  oldest(otherwise: number): number {
    let oldest = otherwise;
    for (const { from } of this.#blocks.values()) if (from < oldest) oldest = from;
    return oldest;
  }

  /**
   * Looks which of them are home by now. Reads each, and syncs their volumes. Whoever comes meanwhile shares
   * the look: a volume of which none is left may be closed.
   */
  lookHome(): Promise<void> {
    return this.#looking ??= atEnd(this.#look(), () => this.#looking = undefined);
  }

  async #look(): Promise<void> {
    const home = new Map<number, Owed>();
    for (const [key, owed] of this.#blocks) {
      const { volume, block, stamp } = owed;
      const { bytes, fault } = await volume.readRaw(block);
      if (fault === undefined && blockStamp(bytes, 0) >= stamp) home.set(key, owed);
    }
    const volumes = new Set([...home.values()].map(({ volume }) => volume));
    for (const volume of volumes) await volume.sync();
    for (const [key, owed] of home) if (this.#blocks.get(key) === owed) this.#blocks.delete(key);
  }
}
