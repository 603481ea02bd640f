/**
 * Verdicts on the other members, by two independent probes: the network and the shared storage (rule 92).
 * Pure.
 */

/** What can be said of a member. A partition means that it lives and one way to it does not. */
export type Verdict = "up" | "network partition" | "storage partition" | "down";

/** The table. */
export function verdictOf(network: boolean, storage: boolean): Verdict {
  if (network) return storage ? "up" : "storage partition";
  return storage ? "network partition" : "down";
}

/** How long a way may be silent, in milliseconds. */
export interface SilenceLimits {
  readonly networkMs: number;
  readonly storageMs: number;
}

/** So many looks at least it takes to say that a slot stands still. */
const LOOKS_MIN = 4;

/** What was heard of one member, and when. */
export class PeerWatch {
  readonly #limits: SilenceLimits;
  #networkAt: number;
  /** When its slot was last looked at with success, and for how long it has stood still by such looks. */
  #lookedAt: number;
  #stillMs = 0;
  #counter = -1;

  /** Silence counts from `now` on. */
  constructor(limits: SilenceLimits, now: number) {
    this.#limits = limits;
    this.#networkAt = now;
    this.#lookedAt = now;
  }

  /** A message of it came. */
  heard(now: number): void {
    this.#networkAt = now;
  }

  /**
   * Its slot was read: this counter, or none. One that does not count on says nothing. Only what lies between
   * looks counts as silence, and of a long time without one no more than a part: the storage was silent to
   * this member then, not to that one.
   */
  looked(counter: number | undefined, now: number): void {
    const gap = Math.min(now - this.#lookedAt, this.#limits.storageMs / LOOKS_MIN);
    this.#lookedAt = now;
    if (counter === undefined || counter <= this.#counter) {
      this.#stillMs += Math.max(0, gap);
      return;
    }
    this.#counter = counter;
    this.#stillMs = 0;
  }

  /**
   * This member itself did nothing for so long: it cannot say of others that they were silent meanwhile.
   */
  excuse(ms: number): void {
    this.#networkAt += ms;
    this.#lookedAt += ms;
  }

  /** Whether it is heard over the network. */
  isHeard(now: number): boolean {
    return now - this.#networkAt <= this.#limits.networkMs;
  }

  /** Whether its slot goes on, as far as looks say. */
  get isSeen(): boolean {
    return this.#stillMs <= this.#limits.storageMs;
  }

  /** The verdict now. */
  verdict(now: number): Verdict {
    return verdictOf(this.isHeard(now), this.isSeen);
  }
}
