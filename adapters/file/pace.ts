/**
 * Whether a kind of call is quick enough, of late, to be made on the loop (DESIGN D12).
 *
 * Keeps a moving mean of what the calls took. Above the limit they go off the loop; one in so many is then
 * tried on it, at intervals that double while it stays slow, so that a slow disk costs ever fewer stalls and
 * a quick one is found again.
 */

/** Share of the newest call in the mean is one in this many. */
const WEIGHT = 8;
/**
 * One call counts for at most so many limits: less than WEIGHT, so that a single stall, which may be the
 * processor's and not the disk's, takes nothing off the loop. A second one within some eight calls does.
 */
const OUTLIER_LIMITS = 6;
/** Calls off the loop before the first trial on it, and most between two trials. */
const TRIAL_CALLS_MIN = 16;
const TRIAL_CALLS_MAX = 1024;

/** A moving rule over one kind of call. */
export class Pace {
  readonly #limitMs: number;
  #meanMs = 0;
  #untilTrial = 0;
  #interval = TRIAL_CALLS_MIN;

  /** With a limit of 0 no call ever runs on the loop. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** True when the next call may run on the loop; its time must then be told to `took`. */
  onLoop(): boolean {
    if (this.#meanMs < this.#limitMs) return true;
    return this.#limitMs > 0 && --this.#untilTrial <= 0;
  }

  /** Milliseconds that a call on the loop took. */
  took(ms: number): void {
    const slow = this.#meanMs >= this.#limitMs;
    if (slow && ms < this.#limitMs) {
      // A trial was quick: back on the loop at once, but not far below the limit.
      this.#meanMs = this.#limitMs / 2;
      this.#interval = TRIAL_CALLS_MIN;
      return;
    }
    if (slow) {
      this.#interval = Math.min(2 * this.#interval, TRIAL_CALLS_MAX);
    } else {
      this.#meanMs += (Math.min(ms, OUTLIER_LIMITS * this.#limitMs) - this.#meanMs) / WEIGHT;
    }
    this.#untilTrial = this.#interval;
  }
}
