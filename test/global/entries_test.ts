import { clearImmediate, setImmediate } from "node:timers";
import { test } from "#test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type EntriesOptions, type Global, openNode, type Subscript } from "../../mod.ts";
import { compareKeys, keyOf } from "../../src/ground/key.ts";
import { Prng } from "../support/prng.ts";

type Row = [Subscript[], string];

/** A global of rows with some large values, and the same rows in order. */
async function filled(global: Global<string>, prng: Prng): Promise<Row[]> {
  const rows = new Map<string, Row>();
  for (let i = 0; i < 1500; i++) {
    const subscripts: Subscript[] = [prng.pick(["a", "b", "c"]), prng.below(400)];
    if (prng.once(2)) subscripts.push(prng.pick(["addr", "dob", "name", "sex", -1, 0.5]));
    const value = prng.once(40) ? "L".repeat(3000 + prng.below(9000)) : "v".repeat(prng.below(90)) + i;
    await global.set(subscripts, value);
    rows.set(JSON.stringify(subscripts), [subscripts, value]);
  }
  const key = ([subscripts]: Row): Uint8Array => keyOf(subscripts);
  return [...rows.values()].sort((a, b) => compareKeys(key(a), 0, key(a).length, key(b), 0, key(b).length));
}

async function read(
  global: Global<string>,
  subscripts: readonly Subscript[],
  options?: EntriesOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of global.entries(subscripts, options).batches()) rows.push(...batch);
  return rows;
}

/** A pool of 16 blocks holds a part of the rows, one of 1024 all of them: both ways a batch is made. */
for (const blocks of [16, 1024]) {
  test(`Entries: whole, below a node, backwards and limited, in a pool of ${blocks} blocks`, async () => {
    await using node = await openNode({ poolBytes: blocks * 8192, durability: "relaxed" });
    const database = await node.mount("/entries", { create: true });
    const global = database.global<string>("X");
    assertEquals(await read(global, []), []);
    const rows = await filled(global, new Prng(blocks));
    const reversed = rows.toReversed();
    assertEquals(await read(global, []), rows);
    assertEquals(await read(global, [], { reverse: true }), reversed);
    for (const prefix of [["b"], ["b", 7], ["c", 399], ["a", 0, "name"], ["0"], ["d"]] as Subscript[][]) {
      const below = ([subscripts]: Row): boolean => prefix.every((it, level) => subscripts[level] === it);
      assertEquals(await read(global, prefix), rows.filter(below));
      assertEquals(await read(global, prefix, { reverse: true }), reversed.filter(below));
      assertEquals(await read(global, prefix, { limit: 3 }), rows.filter(below).slice(0, 3));
      assertEquals(
        await read(global, prefix, { limit: 3, reverse: true }),
        reversed.filter(below).slice(0, 3),
      );
    }
    for (const limit of [0, 1, 59, 100]) {
      assertEquals(await read(global, [], { limit }), rows.slice(0, limit));
      assertEquals(await read(global, [], { limit, reverse: true }), reversed.slice(0, limit));
    }
    const one: Row[] = [];
    for await (const row of global.entries(["b"])) one.push(row);
    assertEquals(one, rows.filter(([subscripts]) => subscripts[0] === "b"));
  });
}

test("Entries: two at once over different places do not disturb each other", async () => {
  await using node = await openNode({ poolBytes: 1 << 20 });
  const database = await node.mount("/entries", { create: true });
  const global = database.global<string>("X");
  const rows = await filled(global, new Prng(5));
  const forward = global.entries()[Symbol.asyncIterator]();
  const backward = global.entries([], { reverse: true })[Symbol.asyncIterator]();
  for (let i = 0; i < rows.length; i++) {
    assertEquals((await forward.next()).value, rows[i]);
    assertEquals((await backward.next()).value, rows[rows.length - 1 - i]);
  }
  assertEquals((await forward.next()).done, true);
});

test("Entries: wrong limits, aborted signals and dismounted databases are refused", async () => {
  await using node = await openNode();
  const database = await node.mount("/entries", { create: true });
  const global = database.global<string>("X");
  await global.set([1], "one");
  for (const limit of [-1, 0.5, NaN]) assertThrows(() => global.entries([], { limit }), RangeError);
  const reason = new Error("given up");
  await assertRejects(() => read(global, [], { signal: AbortSignal.abort(reason) }), Error, "given up");
  await assertRejects(() => read(global, [], { timeoutMs: -1 }), RangeError);
  assertEquals(await read(global, [], { timeoutMs: 1000 }), [[[1], "one"]]);
  await database.dismount();
  await assertRejects(() => read(global, []), Error, "not mounted");
});

test("Entries: a walk over what is resident lets the loop go on with others", async () => {
  await using node = await openNode({ poolBytes: 64 << 20, durability: "relaxed" });
  const global = (await node.mount("/entries", { create: true })).global<string>("X");
  const text = "x".repeat(2000);
  for (let i = 0; i < 3000; i++) await global.set([i], text);
  let turns = 0;
  let others = setImmediate(function next() {
    turns++;
    others = setImmediate(next);
  });
  for await (const _ of global.entries([])) { /* nothing but the walk */ }
  clearImmediate(others);
  assert(turns > 0, "another task ran during the walk");
});
