/**
 * Counters: every value is handed out once, values rise in real time, and what was handed out stays counted.
 */

/** One increment by one. Times are of one counter. */
export interface IncrementOp {
  readonly called: number;
  /** Undefined when the outcome is unknown. */
  readonly returned: number | undefined;
  /** What it answered; undefined when unknown. */
  readonly result: number | undefined;
}

/** What is known of a counter from the last check on. */
export interface CounterEpoch {
  /** Value when the epoch began. */
  readonly initial: number;
  readonly ops: readonly IncrementOp[];
  /** Value found when it ended; undefined when it was not read. */
  readonly final: number | undefined;
  /** True when the end may have forgotten the latest increments (relaxed durability and a power cut). */
  readonly mayForget: boolean;
}

/** Checks one epoch of one counter; answers what is wrong. */
export function checkCounter(epoch: CounterEpoch): string[] {
  const problems: string[] = [];
  const answered = epoch.ops.filter((op) => op.result !== undefined);
  const unknown = epoch.ops.length - answered.length;
  const seen = new Set<number>();
  let highest = epoch.initial;
  for (const op of answered) {
    const result = op.result as number;
    if (seen.has(result)) problems.push(`${result} was handed out twice`);
    if (result <= epoch.initial) {
      problems.push(`${result} was handed out, the counter stood at ${epoch.initial} before`);
    }
    if (result > epoch.initial + epoch.ops.length) {
      problems.push(`${result} is more than all increments together`);
    }
    seen.add(result);
    highest = Math.max(highest, result);
  }
  problems.push(...checkRealTime(answered));
  if (epoch.final !== undefined) {
    if (epoch.final < highest && !epoch.mayForget) {
      problems.push(`${highest} was handed out, the counter stands at ${epoch.final} afterwards`);
    }
    const most = epoch.initial + answered.length + unknown;
    if (epoch.final > most) {
      problems.push(`the counter stands at ${epoch.final}, ${most} is the most there can be`);
    }
    if (epoch.final < epoch.initial + answered.length && !epoch.mayForget) {
      problems.push(
        `the counter stands at ${epoch.final} after ${answered.length} increments from ${epoch.initial}`,
      );
    }
    if (epoch.final < epoch.initial && !epoch.mayForget) {
      problems.push(`the counter went back to ${epoch.final}`);
    }
  }
  return problems;
}

/** An increment that was called after another returned has the higher value. */
function checkRealTime(ops: readonly IncrementOp[]): string[] {
  const returns = ops.filter((op) => op.returned !== undefined)
    .sort((a, b) => (a.returned as number) - (b.returned as number));
  const calls = [...ops].sort((a, b) => a.called - b.called);
  let at = 0;
  let highest = 0;
  for (const op of calls) {
    while (at < returns.length && ((returns[at] as IncrementOp).returned as number) < op.called) {
      highest = Math.max(highest, (returns[at] as IncrementOp).result as number);
      at++;
    }
    if ((op.result as number) < highest) {
      return [`${op.result} was handed out after ${highest} had been returned`];
    }
  }
  return [];
}
