/**
 * Permits: how many blocks all steps together may pin, given out in arrival order.
 *
 * A step reserves before its first pin (DESIGN D1), so two large sets can never hold half the pool each and
 * wait for the other half.
 */
import { CohortError, invariant } from "../ground/errors.ts";

interface Waiter {
  readonly count: number;
  readonly grant: () => void;
}

/** A first-come-first-served count of pins. */
export class Permits {
  readonly total: number;
  #left: number;
  readonly #waiting: Waiter[] = [];

  constructor(total: number) {
    this.total = total;
    this.#left = total;
  }

  /** Permits nobody holds. */
  get left(): number {
    return this.#left;
  }

  /** Steps that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Takes `count` permits; undefined when at once. Throws `TRANSACTION_TOO_LARGE` when there never will be as
   * many.
   */
  take(count: number): Promise<void> | undefined {
    if (count > this.total) {
      throw new CohortError(
        "TRANSACTION_TOO_LARGE",
        `Could not pin ${count} blocks at once: the pool allows ${this.total}`,
        { needed: count, allowed: this.total },
      );
    }
    if (this.#waiting.length === 0 && count <= this.#left) {
      this.#left -= count;
      return undefined;
    }
    return new Promise((grant) => this.#waiting.push({ count, grant }));
  }

  /** Takes `count` permits if nobody waits and there are as many; false otherwise. */
  takeNow(count: number): boolean {
    if (this.#waiting.length > 0 || count > this.#left) return false;
    this.#left -= count;
    return true;
  }

  /** Gives permits back and lets those in front go. */
  give(count: number): void {
    this.#left += count;
    invariant(this.#left <= this.total, "More permits were given back than taken");
    while (this.#waiting.length > 0 && this.#waiting[0]!.count <= this.#left) {
      const next = this.#waiting.shift()!;
      this.#left -= next.count;
      next.grant();
    }
  }
}
