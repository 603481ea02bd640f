/** Blocks that somebody waits for to be home: the next write cycle takes them first. */
import type { Volume } from "../storage/volume.ts";
import { NO_FRAME, type Pool } from "./pool.ts";
import type { CycleImage } from "./write_cycle.ts";

interface Wanted {
  readonly volume: Volume;
  readonly block: number;
  readonly done: () => void;
}

/** What is wanted home, in the order in which it was wanted. */
export class WantedHome {
  readonly #pool: Pool;
  #wanted: Wanted[] = [];

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#wanted.length;
  }

  /** Resolves once a cycle took the block, or failed; never, when its volume is gone or all is over. */
  add(volume: Volume, block: number): Promise<void> {
    return new Promise((done) => this.#wanted.push({ volume, block, done }));
  }

  /** Frames to take, at most so many; those of volumes that are gone nobody brings home any more. */
  frames(most: number, isMounted: (frame: number) => boolean): number[] {
    this.answerClean();
    this.#wanted = this.#wanted.filter((it) => isMounted(this.#frameOf(it)));
    return [...new Set(this.#wanted.map((it) => this.#frameOf(it)))].slice(0, most);
  }

  /** Tells those whose block is home as it is, or no longer here. */
  answerClean(): void {
    this.#answer((it) => {
      const frame = this.#frameOf(it);
      return frame === NO_FRAME || !this.#pool.isDirty(frame);
    });
  }

  /** Tells those whose block a cycle brought home, though it may have been changed meanwhile. */
  took(images: readonly CycleImage[]): void {
    if (this.#wanted.length === 0) return;
    const took = new Set(images.map(keyOf));
    this.#answer((it) => took.has(keyOf(it)));
  }

  /** A cycle failed: who waits holds others up, and looks again whether it still must. */
  failed(): void {
    this.#answer(() => true);
  }

  /** Nothing goes home any more: nobody is told so, for what is not home must not leave as if it were. */
  stop(): void {
    this.#wanted = [];
  }

  #answer(isDone: (wanted: Wanted) => boolean): void {
    const done = this.#wanted.filter(isDone);
    if (done.length === 0) return;
    this.#wanted = this.#wanted.filter((it) => !done.includes(it));
    for (const wanted of done) wanted.done();
  }

  #frameOf({ volume, block }: Wanted): number {
    return this.#pool.findAny(volume.index, block);
  }
}

function keyOf({ volume, block }: { readonly volume: Volume; readonly block: number }): number {
  return volume.index * 2 ** 32 + block;
}
