/**
 * Left behind: from where the journal is needed for volumes that were let go of as they were, neither brought
 * home nor recovered. All that is known of their last changes may be there: it stays until they are given
 * back in good order, or this member ends, whose files stay then for as long as a volume names them.
 */
import type { Pool } from "./pool.ts";

/** The volumes that one member left behind. */
export class LeftBehind {
  /** By number of the volume. */
  readonly #from = new Map<number, number>();

  /** A volume is let go of that needs the journal from a position on; Infinity when it needs none of it. */
  keep(volumeIndex: number, from: number): void {
    if (from < (this.#from.get(volumeIndex) ?? Infinity)) this.#from.set(volumeIndex, from);
  }

  /** All of a volume is home. */
  forget(volumeIndex: number): void {
    this.#from.delete(volumeIndex);
  }

  /** Lowest position that one of them needs; `otherwise` when there is none. */
  oldest(otherwise: number): number {
    return Math.min(otherwise, ...this.#from.values());
  }
}

/** Lowest journal position that some dirty frame of a volume needs; Infinity when none is dirty. */
export function oldestDirtyOf(pool: Pool, volumeIndex: number): number {
  let oldest = Infinity;
  for (const frame of pool.framesOf(volumeIndex)) {
    if (pool.isDirty(frame)) oldest = Math.min(oldest, pool.neededFrom[frame]!);
  }
  return oldest;
}
