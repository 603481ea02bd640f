import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { chart } from "../../bench/engine/chart.ts";
import { GOALS, reasonKey, shown, standings } from "../../bench/engine/goals.ts";
import { REASONS } from "../../bench/engine/reasons.ts";
import { type Line, type Workload, WORKLOADS } from "../../bench/engine/job.ts";
import { median, shownRate, shownRatio } from "../../bench/common/figures.ts";
import { inFlight, synchronous } from "../../bench/common/measure.ts";
import { ascending, FIELDS, flatKey, scattered, subscripts, value } from "../../bench/common/records.ts";
import { losses, misses, README_BEGIN, README_END, table, withSection } from "../../bench/engine/report.ts";
import { summarize } from "../../bench/engine/summary.ts";
import { collate } from "../../src/ground/collation.ts";

function line(round: number, subject: string, runtime: Line["runtime"], rate: number): Line {
  return { round, workload: "W2 get", subject, runtime, rate, settings: "" };
}

test("bench records: the scattered order is every number once, and not in order", () => {
  for (const count of [1, 1000, 4321]) {
    const order = [...scattered(count)];
    assertEquals([...order].sort((a, b) => a - b), [...ascending(count)]);
    assert(count === 1 || order.some((i, at) => i !== at));
  }
});

test("bench records: numbers, keys and flat keys order alike, values have 100 characters", () => {
  assertEquals([...FIELDS].sort(collate), FIELDS);
  for (let i = 1; i < 3000; i++) {
    assert(flatKey(i - 1) < flatKey(i));
    const [, before, name] = subscripts(i - 1), [, id, next] = subscripts(i);
    assert(before < id || (before === id && name < next));
    assertEquals(value(i).length, 100);
  }
});

test("bench summary: medians, and ratios to the baseline of the same round", () => {
  assertEquals(median([]), undefined);
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 2, 3]), 2.5);
  const rows = summarize([
    ...[100, 1000, 10].map((rate, i) => line(i + 1, "bun:sqlite", "bun", rate)),
    ...[300, 2000, 40].map((rate, i) => line(i + 1, "Cohort", "bun", rate)),
    line(9, "Cohort", "deno", 50),
  ]);
  const [baseline, bun, deno] = rows;
  assertEquals([baseline!.ratio, baseline!.rate], [1, 100]);
  assertEquals([bun!.ratio, bun!.ratioLow, bun!.ratioHigh, bun!.rate], [3, 2, 4, 300]);
  assertEquals([deno!.ratio, deno!.rate, deno!.rounds], [undefined, 50, 1]);
});

test("bench summary: rates and ratios as people read them", () => {
  assertEquals([812, 15_300, 185_400, 1_420_000].map(shownRate), ["812", "15.3 k", "185 k", "1.42 M"]);
  assertEquals([undefined, 0.056, 0.994, 0.999, 3.04, 12.4].map(shownRatio), [
    "-",
    "0.06",
    "0.99",
    "1.0",
    "3.0",
    "12",
  ]);
});

test("bench goals: met, missed with a reason, missed without, and too few rounds", () => {
  const goal = GOALS.find((it) =>
    it.workload === "W2 get" && it.runtime === "bun" && it.to === "bun:sqlite"
  )!;
  const state = (rate: number, rounds: number) => {
    const lines = Array.from({ length: rounds }, (_, i) => [
      line(i, "bun:sqlite", "bun", 100),
      line(i, "Cohort", "bun", rate),
    ]).flat();
    return shown(standings(lines).find((it) => reasonKey(it) === reasonKey(goal))!);
  };
  assertEquals([state(400, 5).ok, /4\.00 x bun:sqlite, asked 3; met/.test(state(400, 5).result)], [
    true,
    true,
  ]);
  assertEquals(state(400, 4).ok, false);
  assertEquals(state(299, 5).ok, REASONS[reasonKey(goal)] !== undefined);
  assert(state(299, 5).result.includes("MISSED"));
  assertEquals(standings([]).every((it) => !it.met && !shown(it).ok), true);
});

test("bench goals: every reason belongs to a goal", () => {
  const keys = new Set(GOALS.map(reasonKey));
  assertEquals(Object.keys(REASONS).filter((key) => !keys.has(key)), []);
});

test("bench report: the table, who is ahead, and README between its marks", () => {
  const lines = [
    line(1, "bun:sqlite", "bun", 100_000),
    line(1, "Cohort", "bun", 320_000),
    line(1, "lmdb", "bun", 640_000),
    line(1, "node:sqlite", "deno", 330_000),
  ];
  const rows = table(lines).split("\n");
  assertEquals(rows.length, 3);
  assertEquals(new Set(rows.map((row) => row.length)).size, 1);
  assert(rows[2]!.includes("320 k (3.2)"));
  assertEquals(losses(lines), ["W2 get, against Cohort on Bun: lmdb on Bun 2.0 x"]);
  assertEquals(misses(lines), []);
  const readme = `# A\n\n${README_BEGIN}\nold\n${README_END}\n\nmore\n`;
  assertEquals(withSection(readme, "new\n"), `# A\n\n${README_BEGIN}\n\nnew\n\n${README_END}\n\nmore\n`);
  assertEquals(withSection("no marks", "new"), "no marks");
});

test("bench chart: well-formed, a bar a subject, texts escaped", () => {
  const workloads: Workload[] = [...WORKLOADS];
  const rows = summarize([line(1, "bun:sqlite", "bun", 10), line(1, "<&>", "own", 20)]);
  const svg = chart("A & B", rows, workloads);
  assertEquals(svg.match(/<rect /g)!.length, 3);
  assert(svg.includes("A &amp; B") && svg.includes("&lt;&amp;&gt;") && !/&(?!amp;|lt;|gt;)/.test(svg));
  assertEquals(svg.match(/<(?!\/)[a-z]+(?=[^>]*[^/]>)/g)!.length, svg.match(/<\/[a-z]+>/g)!.length);
});

test("bench measure: rates and latencies of loops that do nothing", async () => {
  let calls = 0;
  const measured = await synchronous(() => calls++, { ms: 5, operations: 2 });
  assert(calls > 0 && measured.rate > 0 && measured.p99Us! >= measured.p50Us!);
  let now = 0;
  let most = 0;
  const wide = await inFlight(
    async () => {
      most = Math.max(most, ++now);
      await Promise.resolve();
      now--;
    },
    8,
    { ms: 5 },
  );
  assertEquals(most, 8);
  assert(wide.rate > 0 && wide.p50Us !== undefined);
});
