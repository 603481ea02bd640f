/** Waiting that a signal may end. */
import { atEnd } from "../ground/at_end.ts";
import { CohortError } from "../ground/errors.ts";

/** The reason to reject with when a signal is aborted. */
export function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? new CohortError("ABORTED", "The operation was aborted");
}

/**
 * `promise`, or the signal's reason as soon as it aborts; what the promise does then is the caller's to
 * handle.
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(abortReason(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    void atEnd(promise, () => signal.removeEventListener("abort", onAbort)).then(resolve, reject);
  });
}
