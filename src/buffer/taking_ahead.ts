/**
 * Taking ahead: free blocks of a shared volume that a member is going to use next, had before it needs them
 * (DESIGN D2). Each would cost it messages, and everybody who wants to split a leaf would wait for them.
 *
 * Nothing is noted of what was taken: whoever else wants such a block gets it, as any other. How many are
 * taken at a time grows as long as this member uses one free block after the other, and finds here what it
 * took; it falls to none as soon as another member has used one in between.
 */
import { CohortError } from "../ground/errors.ts";
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

/** What it needs of its member. */
export interface AheadWorld {
  readonly pool: Pool;
  /** Hears of a broken invariant: what else fails is told to whoever needs the block. */
  readonly onTrouble: (error: unknown) => void;
}

/** Of one volume. */
export class TakingAhead implements BlocksAhead {
  readonly #source: BlockSource;
  readonly #world: AheadWorld;
  readonly #volume: Volume;
  readonly #end = new AbortController();
  /** Used one after the other: `[from, last]`; the free block that comes next. */
  #from = 0;
  #last = -1;
  #next = -1;
  /** The last block taken ahead; how many are on their way, and are taken at a time. */
  #until = -1;
  #underWay = 0;
  #atOnce = 0;

  constructor(source: BlockSource, world: AheadWorld, volume: Volume) {
    this.#source = source;
    this.#world = world;
    this.#volume = volume;
  }

  took(block: number, next: number): number {
    // Another attempt of the same change; or one that was freed since, and says nothing of those to come.
    if (block >= this.#from && block <= this.#last) return 0;
    const isNext = block === this.#next;
    this.#last = block;
    this.#next = next;
    if (!isNext || this.#isLost(block)) {
      this.#from = block;
      this.#until = block;
      this.#atOnce = 0;
      return 0;
    }
    const isEnough = this.#until - block > this.#atOnce / 2;
    if (isEnough || this.#underWay > 0 || this.#end.signal.aborted) return 0;
    const most = Math.min(AT_ONCE_MAX, Math.floor(this.#world.pool.capacity * POOL_PART));
    return this.#atOnce = Math.min(Math.max(AT_ONCE_MIN, this.#atOnce * 2), most);
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

  /** It was taken ahead, and is not here. */
  #isLost(block: number): boolean {
    if (block > this.#until || this.#underWay > 0) return false;
    return !mayFormat(this.#world.pool, this.#volume, this.#world.pool.findAny(this.#volume.index, block));
  }

  #take(block: number): void {
    const need: Need = { volume: this.#volume, block, mode: "EX", isFresh: true };
    this.#underWay++;
    const done = (frame: number): void => {
      this.#underWay--;
      this.#world.pool.unpin(frame);
    };
    const failed = (error: unknown): void => {
      this.#underWay--;
      if (!(error instanceof CohortError || this.#end.signal.aborted)) this.#world.onTrouble(error);
    };
    try {
      const answer = this.#source.obtain(need, this.#end.signal);
      if (isPending(answer)) answer.then(done, failed);
      else done(answer);
    } catch (error) {
      failed(error);
    }
  }
}
