/** From lines to medians: rates, costs, and ratios to the baseline of the same round. Pure. */
import { median } from "../common/figures.ts";
import { type Costs, type Line, type Workload, WORKLOADS } from "./job.ts";
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
  /** Median of what the slowest process did of its fair part. */
  readonly share: number;
  /** Medians, for one operation. */
  readonly costs: Costs | undefined;
  readonly settings: string;
}

/**
 * The workload of the baseline that another is compared with. Two processes that count stand in each other's
 * way in SQLite, and sleep: W6 is to its one process, as in peers.md.
 */
export function baselineOf(workload: Workload): Workload {
  if (!workload.startsWith("W6")) return workload;
  return workload.endsWith("64 in flight") ? "W6 counter, 64 in flight" : "W6 counter, 1 in flight";
}

/** Which figures are compared with which. */
export interface Pair {
  readonly subject: string;
  readonly runtime: string;
  readonly workload: Workload;
}

/** Ratios of one figure to another, each of the same round. */
export function ratios(lines: readonly Line[], of: Pair, to: Pair): number[] {
  const rates = ({ subject, runtime, workload }: Pair): Map<number, number> =>
    new Map(
      lines.filter((line) =>
        line.workload === workload && line.subject === subject && line.runtime === runtime
      ).map((line) => [line.round, line.rate]),
    );
  const theirs = rates(to);
  return [...rates(of)].flatMap(([round, rate]) => {
    const other = theirs.get(round);
    return other === undefined ? [] : [rate / other];
  });
}

/** One row a workload, subject and runtime, in the order of `WORKLOADS` and of first appearance. */
export function summarize(lines: readonly Line[]): Row[] {
  const groups = Map.groupBy(lines, (line) => `${line.workload} ${line.subject} ${line.runtime}`);
  const rows = [...groups.values()].map((group) => rowOf(group, lines));
  const order = (row: Row): number => WORKLOADS.indexOf(row.workload);
  return rows.sort((a, b) => order(a) - order(b));
}

function rowOf(group: readonly Line[], lines: readonly Line[]): Row {
  const { workload, subject, runtime, settings } = group[0]!;
  const to = { subject: BASELINE, runtime: "bun", workload: baselineOf(workload) };
  return {
    workload,
    subject,
    runtime,
    rounds: group.length,
    rate: median(group.map((line) => line.rate))!,
    ratio: median(ratios(lines, { subject, runtime, workload }, to)),
    share: median(group.map((line) => line.share))!,
    costs: costsOf(group.flatMap((line) => line.costs ?? [])),
    settings,
  };
}

function costsOf(all: readonly Costs[]): Costs | undefined {
  if (all.length === 0) return undefined;
  return {
    transfers: median(all.map((it) => it.transfers))!,
    messages: median(all.map((it) => it.messages))!,
    syncs: median(all.map((it) => it.syncs))!,
  };
}
