import { test } from "#test";
import { assertEquals } from "@std/assert";
import { shared } from "../support/depth.ts";
import { compareHashes } from "./children.ts";
import { DEEP, freshSeed, freshThenStanding, keptSeeds, runShare, RUNTIME } from "./share.ts";

/** Standing seeds of one runtime; under `CI=true` both have 300 together, and Bun, the faster, most. */
const STANDING = !DEEP ? 3 : RUNTIME === "deno" ? 120 : 180;
/** The first of them. */
const FIRST = RUNTIME === "deno" ? 1 : 121;
/** Seeds of which both runtimes must come to the same hash, the first standing ones of each. */
const SAMPLE = DEEP ? 5 : 1;
/** No seed begins later than this, and whatever has not begun then is missing: the test fails. */
const BUDGET_MS = DEEP ? 420_000 : 60_000;
const TIMEOUT_MS = 1_200_000;

const hashes = new Map<number, string>();

test("full seeds: those that failed once pass", { timeoutMs: TIMEOUT_MS }, async () => {
  const { failures } = await runShare("full", shared(keptSeeds("full")));
  assertEquals(failures, []);
});

test("full seeds: a fresh one and the standing ones find nothing", { timeoutMs: TIMEOUT_MS }, async () => {
  const fresh = freshSeed();
  console.log(`sim: fresh full seed ${fresh} on ${RUNTIME}`);
  const chosen = freshThenStanding(fresh, FIRST, STANDING);
  const began = performance.now();
  const report = await runShare("full", chosen, { budgetMs: BUDGET_MS });
  for (const [seed, hash] of report.hashes) hashes.set(seed, hash);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `sim: ${report.seeds} full seeds (${fresh}, ${FIRST} to ${FIRST + STANDING - 1}) in ${seconds} s on ` +
      `${RUNTIME}, ${report.failures.length} failed`,
  );
  assertEquals(report.failures, []);
  assertEquals(report.seeds, STANDING + 1, `not all seeds were run in ${BUDGET_MS / 1000} s`);
});

test("full seeds: the other runtime comes to the same hashes", { timeoutMs: TIMEOUT_MS }, async () => {
  assertEquals(await compareHashes(FIRST, SAMPLE, hashes), []);
  console.log(`sim: ${SAMPLE} seeds from ${FIRST} have equal hashes on both runtimes`);
});
