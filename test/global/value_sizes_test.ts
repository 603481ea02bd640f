/** Values of every size through the public door, one after another in one process. */
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { isCode, openNode, VALUE_BYTES_MAX } from "../../mod.ts";
import { Prng } from "../support/prng.ts";
import { withRig } from "./rig.ts";

test("set: a value after a very large one is stored as it is", async () => {
  await using node = await openNode({ durability: "relaxed" });
  const global = (await node.createDatabase("/db")).global<string | Uint8Array>("X");
  for (const big of ["L".repeat(1_100_000), "\u00e9".repeat(1_100_000), "\u20ac".repeat(600_000)]) {
    await global.set(["before"], "a".repeat(300));
    await global.set(["big"], big);
    for (const [at, text] of ["v".repeat(300), "\u00e9".repeat(90), "\u20ac".repeat(70)].entries()) {
      await global.set(["after", at], text);
      assertEquals(await global.get(["after", at]), text);
    }
    assertEquals(await global.get(["big"]) === big, true);
  }
});

test("set: the longest value is kept, one byte more is refused and nothing changed", async () => {
  await using node = await openNode({ durability: "relaxed" });
  const global = (await node.createDatabase("/db")).global<string | Uint8Array>("X");
  const longest = "m".repeat(VALUE_BYTES_MAX - 1);
  await global.set([1], longest);
  assertEquals(await global.get([1]) === longest, true);
  const bytes = new Prng(1).bytes(1_000);
  const whole = new Uint8Array(VALUE_BYTES_MAX - 1);
  for (let at = 0; at < whole.length; at += 1_000) whole.set(bytes.subarray(0, whole.length - at), at);
  await global.set([2], whole);
  assertEquals(await global.get([2]), whole);
  for (const tooLong of [longest + "m", new Uint8Array(VALUE_BYTES_MAX), "\u20ac".repeat(1_300_000)]) {
    await assertRejects(() => global.set([1], tooLong), RangeError);
    await assertRejects(() => node.transact((t) => t.global(global).set([1], tooLong)), RangeError);
  }
  assertEquals(await global.get([1]) === longest, true);
});

test("set: values at every edge between leaf and value blocks, replaced by each other", () =>
  withRig({ poolBlocks: 128, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    const payload = 8_192 - 40;
    const sizes = [
      0,
      1,
      1_834,
      1_835,
      1_836,
      payload - 1,
      payload,
      payload + 1,
      2 * payload,
      5 * payload + 7,
    ];
    for (const from of sizes) {
      for (const to of sizes) {
        await global.set([1], "a".repeat(from));
        await global.set([1], "b".repeat(to));
        assertEquals(await global.get([1]) === "b".repeat(to), true);
      }
    }
    await global.zkill([1]);
    assertEquals(await global.data([1]), 0);
  }));

test("set: a value too large for the pool is refused whole", () =>
  withRig({ poolBlocks: 32, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    await global.set([1], "kept");
    const error = await global.set([1], "x".repeat(400_000)).catch((it) => it);
    assertEquals(isCode(error, "TRANSACTION_TOO_LARGE"), true);
    assertEquals(await global.get([1]), "kept");
    await global.set([2], "y".repeat(100_000));
    assertEquals(await global.get([2]), "y".repeat(100_000));
  }));

test("set: a value larger than a journal segment is refused whole, a smaller one turns segments", () =>
  withRig({ poolBlocks: 256, segmentBytes: 65_536, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    await global.set([1], "kept");
    const error = await global.set([1], "x".repeat(200_000)).catch((it) => it);
    assertEquals(isCode(error, "TRANSACTION_TOO_LARGE"), true);
    assertEquals(await global.get([1]), "kept");
    for (let i = 0; i < 20; i++) await global.set([2, i], "y".repeat(30_000));
    assertEquals(await global.get([2, 19]), "y".repeat(30_000));
  }));

test("set: a getter in a value may use the database, and neither spoils the other", () =>
  withRig({}, async (rig) => {
    const global = rig.global();
    await global.set([1], 1);
    await global.set(["n"], 5);
    const inner: Array<() => Promise<unknown>> = [
      () => global.set([999, "far"], 5),
      () => global.set([999, "far"], "a text that is longer than what stood in the scratch before it"),
      () => global.increment(["n"]),
      () => global.get(["n"]),
      () => global.kill([3, "nothing there"]),
    ];
    for (const call of inner) {
      let running: Promise<unknown> | undefined;
      const value = {
        before: [1, 2, 3],
        get inner(): string {
          running = call();
          return "seen";
        },
        after: "x".repeat(60),
      };
      await global.set([1], value);
      await running;
      assertEquals(await global.get([1]), { before: [1, 2, 3], inner: "seen", after: "x".repeat(60) });
    }
    assertEquals(await global.get(["n"]), 6);
    assertEquals(await global.data([3]), 0);
  }));
