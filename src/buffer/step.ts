/**
 * Step: one synchronous attempt over resident blocks (DESIGN D1).
 *
 * What the attempt lacks it asks of the step, gets `MISS`, and returns; the driver obtains all that was asked
 * and runs the attempt again *from the root*. What a step met while waiting stays pinned until it ends, so
 * every wait brings it nearer; nothing but pins survives a wait. A step that may not wait (`light`) neither
 * pins nor asks.
 */
import type { Volume } from "../storage/volume.ts";
import { NO_FRAME, type Pool } from "./pool.ts";

/** What an attempt returns when something was not at hand. */
export const MISS = -1;

/** A block to bring in. */
export interface Need {
  readonly volume: Volume;
  readonly block: number;
}

/** Blocks pinned and asked for by one attempt. */
export class Step {
  readonly pool: Pool;
  readonly light: boolean;
  /** Blocks asked for in this attempt, each once. */
  readonly needs: Need[] = [];
  /** Answers to wait for besides blocks: space in the journal or the volume. */
  readonly waits: Array<() => Promise<void>> = [];
  /**
   * Clean frames that must be there at once before the next attempt, because one could not be had. What the
   * attempt gives back while it rests counts too, or the next would find just as many and fail again.
   */
  framesWanted = 0;
  /** Highest journal position that what was read depends on. */
  seen = 0;
  readonly #pinned: number[] = [];
  readonly #pinnedSet = new Set<number>();
  readonly #asked = new Set<number>();

  constructor(pool: Pool, light: boolean) {
    this.pool = pool;
    this.light = light;
  }

  /** Pins held. */
  get pinnedCount(): number {
    return this.#pinned.length;
  }

  /** The frame of a block, or `MISS` and the block is asked for. */
  find(volume: Volume, block: number): number {
    const frame = this.pool.find(volume.index, block);
    if (this.light) return frame;
    if (frame === NO_FRAME) return this.ask(volume, block);
    this.hold(frame);
    return frame;
  }

  /** Asks for a block, which answers `MISS`. */
  protected ask(volume: Volume, block: number): number {
    const key = volume.index * 2 ** 32 + block;
    if (!this.#asked.has(key)) {
      this.#asked.add(key);
      this.needs.push({ volume, block });
    }
    return MISS;
  }

  /** Notes that a value was read from this frame: its change must be safe before the answer leaves. */
  observe(frame: number): void {
    const position = this.pool.changedAt[frame]!;
    if (position > this.seen) this.seen = position;
  }

  /** Keeps a frame until the step ends. */
  hold(frame: number): void {
    if (this.#pinnedSet.has(frame)) return;
    this.#pinnedSet.add(frame);
    this.pool.pin(frame);
    this.#pinned.push(frame);
  }

  /** Takes over a pin that the loader holds for this step. */
  inherit(frame: number): void {
    if (this.#pinnedSet.has(frame)) this.pool.unpin(frame);
    else {
      this.#pinnedSet.add(frame);
      this.#pinned.push(frame);
    }
  }

  /** Frames the next attempt will hold, as far as this one could see. */
  get framesNeeded(): number {
    return this.#pinned.length + this.needs.length + this.framesWanted;
  }

  /** True when the last attempt lacked something. */
  get lacks(): boolean {
    return this.needs.length > 0 || this.waits.length > 0 || this.framesWanted > 0;
  }

  /** Gives back what is of no use while waiting. */
  rest(): void {}

  /** Forgets what was asked, before the next attempt. */
  clear(): void {
    if (this.#asked.size > 0) {
      this.needs.length = 0;
      this.#asked.clear();
    }
    this.waits.length = 0;
    this.framesWanted = 0;
    this.seen = 0;
  }

  /** Gives all pins back. */
  release(): void {
    if (this.#pinned.length === 0) return;
    for (const frame of this.#pinned) this.pool.unpin(frame);
    this.#pinned.length = 0;
    this.#pinnedSet.clear();
  }
}
