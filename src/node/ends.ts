/** Ends: what is done whatever becomes of what was done before it. */
import { atEnd } from "../ground/at_end.ts";
import { CohortError } from "../ground/errors.ts";
import type { Clock } from "../ports/mod.ts";

/** Runs all, one after the other, and answers what they threw. */
export async function runEnds(
  ends: ReadonlyArray<() => Promise<unknown> | undefined>,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const end of ends) {
    try {
      await end();
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}

/**
 * Ends something; when that takes longer than `timeoutMs`, if there is a limit, `late` is told and it goes
 * on.
 */
export function endWithin(
  end: () => Promise<void>,
  clock: Clock,
  timeoutMs: number | undefined,
  late: (cause: CohortError) => void,
): Promise<void> {
  if (timeoutMs === undefined) return end();
  const cancel = clock.after(timeoutMs, () => {
    late(new CohortError("TIMEOUT", `Could not close within ${timeoutMs} ms`, { timeoutMs }));
  });
  return atEnd(end(), cancel);
}
