import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { DEEP, freshSeed, freshThenStanding, keptSeeds, runShare, RUNTIME } from "./share.ts";

/** Recoveries of one runtime; the other does as many: under `CI=true` 10,000 together. */
const RUNS_MIN = DEEP ? 5_000 : 300;
/** The first of the standing programs, one to two hundred recoveries and more each. */
const FIRST = RUNTIME === "deno" ? 1 : 501;
/** No program begins later than this, and whatever has not begun then is missing: the test fails. */
const BUDGET_MS = DEEP ? 300_000 : 60_000;
const TIMEOUT_MS = 900_000;

test("micro runs: seeds that failed once pass", { timeoutMs: TIMEOUT_MS }, async () => {
  const { failures } = await runShare("micro", keptSeeds("micro"));
  assertEquals(failures, []);
});

test("micro runs: every crash of a fresh and the standing programs is mended", {
  timeoutMs: TIMEOUT_MS,
}, async () => {
  const fresh = freshSeed();
  console.log(`sim: fresh micro seed ${fresh} on ${RUNTIME}`);
  const bounds = { runsMin: RUNS_MIN, budgetMs: BUDGET_MS };
  const began = performance.now();
  const { seeds, runs, failures } = await runShare("micro", freshThenStanding(fresh, FIRST, 500), bounds);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `sim: ${runs} micro runs of ${seeds} seeds (${fresh}, then from ${FIRST}) in ${seconds} s ` +
      `on ${RUNTIME}, ${failures.length} failed`,
  );
  assertEquals(failures, []);
  assert(runs >= RUNS_MIN, `only ${runs} of ${RUNS_MIN} micro runs in ${BUDGET_MS / 1000} s`);
});
