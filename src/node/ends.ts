/** Ends: what is done whatever becomes of what was done before it. */

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
