/**
 * What a port answers: the value itself when it is at hand, else a promise of it (DESIGN D12).
 *
 * A cached 8 KiB read costs 2-3 us as a value and 25-85 us as a promise, so no port may be forced to promise.
 * Callers treat every port call as a yield all the same: the simulator draws value or promise per call.
 */
export type Answer<T> = T | Promise<T>;

/** True when an answer has to be waited for. */
export function isPending<T>(answer: Answer<T>): answer is Promise<T> {
  return answer instanceof Promise;
}
