/** Held blocks: those of which a member's coherence remembers something. */
import type { Volume } from "../storage/volume.ts";
import { Held } from "./held_block.ts";

/** By their place. */
export class HeldBlocks {
  readonly #blocks = new Map<number, Held>();

  /** How many there are. */
  get size(): number {
    return this.#blocks.size;
  }

  /** A block, with nothing known of it if it is new. */
  of(volume: Volume, block: number): Held {
    const key = keyOf(volume.index, block);
    let held = this.#blocks.get(key);
    if (held === undefined) this.#blocks.set(key, held = new Held(volume, block));
    return held;
  }

  /** A block of the volume with this number, if something is remembered of it. */
  find(index: number, block: number): Held | undefined {
    return this.#blocks.get(keyOf(index, block));
  }

  /** All as they are now; they may come and go meanwhile. */
  all(): Held[] {
    return [...this.#blocks.values()];
  }

  /** Those of one volume. */
  allOf(volume: Volume): Held[] {
    return this.all().filter((it) => it.volume === volume);
  }

  /** Forgets one of which there is nothing to remember. */
  forget(held: Held): void {
    const key = keyOf(held.volume.index, held.block);
    // Whoever waited for one that was forgotten meanwhile must not forget the one that came after it.
    if (held.isForgotten && this.#blocks.get(key) === held) this.#blocks.delete(key);
  }
}

function keyOf(index: number, block: number): number {
  return index * 2 ** 32 + block;
}
