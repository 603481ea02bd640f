/** Leave to answer: a member of a cluster has it as long as nobody can have evicted it (DESIGN D8). */
export interface Leave {
  /** Whether an answer may leave that waited for nothing; several may share a look at the clocks. */
  isGiven(): boolean;
  /** Whether one may leave that has waited. */
  isGivenNow(): boolean;
  /** Resolves when they may again; rejects when they never will. */
  given(): Promise<void>;
}

/** Judged when the answer leaves, which is after what it waits for. */
export function answeredBy(leave: Leave, wait: Promise<void> | undefined): Promise<void> | undefined {
  if (wait === undefined) return leave.isGiven() ? undefined : leave.given();
  return wait.then(() => leave.isGivenNow() ? undefined : leave.given());
}
