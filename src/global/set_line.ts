/**
 * SetLine: the sets of one writer that wait for space in the journal or the volume, in the order of the
 * calls.
 *
 * Only the first in line waits as a change; when it is through, those behind it are set as if called then.
 * Were each a change of its own, a thousand of them would copy the block they all change, wait, and do so
 * again: sets called 10,000 at once took five times as long as called 1,000 at once.
 */

/** How a set is done. */
export interface SetWays {
  /** In this turn: the position to acknowledge, or less than 1 when that cannot be. */
  now(key: Uint8Array, value: Uint8Array): number;
  /** Whatever it must wait for: the position to acknowledge. */
  later(key: Uint8Array, value: Uint8Array): Promise<number>;
  /** When a position may be acknowledged; undefined when it may now. */
  ackOf(position: number): Promise<void> | undefined;
  /** The same error, after the member was told if it is a broken invariant. */
  noted(error: unknown): unknown;
}

interface Waiting {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly done: (acknowledged: Promise<void> | undefined) => void;
  readonly fail: (error: unknown) => void;
}

/** Sets in line. */
export class SetLine {
  readonly #ways: SetWays;
  #waiting: Waiting[] = [];
  #isMoving = false;

  constructor(ways: SetWays) {
    this.#ways = ways;
  }

  /** Whether a set must go behind others. */
  get isMoving(): boolean {
    return this.#isMoving;
  }

  /** Sets behind those in line; resolves when it is acknowledged. */
  add(key: Uint8Array, value: Uint8Array): Promise<void> {
    const acknowledged = new Promise<void>((resolve, fail) => {
      this.#waiting.push({ key, value, done: resolve as Waiting["done"], fail });
    });
    if (!this.#isMoving) this.#move();
    return acknowledged;
  }

  async #move(): Promise<void> {
    this.#isMoving = true;
    while (this.#waiting.length > 0) {
      const all = this.#waiting;
      this.#waiting = [];
      for (const { key, value, done, fail } of all) {
        try {
          const position = this.#ways.now(key, value);
          done(this.#ways.ackOf(position > 0 ? position : await this.#ways.later(key, value)));
        } catch (error) {
          fail(this.#ways.noted(error));
        }
      }
    }
    this.#isMoving = false;
  }
}
