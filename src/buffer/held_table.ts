/** Held table: the shared blocks of which a member remembers something, by volume and number. */
import type { Volume } from "../storage/volume.ts";
import { Held } from "./held_block.ts";

/** All of one member. */
export class HeldTable {
  readonly #held = new Map<number, Held>();

  /** How many there are. */
  get size(): number {
    return this.#held.size;
  }

  /** All there are now, whatever comes and goes meanwhile. */
  all(): Held[] {
    return [...this.#held.values()];
  }

  /** Those of one volume. */
  allOf(volume: Volume): Held[] {
    return this.all().filter((it) => it.volume === volume);
  }

  /** What is remembered of a block. */
  find(volumeIndex: number, block: number): Held | undefined {
    return this.#held.get(keyOf(volumeIndex, block));
  }

  /** The same; it begins to be remembered. */
  of(volume: Volume, block: number): Held {
    const key = keyOf(volume.index, block);
    let held = this.#held.get(key);
    if (held === undefined) this.#held.set(key, held = new Held(volume, block));
    return held;
  }

  /** Lets a block go of which there is nothing to remember. */
  forget(held: Held): void {
    const key = keyOf(held.volume.index, held.block);
    // Whoever waited for one that was forgotten meanwhile must not forget the one that came after it.
    if (held.isForgotten && this.#held.get(key) === held) this.#held.delete(key);
  }
}

function keyOf(volumeIndex: number, block: number): number {
  return volumeIndex * 2 ** 32 + block;
}
