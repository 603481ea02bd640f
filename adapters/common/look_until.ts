/** Waiting for what only shows when it is looked at: by the clock port, and never longer than patience. */
import type { Clock } from "../../src/ports/clock.ts";

/** How long to go on looking. */
export interface Patience {
  /** Tells the time, and wakes. */
  readonly clock: Clock;
  /** Longest wait. */
  readonly patienceMs: number;
  /** Ends the waiting: rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Looks at once and every `everyMs` until `look` answers true: resolves to true. To false when patience has
 * run out and a last look said no.
 */
export async function lookUntil(
  { clock, patienceMs, signal }: Patience,
  everyMs: number,
  look: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const begun = clock.monotonicMs();
  for (;;) {
    signal?.throwIfAborted();
    const isLast = clock.monotonicMs() - begun >= patienceMs;
    if (await look()) return true;
    if (isLast) return false;
    await pass(clock, everyMs, signal);
  }
}

/** Lets `ms` go by, or less when the signal comes. */
function pass(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      cancel();
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const cancel = clock.after(ms, wake);
    signal?.addEventListener("abort", wake, { once: true });
  });
}
