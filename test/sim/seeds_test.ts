import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { compareHashes } from "./children.ts";
import { DEEP, freshSeed, freshThenFixed, keptSeeds, runShare, RUNTIME } from "./share.ts";

/** Full seeds of one runtime; the other runs as many. */
const SEEDS = DEEP ? 40 : 4;
/** No seed begins later than this. */
const BUDGET_MS = DEEP ? 240_000 : 30_000;
/** Seeds run on both runtimes, by each of them. */
const SAMPLE = DEEP ? 10 : 1;
const TIMEOUT_MS = 1_200_000;

test("full seeds: those that failed once pass", { timeoutMs: TIMEOUT_MS }, async () => {
  const { failures } = await runShare("full", keptSeeds("full"));
  assertEquals(failures, []);
});

test("full seeds: a fresh one and the standing ones find nothing", { timeoutMs: TIMEOUT_MS }, async () => {
  const first = freshSeed();
  const { seeds, failures } = await runShare("full", freshThenFixed(first, SEEDS), { budgetMs: BUDGET_MS });
  console.log(
    `sim: ${seeds} of ${SEEDS} full seeds, fresh ${first} first, on ${RUNTIME}, ${failures.length} failed`,
  );
  assertEquals(failures, []);
  assert(seeds > 0);
});

test("full seeds: the other runtime comes to the same hashes", { timeoutMs: TIMEOUT_MS }, async () => {
  const first = 1;
  assertEquals(await compareHashes(first, SAMPLE), []);
  console.log(`sim: ${SAMPLE} seeds from ${first} have equal hashes on both runtimes`);
});
