/** Held table: the shared blocks of which a member remembers something, by volume and number. */
import type { CohortError } from "../ground/errors.ts";
import type { Volume } from "../storage/volume.ts";
import type { HeldBlock } from "./block_holder.ts";
import { Held } from "./held_block.ts";
import type { Pool } from "./pool.ts";
import { TakenAway, type TakenBlock } from "./taken_away.ts";

/** All of one member. */
export class HeldTable {
  readonly #held = new Map<number, Held>();
  #stopped: CohortError | undefined;
  /** Who took blocks that were here. */
  readonly taken: TakenAway = new TakenAway();

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

  /** The same, by the tag of the volume. */
  allWith(tag: number): Held[] {
    return this.all().filter((it) => it.volume.facts.tag === tag);
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

  /** Resolves at the next change of a block's state; rejects once the member has stopped. */
  async changed(held: Held, signal: AbortSignal | undefined): Promise<void> {
    try {
      if (this.#stopped === undefined) await held.changed(signal);
    } finally {
      this.forget(held);
    }
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** Nothing changes any more, as no keeper hears this member: whoever waits for it is told so. */
  stop(cause: CohortError): void {
    this.#stopped ??= cause;
    for (const held of this.all()) held.wake();
  }

  /** Who took a block that was here, and may have it still. */
  takenOf(volume: Volume, block: number): TakenBlock | undefined {
    return this.taken.find(keyOf(volume.index, block));
  }

  /** Whoever took a block, it has gone on, to another or to nobody knows whom. */
  wentOn(volume: Volume, block: number, to: string | undefined): void {
    if (to === undefined) this.taken.forget(keyOf(volume.index, block));
    else this.taken.note(keyOf(volume.index, block), to);
  }

  /** A block that was here as `before` leaves. */
  left(held: Held, { order }: HeldBlock, pool: Pool): void {
    if (order?.kind === "demand" && order.mode === "EX") {
      this.taken.note(keyOf(held.volume.index, held.block), order.asker);
    }
    held.leave(pool);
  }

  /** Lets a block go whatever there is to remember of it: its volume is not used any more. */
  drop(held: Held, pool: Pool): void {
    this.#held.delete(keyOf(held.volume.index, held.block));
    held.drop(pool);
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
