/** What a saved run is shown as: a table, the places where Cohort loses, the goals missed. Pure. */
import { type RateColumn, rateTable, shownRatio, withPart } from "../common/figures.ts";
import { standings } from "./goals.ts";
import { type Line, type Workload, WORKLOADS } from "./job.ts";
import { BASELINE } from "./plan.ts";
import { find, type Row, summarize } from "./summary.ts";

const COLUMNS: readonly RateColumn[] = [
  ["bun:sqlite", BASELINE, "bun"],
  ["Cohort on Bun", "Cohort", "bun"],
  ["Cohort on Deno", "Cohort", "deno"],
  ["lmdb on Bun", "lmdb", "bun"],
  ["lmdb on Deno", "lmdb", "deno"],
  ["node:sqlite on Deno", "node:sqlite", "deno"],
  ["Deno KV", "Deno KV", "deno"],
  ["GT.M, journaled", "GT.M", "own"],
];

/** The table: rates, and in brackets the median ratio to the baseline of the same round. */
export function table(lines: readonly Line[]): string {
  return rateTable(summarize(lines), COLUMNS, WORKLOADS);
}

/** Ratios nearer to one than this are called level: the noise of the machine. */
const LEVEL = 1.15;

/** Where a peer is ahead of Cohort under a runtime, by how much: a line a workload and runtime. */
export function losses(lines: readonly Line[]): string[] {
  const rows = summarize(lines);
  const found: string[] = [];
  for (const workload of WORKLOADS) {
    for (const runtime of ["bun", "deno"]) {
      const own = find(rows, workload, "Cohort", runtime);
      if (own?.ratio === undefined) continue;
      const ahead = rows.filter((row) => isAhead(row, workload, own.ratio!)).sort((a, b) =>
        b.ratio! - a.ratio!
      );
      if (ahead.length === 0) continue;
      const names = ahead.map((row) => `${titleOf(row)} ${shownRatio(row.ratio! / own.ratio!)} x`);
      found.push(`${workload}, against Cohort on ${runtime === "bun" ? "Bun" : "Deno"}: ${names.join(", ")}`);
    }
  }
  return found;
}

function isAhead(row: Row, workload: Workload, ratio: number): boolean {
  return row.workload === workload && row.subject !== "Cohort" && row.ratio !== undefined &&
    row.ratio > ratio * LEVEL;
}

function titleOf(row: Row): string {
  return COLUMNS.find(([, subject, runtime]) => subject === row.subject && runtime === row.runtime)?.[0] ??
    row.subject;
}

/** The goals that are missed, a line each. */
export function misses(lines: readonly Line[]): string[] {
  return standings(lines).filter((it) => it.ratio !== undefined && !it.met).map((it) =>
    `${it.workload}, ${it.runtime === "bun" ? "Bun" : "Deno"}: ${it.ratio!.toFixed(2)} x ${it.to} ` +
    `of ${it.least} aimed at`
  );
}

/** Lines around the part of README that is generated. */
export const README_BEGIN = "<!-- bench engine: generated from here -->";
export const README_END = "<!-- bench engine: generated to here -->";

/** The generated part of README. */
export function section(lines: readonly Line[], machine: string): string {
  const rounds = new Set(lines.map((line) => line.round)).size;
  const list = (texts: readonly string[]): string => texts.map((text) => `- ${text}`).join("\n");
  const lost = losses(lines);
  const missed = misses(lines);
  return [
    `Operations a second, medians of ${rounds} rounds; in brackets the median of the ratios to`,
    "`bun:sqlite` in the same round. " + machine,
    "",
    table(lines),
    "",
    "![Loading](bench/results/load.svg)",
    "![Reading](bench/results/read.svg)",
    "![Writing](bench/results/write.svg)",
    "![Data four times the pool](bench/results/beyond.svg)",
    "",
    lost.length === 0 ? "Nobody is ahead of Cohort here by more than the noise." : "Where others are ahead:",
    "",
    ...(lost.length === 0 ? [] : [list(lost), ""]),
    ...(missed.length === 0 ? [] : ["Below what we aim at:", "", list(missed), ""]),
  ].join("\n");
}

/** README with its generated part replaced; unchanged without both marks. */
export function withSection(readme: string, part: string): string {
  return withPart(readme, [README_BEGIN, README_END], part);
}
