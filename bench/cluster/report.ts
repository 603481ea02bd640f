/** What a run is shown as: rates, what transfers of blocks cost, the goals missed. Pure. */
import { aligned, type RateColumn, rateTable, type Shown, shownRate, withPart } from "../common/figures.ts";
import { ROUNDS_LEAST, standings } from "./goals.ts";
import { type Costs, type Line, WORKLOADS } from "./job.ts";
import { BASELINE } from "./plan.ts";
import { type Row, summarize } from "./summary.ts";

const COLUMNS: readonly RateColumn[] = [
  ["bun:sqlite", BASELINE, "bun"],
  ["Cohort on Bun", "Cohort", "bun"],
  ["Cohort on Deno", "Cohort", "deno"],
  ["private on Bun", "Cohort, private", "bun"],
  ["private on Deno", "Cohort, private", "deno"],
  ["lmdb on Bun", "lmdb", "bun"],
  ["GT.M, journaled", "GT.M", "own"],
  ["Redis, everysec", "Redis", "own"],
];

/** Which subject shows which handover. */
const HANDOVERS: ReadonlyArray<readonly [handover: string, subject: string]> = [
  ["direct", "Cohort"],
  ["disk", "Cohort, disk"],
];

/** The table: rates, and in brackets the median ratio to the baseline of the same round. */
export function table(lines: readonly Line[]): string {
  return rateTable(summarize(lines), COLUMNS, WORKLOADS);
}

/**
 * What an operation costs among members, by handover: medians of the rounds. `slower` is what the slower of
 * two did, of half.
 */
export function handoverTable(lines: readonly Line[]): string {
  const rows = summarize(lines).filter((row) => row.costs !== undefined);
  const body = rows.flatMap(({ workload, subject, runtime, rate, share, costs }) => {
    const handover = HANDOVERS.find(([, of]) => of === subject)?.[0];
    if (handover === undefined) return [];
    const { transfers, messages, syncs } = costs!;
    return [[
      `${workload}, on ${runtime === "bun" ? "Bun" : "Deno"}`,
      handover,
      shownRate(rate),
      `${Math.round(share * 100)} %`,
      ...[transfers, messages, syncs].map(shownCost),
    ]];
  });
  return aligned([["", "handover", "op/s", "slower", "transfers/op", "messages/op", "syncs/op"], ...body]);
}

/** A count for one operation: enough digits to tell small ones from none. */
export function shownCost(count: number): string {
  if (count === 0) return "0";
  return count >= 0.1 ? count.toFixed(2) : count.toPrecision(2);
}

/**
 * Result lines of `npm run show` on handovers, one a runtime: both are asked for. The control is a member
 * alone, whose operations must cost no transfer.
 */
export function shownHandovers(lines: readonly Line[]): Shown[] {
  const rows = summarize(lines).filter((row) => row.costs !== undefined);
  return ["bun", "deno"].map((runtime): Shown => {
    const own = rows.filter((row) => row.runtime === runtime);
    const shared = own.filter((row) => row.workload.includes("2 processes"));
    const said = HANDOVERS.map(([handover, subject]) => {
      const of = shared.filter((row) => row.subject === subject);
      if (of.length === 0) return `${handover}: not measured`;
      return `${handover}: ${of.map((row) => `${row.workload} ${costsInWords(row)}`).join("; ")}`;
    });
    const alone = own.filter((row) => !row.workload.includes("2 processes"));
    const most = Math.max(...alone.map((row) => row.costs!.transfers));
    return {
      runtime,
      result: `transfers, messages and syncs an operation, ${said.join(". ")}`,
      control: alone.length === 0
        ? "no member ran alone"
        : `a member alone: at most ${shownCost(most)} transfers an operation in ${alone.length} workloads`,
      ok: most === 0 &&
        HANDOVERS.every(([, subject]) =>
          shared.some((row) => row.subject === subject && row.rounds >= ROUNDS_LEAST)
        ),
    };
  });
}

function costsInWords({ costs, rate }: Row): string {
  const { transfers, messages, syncs } = costs as Costs;
  return `${[transfers, messages, syncs].map(shownCost).join(" / ")} at ${shownRate(rate)}`;
}

/** The goals that are missed, a line each. */
export function misses(lines: readonly Line[]): string[] {
  return standings(lines).filter((it) => it.ratio !== undefined && !it.met).map((it) =>
    `${it.workload}, ${it.runtime === "bun" ? "Bun" : "Deno"}: ${it.ratio!.toFixed(2)} x ${it.to} ` +
    `of ${it.least} ${it.kind === "asked" ? "asked" : "aimed at"}`
  );
}

/** Marks around the part of README that is generated. */
export const README_MARKS: readonly [string, string] = [
  "<!-- bench cluster: generated from here -->",
  "<!-- bench cluster: generated to here -->",
];

/** The generated part of README. */
export function section(lines: readonly Line[], machine: string): string {
  const rounds = new Set(lines.map((line) => line.round)).size;
  const missed = misses(lines).map((text) => `- ${text}`);
  return [
    `Operations a second, sums of all processes, medians of ${rounds} rounds; in brackets the median of the`,
    "ratios to `bun:sqlite` in the same round (W6: to its one process). " + machine,
    "",
    table(lines),
    "",
    "What an operation costs among members:",
    "",
    handoverTable(lines),
    ...(missed.length === 0 ? [] : ["", "Below what we aim at:", "", ...missed]),
  ].join("\n");
}

/** README with its generated part replaced; unchanged without both marks. */
export function withSection(readme: string, part: string): string {
  return withPart(readme, README_MARKS, part);
}
