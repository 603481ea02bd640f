/** What issue 2 (must show 1.f) asks of each workload, and how the lines stand to it. Pure. */
import { median, type Shown } from "../common/figures.ts";
import type { Line, Workload } from "./job.ts";
import { BASELINE } from "./plan.ts";
import { REASONS } from "./reasons.ts";

/** One figure asked for: Cohort under `runtime` to `to`, the median of the rounds' ratios. */
export interface Goal {
  readonly workload: Workload;
  readonly runtime: "bun" | "deno";
  /** Subject of the denominator. */
  readonly to: string;
  /** Its runtime: "own" for GT.M, else that of the runtime the goal is for; the baseline is always Bun's. */
  readonly toRuntime: string;
  readonly least: number;
}

/** How a goal stands. */
export interface Standing extends Goal {
  /** Rounds that have both. */
  readonly rounds: number;
  /** Undefined when no round has both. */
  readonly ratio: number | undefined;
  readonly low: number | undefined;
  readonly high: number | undefined;
  readonly met: boolean;
}

/** Rounds below which nothing counts as shown. */
export const ROUNDS_LEAST = 5;

const TO_BASELINE: ReadonlyArray<readonly [Workload, bun: number, deno: number]> = [
  ["W1 load, sequential", 2, 1.5],
  ["W1 load, scattered", 2, 2],
  ["W2 get", 3, 3],
  ["W3 scan", 1.1, 1.1],
  ["W4 durable, 1 writer", 1.2, 1.2],
  ["W4 durable, 64 writers", 3, 2.5],
  ["W5 relaxed, 1 in flight", 8.5, 4],
  ["W6 increment, 64 in flight", 12, 12],
  ["W6 increment, 1 in flight", 5, 3.5],
];

/** All of them. */
export const GOALS: readonly Goal[] = [
  ...TO_BASELINE.flatMap(([workload, bun, deno]): Goal[] => [
    { workload, runtime: "bun", to: BASELINE, toRuntime: "bun", least: bun },
    { workload, runtime: "deno", to: BASELINE, toRuntime: "bun", least: deno },
  ]),
  { workload: "W2 get", runtime: "bun", to: "GT.M", toRuntime: "own", least: 1.5 },
  { workload: "W2 get", runtime: "deno", to: "GT.M", toRuntime: "own", least: 1.5 },
  { workload: "W3 scan", runtime: "bun", to: "lmdb", toRuntime: "bun", least: 1 },
  { workload: "W3 scan", runtime: "deno", to: "lmdb", toRuntime: "deno", least: 1 },
  { workload: "W5 relaxed, 1 in flight", runtime: "bun", to: "GT.M", toRuntime: "own", least: 1 },
];

/** How the lines stand to each goal. */
export function standings(lines: readonly Line[]): Standing[] {
  return GOALS.map((goal) => {
    const ratios = ratiosOf(lines, goal);
    const ratio = median(ratios);
    return {
      ...goal,
      rounds: ratios.length,
      ratio,
      low: ratios.length === 0 ? undefined : Math.min(...ratios),
      high: ratios.length === 0 ? undefined : Math.max(...ratios),
      met: ratio !== undefined && ratio >= goal.least,
    };
  });
}

function ratiosOf(lines: readonly Line[], goal: Goal): number[] {
  const rates = (subject: string, runtime: string): Map<number, number> =>
    new Map(
      lines.filter((line) =>
        line.workload === goal.workload && line.subject === subject && line.runtime === runtime
      ).map((line) => [line.round, line.rate]),
    );
  const theirs = rates(goal.to, goal.toRuntime);
  return [...rates("Cohort", goal.runtime)].flatMap(([round, rate]) => {
    const other = theirs.get(round);
    return other === undefined ? [] : [rate / other];
  });
}

/** The key of a goal's reason. */
export function reasonKey(goal: Goal): string {
  return `${goal.workload}, ${goal.runtime}, to ${goal.to}`;
}

/** The standing as it is recorded: a miss is recorded too, with its reason. */
export function shown(standing: Standing): Shown {
  const { workload, runtime, to, least, ratio, low, high, rounds, met } = standing;
  const reason = REASONS[reasonKey(standing)];
  const figure = ratio === undefined ? "not measured" : `${ratio.toFixed(2)} x ${to}`;
  const verdict = met ? "met" : `MISSED: ${reason ?? "no reason on file"}`;
  return {
    runtime,
    result: `${workload}: ${figure}, asked ${least}; ${verdict}`,
    control: ratio === undefined
      ? `${to} did not run`
      : `${rounds} rounds, each to ${to} of the same round: ${low!.toFixed(2)} to ${high!.toFixed(2)}`,
    ok: rounds >= ROUNDS_LEAST && (met || reason !== undefined),
  };
}
