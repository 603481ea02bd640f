import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { DEEP, freshSeed, freshThenFixed, keptSeeds, runShare, RUNTIME } from "./share.ts";

/** Recoveries of one runtime; the other does as many. */
const RUNS_MIN = DEEP ? 5_000 : 300;
const BUDGET_MS = DEEP ? 180_000 : 30_000;
const TIMEOUT_MS = 900_000;

test("micro runs: seeds that failed once pass", { timeoutMs: TIMEOUT_MS }, async () => {
  const { failures } = await runShare("micro", keptSeeds("micro"));
  assertEquals(failures, []);
});

test("micro runs: every crash of a fresh and the standing programs is mended", {
  timeoutMs: TIMEOUT_MS,
}, async () => {
  const first = freshSeed();
  const bounds = { runsMin: RUNS_MIN, budgetMs: BUDGET_MS };
  const { seeds, runs, failures } = await runShare("micro", freshThenFixed(first, RUNS_MIN), bounds);
  console.log(
    `sim: ${runs} micro runs of ${seeds} seeds, fresh ${first} first (${RUNTIME}), ${failures.length} failed`,
  );
  assertEquals(failures, []);
  assert(runs > 0);
});
