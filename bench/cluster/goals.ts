/** What issue 3 (must show 2.f) asks of each workload, and how the lines stand to it. Pure. */
import { median, type Shown } from "../common/figures.ts";
import type { Line, Runtime, Workload } from "./job.ts";
import { BASELINE } from "./plan.ts";
import { REASONS } from "./reasons.ts";
import { baselineOf, ratios } from "./summary.ts";

/** One figure: Cohort under `runtime` to another, the median of the rounds' ratios. */
export interface Goal {
  /** `asked` has to be met, or its miss explained; `aim` is beyond that; `stated` is said as it is. */
  readonly kind: "asked" | "aim" | "stated";
  readonly workload: Workload;
  readonly runtime: Runtime;
  /** Subject of the denominator. */
  readonly to: string;
  /** Its runtime: "own" for GT.M and Redis, Bun for the baseline and lmdb. */
  readonly toRuntime: string;
  readonly toWorkload: Workload;
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
  /** Of two processes of Cohort: what the slower did of half, the median of all rounds. */
  readonly share: number | undefined;
}

/** Rounds below which nothing counts as shown. */
export const ROUNDS_LEAST = 5;

/** What a figure is compared with. */
type To = readonly [kind: Goal["kind"], workload: Workload, to: string, least: number];

const PRIVATE = "Cohort, private";
const OWN = "W7 own ranges, 2 processes";
const UNIFORM = "W7 uniform, 2 processes";
const SAME = "W6 same counter, 2 processes";
const DIFFERENT = "W6 different counters, 2 processes";

const COMPARED: readonly To[] = [
  ["asked", "W2 get", PRIVATE, 0.9],
  ["asked", "W4 durable, 1 writer", PRIVATE, 0.9],
  ["asked", "W4 durable, 64 writers", PRIVATE, 0.9],
  ["asked", "W5 relaxed, 1 in flight", PRIVATE, 0.9],
  ["asked", "W5 relaxed, 64 in flight", PRIVATE, 0.9],
  ["asked", "W2 get, 2 processes", "Cohort", 1.7],
  ["asked", `${OWN}, 1 in flight`, BASELINE, 11],
  ["asked", `${OWN}, 1 in flight`, "GT.M", 1],
  ["stated", `${OWN}, 64 in flight`, BASELINE, 0],
  ["asked", `${UNIFORM}, 64 in flight`, BASELINE, 2],
  ["aim", `${UNIFORM}, 64 in flight`, BASELINE, 3.9],
  ["aim", `${UNIFORM}, 64 in flight`, "lmdb", 1],
  ["stated", `${UNIFORM}, 1 in flight`, BASELINE, 0],
  ["asked", `${DIFFERENT}, 64 in flight`, BASELINE, 14],
  ["stated", `${DIFFERENT}, 1 in flight`, BASELINE, 0],
  ["asked", `${SAME}, 64 in flight`, "Redis", 1],
  ["stated", `${SAME}, 1 in flight`, BASELINE, 0],
  ["stated", `${SAME}, 1 in flight`, "Redis", 0],
];

const RUNTIMES: readonly Runtime[] = ["bun", "deno"];

/** All of them. */
export const GOALS: readonly Goal[] = COMPARED.flatMap(([kind, workload, to, least]) =>
  RUNTIMES.map((runtime): Goal => ({
    kind,
    workload,
    runtime,
    to,
    toRuntime: runtimeOf(to, runtime),
    toWorkload: otherWorkload(workload, to),
    least,
  }))
);

function runtimeOf(to: string, runtime: Runtime): string {
  if (to === PRIVATE || to === "Cohort") return runtime;
  return to === BASELINE || to === "lmdb" ? "bun" : "own";
}

function otherWorkload(workload: Workload, to: string): Workload {
  if (to === "Cohort") return "W2 get";
  return to === BASELINE ? baselineOf(workload) : workload;
}

/** How the lines stand to each goal. */
export function standings(lines: readonly Line[]): Standing[] {
  return GOALS.map((goal) => {
    const { workload, runtime, to, toRuntime, toWorkload } = goal;
    const all = ratios(
      lines,
      { subject: "Cohort", runtime, workload },
      { subject: to, runtime: toRuntime, workload: toWorkload },
    );
    const ratio = median(all);
    return {
      ...goal,
      rounds: all.length,
      ratio,
      low: all.length === 0 ? undefined : Math.min(...all),
      high: all.length === 0 ? undefined : Math.max(...all),
      met: ratio !== undefined && ratio >= goal.least,
      share: workload.includes("2 processes") ? shareOf(lines, goal) : undefined,
    };
  });
}

function shareOf(lines: readonly Line[], { workload, runtime }: Goal): number | undefined {
  const own = lines.filter((line) =>
    line.subject === "Cohort" && line.workload === workload && line.runtime === runtime
  );
  return median(own.map((line) => line.share));
}

/** The key of a goal's reason. */
export function reasonKey(goal: Goal): string {
  return `${goal.workload}, ${goal.runtime}, to ${goal.to}`;
}

/** The standing as it is recorded: a miss is recorded too, with its reason. */
export function shown(standing: Standing): Shown {
  const { kind, workload, runtime, to, toWorkload, ratio, low, high, rounds, met, share } = standing;
  const slower = share === undefined ? "" : `; the slower of two did ${Math.round(share * 100)} % of half`;
  const reason = REASONS[reasonKey(standing)];
  const other = toWorkload === workload ? to : `${to} in ${toWorkload}`;
  const figure = `${ratio === undefined ? "not measured" : ratio.toFixed(2)} x ${other}`;
  return {
    runtime,
    result: `${workload}: ${figure}, ${verdict(standing, reason)}`,
    control: ratio === undefined
      ? `Cohort and ${to} did not both run`
      : `${rounds} rounds, each to ${to} of the same round: ${low!.toFixed(2)} to ${
        high!.toFixed(2)
      }${slower}`,
    ok: rounds >= ROUNDS_LEAST && (kind !== "asked" || met || reason !== undefined),
  };
}

function verdict({ kind, least, met }: Standing, reason: string | undefined): string {
  if (kind === "stated") return "stated as it is";
  if (kind === "aim") return `aimed at ${least}; ${met ? "reached" : "not reached"}`;
  return `asked ${least}; ${met ? "met" : `MISSED: ${reason ?? "no reason on file"}`}`;
}
