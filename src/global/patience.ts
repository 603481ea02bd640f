/** Patience: how long a caller waits, by signal and by deadline. */
import type { Patience } from "../buffer/engine.ts";
import { CohortError } from "../ground/errors.ts";
import type { Clock } from "../ports/mod.ts";

/** What every call that may wait takes. */
export interface WaitOptions {
  /**
   * Ends the wait; the call rejects with its reason. What was already handed to the journal may still happen.
   */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the call rejects `TIMEOUT`. */
  readonly timeoutMs?: number;
}

const NO_LIMIT: Patience = {};

/** Runs a call under its options. Without options it costs nothing. */
export function patienceOf<T>(
  clock: Clock,
  options: WaitOptions | undefined,
  run: (patience: Patience) => Promise<T>,
): Promise<T> {
  if (options === undefined) return run(NO_LIMIT);
  const { signal, timeoutMs } = options;
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  if (timeoutMs === undefined) return run({ signal });
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
    return Promise.reject(
      new RangeError(`timeoutMs is a number of milliseconds from 0 on, got ${timeoutMs}`),
    );
  }
  const controller = new AbortController();
  const late = (): void =>
    controller.abort(new CohortError("TIMEOUT", `The deadline of ${timeoutMs} ms passed`, { timeoutMs }));
  const cancel = clock.after(timeoutMs, late);
  const onAbort = (): void => controller.abort(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  return run({ signal: controller.signal }).finally(() => {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  });
}
