/**
 * Unplaced blocks: those that this member answers for and that no frame was to be had for yet. They are dirty
 * as those in the pool are: who waits until all is home waits for them, too.
 */
import type { Held } from "./held_block.ts";
import type { Pool } from "./pool.ts";

/** The dirty blocks without a frame of one member. */
export class Unplaced {
  readonly #blocks = new Set<Held>();

  /** A block may have come for which there was no frame. */
  add(held: Held): void {
    if (held.isUnplaced) this.#blocks.add(held);
  }

  /** Lowest journal position at which one of them came; `otherwise` when there is none. */
  oldest(otherwise: number): number {
    let oldest = otherwise;
    for (const held of this.#blocks) {
      if (held.isUnplaced) oldest = Math.min(oldest, held.bytesFrom);
      else this.#blocks.delete(held);
    }
    return oldest;
  }
}

/** Where dirty blocks are. */
interface DirtyPlaces {
  readonly pool: Pool;
  readonly coherence: { readonly unplaced: Unplaced } | undefined;
}

/** Lowest journal position that some dirty block needs, in a frame or not; Infinity when all is clean. */
export function oldestDirty({ pool, coherence }: DirtyPlaces): number {
  const oldest = pool.oldestNeeded(Infinity);
  return coherence?.unplaced.oldest(oldest) ?? oldest;
}

/** Whether no block is dirty, in a frame or not. */
export function isAllClean({ pool, coherence }: DirtyPlaces): boolean {
  return pool.dirtyCount === 0 && (coherence?.unplaced.oldest(Infinity) ?? Infinity) === Infinity;
}
