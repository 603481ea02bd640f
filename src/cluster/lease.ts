/**
 * Lease: how long a member may answer by what it knows to be in force. It is judged at each use, by both
 * clocks, and never by a timer: whoever was stopped in between finds it over (DESIGN D8).
 *
 * A member renews it from an instant at which it began to look for a newer view, and found none. So whoever
 * evicts it does so later than that instant, and need only wait as long as a lease and a margin for clocks
 * that do not run alike. What lies between the judgement and the answer's way out cannot be closed: a process
 * stopped there answers late, by what it knew.
 */
import type { View } from "../ground/view.ts";
import type { Clock } from "../ports/mod.ts";

/** One instant, by both clocks. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** The lease of this member. */
export class Lease {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  #from: Instant = { monotonicMs: -Infinity, wallMs: -Infinity };

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
  }

  /** This instant; taken before the look that may renew the lease begins. */
  now(): Instant {
    return { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.wallMs() };
  }

  /** It runs from an instant on. */
  renew(from: Instant): void {
    this.#from = from;
  }

  /** It is over, whatever the clocks say. */
  end(): void {
    this.#from = { monotonicMs: -Infinity, wallMs: -Infinity };
  }

  /**
   * Whether an answer may leave now: two reads of clocks and no more. Over when either clock says so: the
   * monotonic one stands still while a host is suspended, the wall clock may be set; one that was set back
   * says nothing, so that counts as over too.
   */
  isHeld(): boolean {
    const { monotonicMs, wallMs } = this.#from;
    if (this.#clock.monotonicMs() - monotonicMs >= this.#leaseMs) return false;
    const ms = this.#clock.wallMs() - wallMs;
    return ms >= 0 && ms < this.#leaseMs;
  }
}

/**
 * The leases of those who were evicted: when nothing that they could hold is answered by them any more, by
 * the clock of who looks. Pure.
 */
export class LostLeases {
  readonly #waitMs: number;
  readonly #since = new Map<string, number>();

  constructor(leaseMs: number, marginMs: number) {
    this.#waitMs = leaseMs + marginMs;
  }

  /** A view is in force, as is known now: whom it evicted had no lease that began later. */
  entered(view: View, now: number): void {
    const pending = new Set(view.pending.map((it) => it.incarnation));
    for (const incarnation of [...this.#since.keys()]) {
      if (!pending.has(incarnation)) this.#since.delete(incarnation);
    }
    for (const incarnation of pending) {
      if (!this.#since.has(incarnation)) this.#since.set(incarnation, now);
    }
  }

  /** Milliseconds until the lease of one is over; 0 when it is, or is none that is owed. */
  remainsMs(incarnation: string, now: number): number {
    const since = this.#since.get(incarnation);
    return since === undefined ? 0 : Math.max(0, since + this.#waitMs - now);
  }
}
