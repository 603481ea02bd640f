/** Values of every size through the public door, one after another in one process. */
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { exportText, isCode, openNode, VALUE_BYTES_MAX } from "../../mod.ts";
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

test("get: values far larger than the pool are read, in parts, however they are asked for", async () => {
  const storage = createMemoryStorage();
  const texts = [1, 2, 3].map((n) => `${n} ${String(n).repeat(VALUE_BYTES_MAX - 9)}`);
  {
    await using node = await openNode({ dir: "/a" }, { storage });
    const global = (await node.createDatabase("/db")).global<string>("X");
    for (const [i, text] of texts.entries()) await global.set([i, "text"], text);
  }
  // 16 blocks of 8 KiB; a value has 446.
  await using node = await openNode({ dir: "/b", poolBytes: 16 * 8192 }, { storage });
  const database = await node.mount("/db");
  const global = database.global<string | number>("X");
  for (const [i, text] of texts.entries()) assertEquals(await global.get([i, "text"]) === text, true);
  let at = 0;
  for await (const [subscripts, value] of global.entries([])) {
    assertEquals(subscripts, [at, "text"]);
    assertEquals(value === texts[at++], true);
  }
  for await (const [, value] of global.entries([], { reverse: true })) {
    assertEquals(value === texts[--at], true);
  }
  assertEquals(at, 0);
  let runs = 0;
  const lengths = await node.transact(async (tx) => {
    const inside = tx.global(global);
    const read = [await inside.get([0, "text"]), await inside.get([1, "text"])];
    // The leaves change, the values do not: they are compared before the commit.
    if (runs++ === 0) await global.set([0, "note"], "n");
    await inside.set([9], 9);
    return read.map((value) => String(value).length);
  });
  assertEquals([runs, ...lengths], [1, VALUE_BYTES_MAX - 7, VALUE_BYTES_MAX - 7]);
  let exported = 0;
  for await (const chunk of exportText(database, { format: "jsonl" })) exported += chunk.length;
  assertEquals(exported > 3 * VALUE_BYTES_MAX, true);
  assertEquals((await database.check()).problems, []);
  assertEquals(await global.increment([2, "text"], 4), 7);
  const refused = await assertRejects(() => global.set([4], texts[0]!));
  assertEquals(isCode(refused, "TRANSACTION_TOO_LARGE"), true);
  assertEquals(await global.get([4]), undefined);
});

test("every call: a getter in subscripts that uses the database is refused, and spoils no key", () =>
  withRig({}, async (rig) => {
    const global = rig.global();
    await global.set(["n"], 5);
    const subscripts = ["aaaa", "b"];
    const running: Array<Promise<unknown>> = [];
    Object.defineProperty(subscripts, 1, {
      get: () => {
        running.push(global.set(["zz"], 9), global.get(["n"]));
        return "b";
      },
    });
    const calls = [
      () => global.set(subscripts, 1),
      () => global.set(subscripts, [1]),
      () => global.get(subscripts),
      () => global.increment(subscripts),
      () => global.kill(subscripts),
      () => rig.node.transact((transaction) => transaction.global(global).set(subscripts, 1)),
    ];
    for (const call of calls) await assertRejects(call, TypeError, "from a getter");
    await Promise.all(running);
    const found: string[] = [];
    for await (const [key, value] of global.entries()) found.push(`${key.join()}=${value}`);
    assertEquals(found, ["n=5", "zz=9"]);
  }));
