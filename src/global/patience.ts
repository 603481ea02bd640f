/** Patience: how long a caller waits, by signal and by deadline. */
import type { Engine, Patience } from "../buffer/engine.ts";
import { abortReason } from "../buffer/waiting.ts";
import { atEnd } from "../ground/at_end.ts";
import { CohortError } from "../ground/errors.ts";
import { checkOptions, type OptionNames } from "../ground/options.ts";
import type { Clock } from "../ports/mod.ts";

/** What every call that may wait takes. */
export interface WaitOptions {
  /**
   * Ends the wait; the call rejects with its reason. What was already handed to the journal may still happen.
   */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the call rejects `TIMEOUT`, or `FROZEN` if writes are frozen by then. */
  readonly timeoutMs?: number;
}

/** Their names. */
export const WAIT_OPTIONS: OptionNames<WaitOptions> = { signal: true, timeoutMs: true };

const NO_LIMIT: Patience = {};

/**
 * Runs a call under its options. Without options it costs nothing. A call that changes something names the
 * engine, whose frozen writes it may be waiting for; one that has more options than these names them.
 */
export function patienceOf<T>(
  clock: Clock,
  options: WaitOptions | undefined,
  run: (patience: Patience) => Promise<T>,
  engine?: Engine,
  names: OptionNames<WaitOptions> = WAIT_OPTIONS,
): Promise<T> {
  if (options === undefined) return run(NO_LIMIT);
  try {
    checkOptions(options, names);
    checkWait(options);
  } catch (error) {
    return Promise.reject(error);
  }
  const { signal, timeoutMs } = options;
  if (signal?.aborted === true) return Promise.reject(abortReason(signal));
  if (timeoutMs === undefined) return run({ signal });
  const controller = new AbortController();
  const late = (): void => controller.abort(lateError(timeoutMs, engine?.frozenBy));
  const cancel = clock.after(timeoutMs, late);
  const onAbort = (): void => controller.abort(abortReason(signal!));
  signal?.addEventListener("abort", onAbort, { once: true });
  return atEnd(run({ signal: controller.signal }), () => {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  });
}

function lateError(timeoutMs: number, frozenBy: CohortError | undefined): CohortError {
  const passed = `The deadline of ${timeoutMs} ms passed`;
  if (frozenBy === undefined) return new CohortError("TIMEOUT", passed, { timeoutMs });
  return new CohortError("FROZEN", `${passed} while writes are frozen`, { timeoutMs }, frozenBy);
}

/** Throws unless signal and deadline are such, if any. */
export function checkWait({ signal, timeoutMs }: WaitOptions): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal is an AbortSignal, got ${signal === null ? "null" : typeof signal}`);
  }
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs !== "number") {
    throw new TypeError(`timeoutMs is a number of milliseconds, got ${typeof timeoutMs}`);
  }
  if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs is a number from 0 on, got ${timeoutMs}`);
}
