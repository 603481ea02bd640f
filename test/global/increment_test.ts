/** `$INCREMENT`: its arithmetic, exact or refused (cache-cluster-rules P7 to P10). */
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { CohortError, type Value } from "../../mod.ts";
import { incremented } from "../../src/global/increment.ts";
import { withRig } from "./rig.ts";

const SAFE = Number.MAX_SAFE_INTEGER;

/** What stands there, what is added, what comes of it. */
const SUMS: ReadonlyArray<readonly [Value | undefined, number | bigint, number | bigint]> = [
  [undefined, 1, 1],
  [null, 5, 5],
  ["", 1, 1],
  ["ABC", 1, 1],
  ["12AB", 1, 13],
  ["-3.5x", 1, -2.5],
  ["--5", 1, 6],
  ["1E3", 1, 1001],
  ["1e3", 1, 2],
  [" 7", 1, 1],
  [".5", 0.25, 0.75],
  ["999999999999999", 1, 1_000_000_000_000_000],
  [0, 0, 0],
  [-0, 0, 0],
  [5, -7, -2],
  [0.1, 0.2, 0.3],
  [0.7, 0.1, 0.8],
  [1.1, 2.2, 3.3],
  [1e15, 0.5, 1_000_000_000_000_000.5],
  [1e-43, 1e-43, 2e-43],
  [SAFE - 1, 1, SAFE],
  [-SAFE, 1, -SAFE + 1],
  [1e300, 0, 1e300],
  [SAFE, 1n, 9_007_199_254_740_992n],
  [5n, 1, 6n],
  [5, 1n, 6n],
  [undefined, 3n, 3n],
  [10n ** 40n, 1n, 10n ** 40n + 1n],
  [10n ** 40n, -(10n ** 40n), 0n],
  [1n, 0.5, 1.5],
  ["123456789012345678", 1n, 123_456_789_012_345_679n],
];

/** What stands there, what is added, how it is refused. */
const REFUSED: ReadonlyArray<readonly [Value, number | bigint, string]> = [
  [SAFE, 1, "PRECISION"],
  [-SAFE, -1, "PRECISION"],
  [1.2e20, 1, "PRECISION"],
  [0.1, 1e-30, "PRECISION"],
  [1e15, 0.0001, "PRECISION"],
  [10n ** 20n, 0.5, "PRECISION"],
  [1e308, 1e308, "PRECISION"],
  ["123456789012345678", 1, "PRECISION"],
  ["1234567890123456789", 1, "PRECISION"],
  ["1E47", 1, "PRECISION"],
  [true, 1, "NOT_NUMERIC"],
  [new Uint8Array(2), 1, "NOT_NUMERIC"],
  [[1], 1, "NOT_NUMERIC"],
  [{ a: 1 }, 1, "NOT_NUMERIC"],
];

const shown = (value: unknown): string =>
  typeof value === "bigint" ? `${value}n` : value === undefined ? "nothing" : JSON.stringify(value);

for (const [current, by, sum] of SUMS) {
  test(`increment: ${shown(current)} by ${shown(by)} is ${shown(sum)}`, () => {
    assertEquals(incremented(current, by), sum);
  });
}

test("increment: answers and stores the sum, whether the node is at hand or not", () =>
  withRig({ poolBlocks: 16, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    for (const [at, [current, by, sum]] of SUMS.entries()) {
      if (current !== undefined) await global.set([at, "slow"], current);
      await global.set([at, "quick"], current ?? null);
      if (at % 2 === 0) { for (let i = 0; i < 20; i++) await global.set(["filler", i], "v".repeat(1_800)); }
      for (const way of ["slow", "quick"]) {
        assertEquals(await global.increment([at, way], by), sum);
        assertEquals(await global.get([at, way]), sum);
      }
    }
  }));

test("increment: what cannot be exact, or has no number, is refused and nothing changed", () =>
  withRig({}, async (rig) => {
    const global = rig.global();
    for (const [current, by, code] of REFUSED) {
      await global.set([1], current);
      const error = await assertRejects(() => global.increment([1], by), CohortError);
      assertEquals(error.code, code, `${shown(current)} by ${shown(by)}`);
      assertEquals(error.retryable, false);
      assertEquals(await global.get([1]), current);
    }
    // A string too long for its leaf goes the slow way.
    await global.set([1], "7" + " ".repeat(5_000));
    assertEquals(await global.increment([1]), 8);
    await global.set([2], new Uint8Array(5_000));
    assertEquals((await assertRejects(() => global.increment([2]), CohortError)).code, "NOT_NUMERIC");
  }));

test("increment: a step that is no finite number is refused before anything happens", () =>
  withRig({}, async (rig) => {
    const global = rig.global();
    for (const by of ["1", null, {}, true] as unknown[]) {
      await assertRejects(() => global.increment([1], by as number), TypeError);
    }
    for (const by of [NaN, Infinity, -Infinity]) {
      await assertRejects(() => global.increment([1], by), RangeError);
    }
    assertEquals(await rig.database.has("X"), false);
  }));

test("increment: stands outside transactions: it stays when they end in an error", () =>
  withRig({}, async (rig) => {
    const global = rig.global();
    const body = async (): Promise<never> => {
      await global.increment(["ids"]);
      throw new Error("planned");
    };
    await assertRejects(() => rig.node.transact(body), Error, "planned");
    assertEquals(await global.get(["ids"]), 1);
  }));
