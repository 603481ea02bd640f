import { test } from "#test";
import { assertEquals } from "@std/assert";
import { shared } from "../support/depth.ts";
import { compareHashes } from "./children.ts";
import { DEEP, freshSeed, freshThenStanding, keptSeeds, runShare, RUNTIME } from "./share.ts";

/** Standing seeds of one runtime; under `CI=true` both have 100 together, and Bun, the faster, most. */
const STANDING = !DEEP ? 2 : RUNTIME === "deno" ? 34 : 66;
/** The first of them. */
const FIRST = RUNTIME === "deno" ? 101 : 135;
/** Seeds of which both runtimes must come to the same hash. */
const SAMPLE = DEEP ? 4 : 1;
/** No seed begins later than this, and whatever has not begun then is missing: the test fails. */
const BUDGET_MS = DEEP ? 300_000 : 60_000;
const TIMEOUT_MS = 1_200_000;

const hashes = new Map<number, string>();

test("cluster seeds: those that failed once pass", { timeoutMs: TIMEOUT_MS }, async () => {
  const { failures } = await runShare("cluster", shared(keptSeeds("cluster")));
  assertEquals(failures, []);
});

test("cluster seeds: a fresh one and the standing ones find nothing", { timeoutMs: TIMEOUT_MS }, async () => {
  const fresh = freshSeed();
  console.log(`sim: fresh cluster seed ${fresh} on ${RUNTIME}`);
  const began = performance.now();
  const report = await runShare("cluster", freshThenStanding(fresh, FIRST, STANDING), {
    budgetMs: BUDGET_MS,
  });
  for (const [seed, hash] of report.hashes) hashes.set(seed, hash);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `sim: ${report.seeds} cluster seeds (${fresh}, ${FIRST} to ${FIRST + STANDING - 1}) with ` +
      `${report.runs} recoveries in ${seconds} s on ${RUNTIME}, ${report.failures.length} failed`,
  );
  assertEquals(report.failures, []);
  assertEquals(report.seeds, STANDING + 1, `not all seeds were run in ${BUDGET_MS / 1000} s`);
});

test("cluster seeds: the other runtime comes to the same hashes", { timeoutMs: TIMEOUT_MS }, async () => {
  assertEquals(await compareHashes(FIRST, SAMPLE, hashes, "cluster"), []);
  console.log(`sim: ${SAMPLE} cluster seeds from ${FIRST} have equal hashes on both runtimes`);
});
