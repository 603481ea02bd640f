import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { GOALS, reasonKey, shown, standings } from "../../bench/cluster/goals.ts";
import {
  both,
  type Costs,
  type Job,
  type Line,
  type PartFigure,
  rangeOf,
  together,
  type Workload,
  WORKLOADS,
} from "../../bench/cluster/job.ts";
import { put } from "../../bench/cluster/party.ts";
import { entrants, processesOf, STEPS } from "../../bench/cluster/plan.ts";
import { REASONS } from "../../bench/cluster/reasons.ts";
import {
  handoverTable,
  misses,
  README_MARKS,
  shownCost,
  shownHandovers,
  table,
  withSection,
} from "../../bench/cluster/report.ts";
import { baselineOf, summarize } from "../../bench/cluster/summary.ts";
import { everyOf, synchronous, timed } from "../../bench/cluster/timed.ts";

const UNIFORM = "W7 uniform, 2 processes, 64 in flight";
const NOTHING: Costs = { transfers: 0, messages: 0, syncs: 0 };

function line(
  round: number,
  subject: string,
  rate: number,
  { workload = UNIFORM, runtime = "bun", costs }: Partial<Line> = {},
): Line {
  return {
    round,
    workload,
    subject,
    runtime,
    rate,
    share: 1,
    lateMs: 0,
    settings: "",
    ...(costs && { costs }),
  };
}

function part(workload: Workload, rate: number, operations: number, costs?: Costs): PartFigure {
  return { workload, rate, operations, began: 0, ended: 1000, lateMs: operations, costs, settings: "s" };
}

test("bench cluster: rates of processes add up, their costs are those of one operation", () => {
  const costs = { transfers: 10, messages: 40, syncs: 2 };
  const found = together([part(UNIFORM, 75, 75, costs), part(UNIFORM, 25, 25, { ...NOTHING, syncs: 8 })]);
  assertEquals(found, {
    workload: UNIFORM,
    rate: 100,
    share: 0.5,
    costs: { transfers: 0.1, messages: 0.4, syncs: 0.1 },
    lateMs: 75,
    settings: "s",
  });
  assertEquals("costs" in together([part(UNIFORM, 1, 1)]), false);
});

test("bench cluster: who runs alone after another does not count as if both had run at once", () => {
  const late = { ...part(UNIFORM, 100, 100), began: 1000, ended: 2000 };
  assertEquals(together([part(UNIFORM, 100, 100), late]).rate, 100);
  assertEquals(together([late]).rate, 100);
});

test("bench cluster: a workload that one of the processes did not end gives no figure", () => {
  const found = [part("W2 get", 1, 1), part(UNIFORM, 2, 2), part("W2 get", 3, 3)];
  assertEquals(put(found, 2).map((it) => [it.workload, it.rate]), [["W2 get", 4]]);
});

test("bench cluster: own ranges do not overlap, uniform ones are all", () => {
  const job = { records: 1001, parts: 2 } as Job;
  const ranges = [0, 1].map((part) => rangeOf({ ...job, part }, true));
  assertEquals(ranges, [{ first: 0, some: 500 }, { first: 500, some: 500 }]);
  assertEquals(rangeOf({ ...job, part: 1 }, false), { first: 0, some: 1001 });
});

test("bench cluster: one figure stands for both numbers in flight of every pair", () => {
  assertEquals(both("W5 relaxed"), ["W5 relaxed, 1 in flight", "W5 relaxed, 64 in flight"]);
  const named = WORKLOADS.filter((it) => it.endsWith(", 1 in flight")).map((it) => it.slice(0, -13));
  assertEquals(named.map((name) => both(name).length), named.map(() => 2));
});

test("bench cluster: a loop begins at its instant, and counts from then on", async () => {
  let calls = 0;
  let looks = 0;
  const look = (): Costs => ({ transfers: looks++, messages: calls, syncs: 7 });
  const at = Date.now() + 80;
  const found = await timed(synchronous(() => calls++), { ms: 20, look })(at);
  assert(Date.now() >= at + 20 && found.lateMs >= 0);
  assert(found.operations > 0 && found.operations < calls, "what warmed up is not counted");
  assertEquals([found.costs!.transfers, found.costs!.syncs], [1, 0]);
  assert(Math.abs(found.costs!.messages - found.operations) <= 0.2 * found.operations + 1);
  const late = await timed(synchronous(() => calls++), { ms: 1 })(Date.now() - 50);
  assert(late.lateMs >= 50 && late.rate > 0);
  assertEquals([0, 999, 5000, 1e6].map(everyOf), [1, 1, 5, 16]);
});

test("bench cluster: W6 is to the baseline's one process, all else to the same workload", () => {
  assertEquals(baselineOf(UNIFORM), UNIFORM);
  assertEquals(baselineOf("W6 same counter, 2 processes, 1 in flight"), "W6 counter, 1 in flight");
  assertEquals(baselineOf("W6 different counters, 2 processes, 64 in flight"), "W6 counter, 64 in flight");
  const rows = summarize([
    line(1, "Cohort", 300, { workload: "W6 same counter, 2 processes, 64 in flight" }),
    line(1, "bun:sqlite", 50, { workload: "W6 same counter, 2 processes, 64 in flight" }),
    line(1, "bun:sqlite", 100, { workload: "W6 counter, 64 in flight" }),
  ]);
  assertEquals(rows.map((row) => [row.subject, row.ratio]), [["bun:sqlite", 1], ["Cohort", 3], [
    "bun:sqlite",
    0.5,
  ]]);
});

test("bench cluster goals: each is of a round that has both, and knows whom it is to", () => {
  const lines = [1, 2, 3, 4, 5].flatMap((round) => [
    line(round, "Cohort", 170 * round, { workload: "W2 get, 2 processes", runtime: "deno" }),
    line(round, "Cohort", 100 * round, { workload: "W2 get", runtime: "deno" }),
    line(round, "Cohort, private", 200 * round, { workload: "W2 get", runtime: "deno" }),
    line(round, "Cohort, private", 1, { workload: "W2 get", runtime: "bun" }),
    line(round + 9, "Cohort", 1, { workload: "W2 get", runtime: "bun" }),
  ]);
  const known = standings(lines).filter((it) => it.ratio !== undefined);
  assertEquals(known.map((it) => [it.workload, it.runtime, it.to, it.ratio, it.rounds, it.met]), [
    ["W2 get", "deno", "Cohort, private", 0.5, 5, false],
    ["W2 get, 2 processes", "deno", "Cohort", 1.7, 5, true],
  ]);
  assertEquals(misses(lines), ["W2 get, Deno: 0.50 x Cohort, private of 0.9 asked"]);
});

test("bench cluster goals: asked, aimed at, stated; too few rounds are never enough", () => {
  const state = (rate: number, rounds: number) => {
    const lines = Array.from({ length: rounds }, (_, i) => [
      line(i, "Cohort", rate),
      line(i, "bun:sqlite", 100),
      line(i, "Cohort", 1, { workload: "W7 uniform, 2 processes, 1 in flight" }),
      line(i, "bun:sqlite", 100, { workload: "W7 uniform, 2 processes, 1 in flight" }),
    ]).flat();
    const all = standings(lines).filter((it) =>
      it.runtime === "bun" && it.to === "bun:sqlite" && it.ratio !== undefined
    );
    return Object.fromEntries(all.map((it) => [it.kind, shown(it)]));
  };
  const met = state(300, 5);
  assertEquals(["asked", "aim", "stated"].map((kind) => met[kind]!.ok), [true, true, true]);
  assert(met["asked"]!.result.endsWith("3.00 x bun:sqlite, asked 2; met"));
  assert(met["aim"]!.result.endsWith("aimed at 3.9; not reached"));
  assert(met["aim"]!.control.endsWith("3.00 to 3.00; the slower of two did 100 % of half"));
  assert(met["stated"]!.result.endsWith("0.01 x bun:sqlite, stated as it is"));
  assertEquals(Object.values(state(300, 4)).map((it) => it.ok), [false, false, false]);
  const missed = state(199, 5)["asked"]!;
  assert(missed.result.includes("MISSED"));
  assertEquals(missed.ok, REASONS[`${UNIFORM}, bun, to bun:sqlite`] !== undefined);
  assertEquals(standings([]).every((it) => !it.met && !shown(it).ok), true);
});

test("bench cluster goals: every reason belongs to a goal", () => {
  const keys = new Set(GOALS.filter((it) => it.kind === "asked").map(reasonKey));
  assertEquals(Object.keys(REASONS).filter((key) => !keys.has(key)), []);
});

test("bench cluster report: tables, and README between its marks", () => {
  const costs = { transfers: 0.25, messages: 1, syncs: 0.0012 };
  const lines = [line(1, "bun:sqlite", 100_000), line(1, "Cohort", 320_000, { costs })];
  const rows = table(lines).split("\n");
  assertEquals([rows.length, new Set(rows.map((row) => row.length)).size], [3, 1]);
  assert(rows[2]!.includes("320 k (3.2)"));
  const said = handoverTable(lines).split("\n");
  assertEquals(said.length, 3);
  assert(/on Bun .*direct .*320 k .*100 % .*0\.25 .*1\.00 .*0\.0012/.test(said[2]!));
  assertEquals([0, 0.00001234, 0.0996, 0.1, 2].map(shownCost), ["0", "0.000012", "0.10", "0.10", "2.00"]);
  const [begin, end] = README_MARKS;
  assertEquals(withSection(`a ${begin} old ${end} b`, "new"), `a ${begin}\n\nnew\n\n${end} b`);
});

test("bench cluster: handovers are shown when both were measured, and one alone sends nothing", () => {
  const lines = (alone: Costs, subjects: readonly string[]): Line[] =>
    [1, 2, 3, 4, 5].flatMap((round) => [
      line(round, "Cohort", 1, { workload: "W2 get", costs: alone }),
      ...subjects.map((subject) => line(round, subject, 1, { costs: NOTHING })),
    ]);
  const isShown = (all: readonly Line[]): boolean =>
    shownHandovers(all).find((it) => it.runtime === "bun")!.ok;
  assertEquals(isShown(lines(NOTHING, ["Cohort", "Cohort, disk"])), true);
  assertEquals(isShown(lines(NOTHING, ["Cohort"])), false);
  assertEquals(isShown(lines({ ...NOTHING, transfers: 0.1 }, ["Cohort", "Cohort, disk"])), false);
  assertEquals(isShown([]), false);
});

test("bench cluster: the baseline always runs, each home is loaded once, two do what two are for", () => {
  assertEquals(entrants(["cohort", "deno"]).map((it) => `${it.subject} ${it.shown}`).slice(0, 3), [
    "bun:sqlite bun",
    "Cohort, private deno",
    "Cohort deno",
  ]);
  const all = entrants([]);
  const loaded = all.filter((it) => it.steps.includes("load")).map((it) => it.home);
  assertEquals(new Set(loaded).size, loaded.length);
  assertEquals(all.every((it) => loaded.includes(it.home)), true);
  assertEquals(STEPS.map(processesOf), [1, 2, 2, 2]);
});
