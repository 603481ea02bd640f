/**
 * Turns: a walk over many blocks lets the loop go on with others now and then, and ends when its caller gives
 * up. What the system has in memory is read without a wait, so that the walk alone would hold the loop to its
 * end.
 */
import { abortReason } from "../buffer/waiting.ts";
import type { Clock } from "../ports/mod.ts";

/** Blocks that are looked at in one turn of the loop. */
const BLOCKS_A_TURN = 256;

/** The turns of one walk. */
export class Turns {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #blocks = 0;

  constructor(clock: Clock, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Before some blocks: what to await, if anything. Throws, or rejects with, the signal's reason. */
  next(blocks: number = 1): Promise<void> | undefined {
    this.#refuse();
    this.#blocks += blocks;
    if (this.#blocks < BLOCKS_A_TURN) return undefined;
    this.#blocks = 0;
    return new Promise<void>((go) => void this.#clock.after(0, go)).then(() => this.#refuse());
  }

  #refuse(): void {
    if (this.#signal?.aborted === true) throw abortReason(this.#signal);
  }
}
