/** What waits for a journal: promises made only when somebody asks, and never unhandled. */
import { CohortError } from "../ground/errors.ts";

/** A promise with its two ends; a rejection that nobody awaits is silent. */
export class Deferred {
  /** What to wait for. */
  readonly promise: Promise<void>;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Ends the wait. */
  resolve(): void {
    this.#resolve();
  }

  /** Ends the wait with an error. */
  reject(error: unknown): void {
    this.promise.catch(ignore);
    this.#reject(error);
  }
}

/** Those who wait until a position is safe, in no order. */
export class SafeWaiters {
  #waiters: { readonly position: number; readonly deferred: Deferred }[] = [];

  /** How many wait. */
  get size(): number {
    return this.#waiters.length;
  }

  /** A promise that resolves once `settle` is given at least `position`. */
  add(position: number): Promise<void> {
    const deferred = new Deferred();
    this.#waiters.push({ position, deferred });
    return deferred.promise;
  }

  /** Resolves everyone at or below `safe`. */
  settle(safe: number): void {
    if (this.#waiters.length === 0) return;
    const done = this.#waiters.filter((waiter) => waiter.position <= safe);
    if (done.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.position > safe);
    for (const waiter of done) waiter.deferred.resolve();
  }

  /** Rejects everyone. */
  fail(error: unknown): void {
    const all = this.#waiters;
    this.#waiters = [];
    for (const waiter of all) waiter.deferred.reject(error);
  }
}

/** Whether a failed write freezes (D4c): it may succeed later. Anything else ends the journal. */
export function mayPass(error: unknown): error is CohortError {
  return error instanceof CohortError &&
    (error.code === "IO" || error.code === "FULL" || error.code === "PERMISSION");
}

/** Wraps a failed sync: the member ends, and comes back through recovery (D4c). */
export function syncFailed(path: string, cause: unknown): CohortError {
  if (cause instanceof CohortError && cause.code === "SYNC_FAILED") return cause;
  return new CohortError("SYNC_FAILED", `Could not sync ${path}`, { path }, cause);
}

/** Milliseconds until a failed write is tried again: 20, 40, ... 1000. */
export function backOffMs(attempt: number): number {
  return Math.min(1000, 20 * 2 ** Math.min(attempt, 6));
}

function ignore(): void {}
