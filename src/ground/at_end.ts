/**
 * `atEnd`: what `Promise.prototype.finally` does, in the same number of turns on every runtime (DESIGN D13).
 *
 * The language gives `finally` three turns of the promise queue; Bun takes one where its task answers no
 * promise. Orders, and so traces of one seed, would differ between runtimes.
 */

/** Runs `task` when `promise` has settled, and settles as it did one turn later. `task` must not throw. */
export function atEnd<T>(promise: Promise<T>, task: () => void): Promise<T> {
  return promise.then((value) => {
    task();
    return value;
  }, (error) => {
    task();
    throw error;
  });
}
