/** From lines to medians: rates, and ratios to the baseline of the same round. Pure. */
import { type Line, type Workload, WORKLOADS } from "./job.ts";
import { median } from "../common/figures.ts";
import { BASELINE } from "./plan.ts";

/** What all rounds say of one subject in one workload. */
export interface Row {
  readonly workload: Workload;
  readonly subject: string;
  readonly runtime: string;
  readonly rounds: number;
  /** Median of the rounds' rates, operations a second. */
  readonly rate: number;
  /** Median of the ratios to the baseline, each of one round; undefined when no round has both. */
  readonly ratio: number | undefined;
  /** Lowest and highest of those ratios. */
  readonly ratioLow: number | undefined;
  readonly ratioHigh: number | undefined;
  readonly p50Us: number | undefined;
  readonly p99Us: number | undefined;
  readonly settings: string;
}

/** One row a workload, subject and runtime, in the order of `WORKLOADS` and of first appearance. */
export function summarize(lines: readonly Line[]): Row[] {
  const baseline = new Map<string, number>();
  for (const { workload, round, subject, rate } of lines) {
    if (subject === BASELINE) baseline.set(`${workload} ${round}`, rate);
  }
  const groups = new Map<string, Line[]>();
  for (const line of lines) {
    const key = `${line.workload} ${line.subject} ${line.runtime}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [line]);
    else group.push(line);
  }
  const rows = [...groups.values()].map((group) => rowOf(group, baseline));
  const order = (row: Row): number => WORKLOADS.indexOf(row.workload);
  return rows.sort((a, b) => order(a) - order(b));
}

function rowOf(group: readonly Line[], baseline: ReadonlyMap<string, number>): Row {
  const { workload, subject, runtime, settings } = group[0]!;
  const ratios = group.flatMap(({ round, rate }) => {
    const base = baseline.get(`${workload} ${round}`);
    return base === undefined ? [] : [rate / base];
  });
  const known = (values: ReadonlyArray<number | undefined>): number[] =>
    values.filter((it) => it !== undefined && it !== null) as number[];
  return {
    workload,
    subject,
    runtime,
    rounds: group.length,
    rate: median(group.map((line) => line.rate))!,
    ratio: median(ratios),
    ratioLow: ratios.length === 0 ? undefined : Math.min(...ratios),
    ratioHigh: ratios.length === 0 ? undefined : Math.max(...ratios),
    p50Us: median(known(group.map((line) => line.p50Us))),
    p99Us: median(known(group.map((line) => line.p99Us))),
    settings,
  };
}

/** The row of a subject, if it ran. */
export function find(
  rows: readonly Row[],
  workload: Workload,
  subject: string,
  runtime: string,
): Row | undefined {
  return rows.find((row) => row.workload === workload && row.subject === subject && row.runtime === runtime);
}
