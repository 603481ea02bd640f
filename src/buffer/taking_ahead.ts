/**
 * Taking ahead: free blocks of a shared volume that a member is going to use next, had before it needs them
 * (DESIGN D2). Each would cost it messages, and everybody who wants to split a leaf would wait for them.
 *
 * Nothing is noted of what was taken: whoever else wants such a block gets it, as any other. How many are
 * taken at a time grows as long as all of them are found here when their turn comes, and falls to none when
 * one is not: others take blocks of the same extent, too.
 */
import type { Answer } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import type { BlocksAhead, Volume } from "../storage/volume.ts";
import type { Pool } from "./pool.ts";
import { mayFormat } from "./publish.ts";
import type { Need } from "./step.ts";

/** Blocks taken at a time: at first, and at most. */
const AT_ONCE_MIN = 2;
const AT_ONCE_MAX = 64;
/** Of a pool this part at most. */
const POOL_PART = 1 / 32;

/** What it needs of coherence. */
export interface BlockSource {
  obtain(need: Need, signal: AbortSignal | undefined): Answer<number>;
}

/** Of one volume. */
export class TakingAhead implements BlocksAhead {
  readonly #source: BlockSource;
  readonly #pool: Pool;
  readonly #volume: Volume;
  readonly #end = new AbortController();
  /** The block used last: the attempts of one change use the same again. */
  #last = -1;
  /** What was taken lies in `[from, until]`; how many are on their way, and are taken at a time. */
  #from = 0;
  #until = -1;
  #underWay = 0;
  #atOnce = 0;

  constructor(source: BlockSource, pool: Pool, volume: Volume) {
    this.#source = source;
    this.#pool = pool;
    this.#volume = volume;
  }

  took(block: number): number {
    if (block === this.#last || this.#underWay > 0 || this.#end.signal.aborted) return 0;
    this.#last = block;
    const isAhead = block >= this.#from && block <= this.#until;
    const isLost = isAhead && !this.#isHere(block);
    if (isAhead && !isLost && this.#until - block > this.#atOnce / 2) return 0;
    if (isLost || !isAhead) {
      this.#from = block;
      this.#until = block;
    }
    const more = isLost ? 0 : Math.max(AT_ONCE_MIN, this.#atOnce * 2);
    return this.#atOnce = Math.min(more, AT_ONCE_MAX, Math.floor(this.#pool.capacity * POOL_PART));
  }

  have(blocks: readonly number[]): void {
    for (const block of blocks) {
      if (block <= this.#until) continue;
      this.#until = block;
      this.#take(block);
    }
  }

  end(): void {
    this.#end.abort();
  }

  #isHere(block: number): boolean {
    return mayFormat(this.#pool, this.#volume, this.#pool.findAny(this.#volume.index, block));
  }

  #take(block: number): void {
    const need: Need = { volume: this.#volume, block, mode: "EX", isFresh: true };
    this.#underWay++;
    const done = (frame: number): void => {
      this.#underWay--;
      this.#pool.unpin(frame);
    };
    // Whoever needs it asks again, and is told what is wrong.
    const failed = (): void => void this.#underWay--;
    try {
      const answer = this.#source.obtain(need, this.#end.signal);
      if (isPending(answer)) answer.then(done, failed);
      else done(answer);
    } catch {
      failed();
    }
  }
}
