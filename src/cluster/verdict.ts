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

/** What was heard of one member, and when. */
export class PeerWatch {
  readonly #limits: SilenceLimits;
  #networkAt: number;
  #storageAt: number;
  #counter = -1;

  /** Silence counts from `now` on. */
  constructor(limits: SilenceLimits, now: number) {
    this.#limits = limits;
    this.#networkAt = now;
    this.#storageAt = now;
  }

  /** A message of it came. */
  heard(now: number): void {
    this.#networkAt = now;
  }

  /** Its slot was read; one that does not count on says nothing. */
  seen(counter: number, now: number): void {
    if (counter <= this.#counter) return;
    this.#counter = counter;
    this.#storageAt = now;
  }

  /**
   * This member itself did nothing for so long: it cannot say of others that they were silent meanwhile.
   */
  excuse(ms: number): void {
    this.#networkAt += ms;
    this.#storageAt += ms;
  }

  /** Whether it is heard over the network. */
  isHeard(now: number): boolean {
    return now - this.#networkAt <= this.#limits.networkMs;
  }

  /** Whether its slot goes on. */
  isSeen(now: number): boolean {
    return now - this.#storageAt <= this.#limits.storageMs;
  }

  /** The verdict now. */
  verdict(now: number): Verdict {
    return verdictOf(this.isHeard(now), this.isSeen(now));
  }
}
