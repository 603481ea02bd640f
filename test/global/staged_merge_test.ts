/** Merges larger than the pool: whole or not at all, whoever reads, writes or gives up meanwhile. */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import {
  CohortError,
  type Database,
  type Global,
  isCode,
  openNode,
  type Subscript,
  type Value,
} from "../../mod.ts";
import { withFaults } from "../../src/testing/mod.ts";
import { assertSound, queueEmptied, type Rig, withRig } from "./rig.ts";

const NODES = 3_000;
const SMALL = { poolBlocks: 32, durability: "relaxed" } as const;

/** Some 120 blocks at `^name(at,…)`. */
async function fill(
  global: Global<Value>,
  at: Subscript,
  text: string,
  nodes: number = NODES,
): Promise<void> {
  const sets: Array<Promise<void>> = [];
  for (let i = 0; i < nodes; i++) sets.push(global.set([at, i], `${text}${i}`.padEnd(300, ".")));
  await Promise.all(sets);
}

async function all(global: Global<Value>, at: Subscript[] = []): Promise<Array<[string, Value]>> {
  const found: Array<[string, Value]> = [];
  for await (const batch of global.entries(at).batches()) {
    for (const [key, value] of batch) found.push([key.join(), String(value).replace(/\.+$/, "")]);
  }
  return found;
}

function used(rig: Rig): number {
  const { blocks, blocksFree } = rig.database.status;
  return blocks - blocksFree;
}

/** Resolves as soon as a merge into this database stages; call it before the merge. */
function begun(database: Database): Promise<void> {
  const { staged } = database.core.volume;
  return new Promise((resolve) => {
    staged.add = (root) => {
      resolve();
      return Set.prototype.add.call(staged, root);
    };
  });
}

test("merge: many times the pool, over nodes of the target that stay, give way, or lie beside it", () =>
  withRig(SMALL, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    await fill(x, 1, "new");
    await fill(y, 7, "old", 2_000);
    await y.set([7, "kept"], "K".repeat(40_000));
    await y.set([7], "own");
    await fill(y, 6, "before", 50);
    await fill(y, 8, "behind", 50);
    await y.merge([7], x, [1]);
    const wanted: Array<[string, string]> = [
      ...Array.from({ length: 50 }, (_, i): [string, string] => [`6,${i}`, `before${i}`]),
      ["7", "own"],
      ...Array.from({ length: NODES }, (_, i): [string, string] => [`7,${i}`, `new${i}`]),
      ["7,kept", "K".repeat(40_000)],
      ...Array.from({ length: 50 }, (_, i): [string, string] => [`8,${i}`, `behind${i}`]),
    ];
    assertEquals(await all(y), wanted);
    assertEquals((await all(x)).length, NODES);
    // It is a tree as others are.
    for (let i = 0; i < 200; i++) await y.set([7, i + 0.5], i);
    await y.kill([7, 100]);
    assertEquals([await y.get([7, 0.5]), await y.data([7, 100])], [0, 0]);
    assertEquals(await y.order([7, 99.5]), 100.5);
    await assertSound(rig.database);
    await y.kill();
    await assertSound(rig.database);
  }));

test("merge: a whole global many times the pool, into nothing, over another, and from another database", () =>
  withRig(SMALL, async (rig) => {
    const other = await rig.node.createDatabase("/other", { extentBlocks: 64 });
    const [x, y, far] = [rig.global("X"), rig.global("Y"), other.global<Value>("X")];
    await fill(x, 1, "x");
    await far.merge([], x);
    await far.merge(["deep"], x, [1]);
    await y.set([0], "first");
    await y.set([1, "z"], "last");
    await y.merge([], far);
    const found = await all(y);
    assertEquals(found.length, 2 * NODES + 2);
    assertEquals([found[0], found[NODES + 1], found[NODES + 2]], [["0", "first"], ["1,z", "last"], [
      "deep,0",
      "x0",
    ]]);
    await y.set([2], "hot");
    assertEquals(await y.get([2]), "hot");
    await assertSound(other);
  }));

test("merge: readers see all of it or nothing, at any time", () =>
  withRig(SMALL, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    await fill(x, 1, "new");
    await fill(y, 1, "old");
    let isOver = false;
    const merging = y.merge([1], x, [1]).then(() => isOver = true);
    const seen = new Set<string>();
    while (!isOver) {
      const picked = [0, 1, Math.floor(NODES / 2), NODES - 1];
      const texts = await rig.node.transact(async (transaction) => {
        const found: string[] = [];
        for (const i of picked) found.push(String(await transaction.global(y).get([1, i])).slice(0, 3));
        return found;
      }, { readOnly: true });
      assertEquals(new Set(texts).size, 1, texts.join());
      seen.add(texts[0]!);
      await new Promise((done) => setTimeout(done, 0));
    }
    await merging;
    assert(seen.has("old"), "nobody looked meanwhile");
    assertEquals(await y.get([1, 0]), "new0".padEnd(300, "."));
  }));

test("merge: writers of both databases wait, and then write over what is merged", () =>
  withRig(SMALL, async (rig) => {
    const other = await rig.node.createDatabase("/other", { extentBlocks: 64 });
    const [x, y] = [rig.global("X"), other.global<Value>("Y")];
    await fill(x, 1, "new");
    await x.set(["n"], 1);
    await y.set([1, "n"], 1);
    const order: string[] = [];
    const note = (text: string) => (): void => void order.push(text);
    const staging = begun(other);
    const merging = y.merge([1], x, [1]).then(note("merge"));
    await staging;
    const controller = new AbortController();
    const late = x.set([1, 5], "late");
    const writes = [
      late.then(note("set")),
      x.increment(["n"], 1).then(note("increment")),
      y.increment([1, "n"], 1).then(note("increment")),
      y.set([1, 7], "over").then(note("set")),
      y.kill([1, 9]).then(note("kill")),
      rig.node.transact((transaction) => transaction.global(y).set([1, 8], "tx")).then(note("transaction")),
      assertRejects(() => x.set([2], 1, { signal: controller.signal }), Error, "enough"),
    ];
    controller.abort(new Error("enough"));
    // Reads go on.
    assertEquals(await y.get([1, 7]), undefined);
    assertEquals(order, []);
    await Promise.all([merging, ...writes]);
    assertEquals(order[0], "merge");
    assertEquals(order.length, 7);
    assertEquals(await y.get([1, 5]), "new5".padEnd(300, "."));
    assertEquals([await y.get([1, 7]), await y.get([1, 8]), await y.get([1, 9])], ["over", "tx", undefined]);
    assertEquals([await x.get(["n"]), await y.get([1, "n"]), await x.get([1, 5])], [2, 2, "late"]);
    assertEquals(await y.get([1, 2_999]), "new2999".padEnd(300, "."));
    await assertSound(other);
  }));

test("merge: two at once in opposite ways both end", () =>
  withRig(SMALL, async (rig) => {
    const other = await rig.node.createDatabase("/other", { extentBlocks: 64 });
    const [x, y] = [rig.global("X"), other.global<Value>("X")];
    await fill(x, 1, "x");
    await fill(y, 2, "y");
    await Promise.all([x.merge([2], y, [2]), y.merge([1], x, [1])]);
    assertEquals((await all(x)).length, 2 * NODES);
    assertEquals(await all(x), await all(y));
    await assertSound(other);
  }));

test("merge: who gives up leaves nothing behind", () =>
  withRig(SMALL, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    await fill(x, 1, "new");
    await fill(y, 1, "old", 200);
    await queueEmptied(rig.database);
    const [before, blocks] = [await all(y), used(rig)];
    const controller = new AbortController();
    const staging = begun(rig.database);
    const merging = assertRejects(() => y.merge([1], x, [1], { signal: controller.signal }), Error, "enough");
    await staging;
    controller.abort(new Error("enough"));
    await merging;
    await assertRejects(() => y.merge([1], x, [1], { timeoutMs: 3 }), CohortError, "deadline");
    await y.set([2], "after");
    await assertSound(rig.database);
    assertEquals(await all(y), [...before, ["2", "after"]]);
    // A map for each extent that was added stays.
    assert(used(rig) <= blocks + 8, `${used(rig)} blocks in use, ${blocks} before`);
  }));

test("merge: a key that becomes too long, met late, leaves nothing behind", () =>
  withRig(SMALL, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    await fill(x, 1, "new");
    await x.set([1, "z".repeat(900)], "long");
    await y.set([1], "old");
    await assertRejects(() => y.merge(["l".repeat(200)], x, [1]), RangeError, "subscripts in");
    await assertRejects(() => y.merge([1, "l".repeat(200)], x, [1]), RangeError, "subscripts in");
    await assertRejects(() => rig.global("New").merge(["l".repeat(200)], x, [1]), RangeError);
    assertEquals(await all(y), [["1", "old"]]);
    assertEquals(await rig.database.has("New"), false);
    await assertSound(rig.database);
  }));

test("merge: large values of both sides, each of more blocks than are staged at once", () =>
  withRig({ ...SMALL, poolBlocks: 64 }, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    for (let i = 0; i < 20; i++) {
      await x.set([1, 2 * i], `x${i}`.padEnd(150_000, "-"));
      await y.set([1, 3 * i], `y${i}`.padEnd(150_000, "+"));
    }
    await y.merge([1], x, [1]);
    await x.kill();
    const found = await all(y);
    const wanted = new Map<number, string>();
    for (let i = 0; i < 20; i++) wanted.set(3 * i, `y${i}`.padEnd(150_000, "+"));
    for (let i = 0; i < 20; i++) wanted.set(2 * i, `x${i}`.padEnd(150_000, "-"));
    const sorted = [...wanted].sort((a, b) => a[0] - b[0]).map(([i, text]) => [`1,${i}`, text]);
    assertEquals(found.map(([key, value]) => [key, value]), sorted);
  }));

test("merge: what is little beside its target is one change while the pool has room", () =>
  withRig({ poolBlocks: 320, durability: "relaxed" }, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    let times = 0;
    const { staged } = rig.database.core.volume;
    staged.add = (root) => {
      times++;
      return Set.prototype.add.call(staged, root);
    };
    await fill(x, 1, "new", 1_200);
    await fill(y, 1, "old", 6_000);
    await y.merge([1], x, [1]);
    assertEquals(times, 0, "it was staged");
    await y.merge([2], x, [1]);
    assertEquals(times, 1, "it was not staged");
    assertEquals((await all(y, [1])).slice(1_199, 1_201), [["1,1199", "new1199"], ["1,1200", "old1200"]]);
    assertEquals((await all(y, [2])).length, 1_200);
  }));

test("merge: a full disk refuses it whole", async () => {
  const storage = createMemoryStorage({ bytesMax: 6 * 1024 * 1024 });
  const node = await openNode({ dir: "/n", poolBytes: 32 * 8_192, durability: "relaxed" }, { storage });
  const database = await node.mount("/db", { create: true, extentBlocks: 64 });
  const [x, y] = [database.global<Value>("X"), database.global<Value>("Y")];
  await fill(x, 1, "new", 4_000);
  await y.set([1], "old");
  let failed: unknown;
  for (let copy = 0; copy < 20 && failed === undefined; copy++) {
    await y.merge([copy + 1], x, [1], { timeoutMs: 20_000 }).catch((error) => failed = error);
  }
  assert(isCode(failed, "FULL"), String(failed));
  const nodes = (await all(y)).length;
  assertEquals(nodes % 4_000, 1, `${nodes} nodes`);
  assertEquals(await y.get([1]), "old");
  await x.kill([1, 0]);
  await assertSound(database);
  await node.close();
});

test("merge: a dismount meanwhile refuses it, and the next mount frees what was staged", async () => {
  const storage = createMemoryStorage();
  const node = await openNode({ dir: "/n", poolBytes: 32 * 8_192, durability: "relaxed" }, { storage });
  const database = await node.mount("/db", { create: true, extentBlocks: 64 });
  const [x, y] = [database.global<Value>("X"), database.global<Value>("Y")];
  await fill(x, 1, "new");
  await y.set([1], "old");
  const staging = begun(database);
  const merging = assertRejects(() => y.merge([1], x, [1]), CohortError, "not mounted");
  await staging;
  // Some of it is there.
  for (let turn = 0; turn < 40; turn++) await undefined;
  await database.dismount();
  await merging;
  const again = await node.mount("/db");
  assertEquals(await again.global<Value>("Y").data([1]), 1);
  const report = await assertSound(again);
  assertEquals(report.entries, NODES + 1);
  await node.close();
});

test("merge: a read that fails refuses it, whichever it is, and nothing fails behind its back", async () => {
  let left = Infinity;
  const storage = withFaults(createMemoryStorage(), ({ operation, path }) => {
    if (operation !== "read" || !path.startsWith("/db/") || --left > 0) return undefined;
    return { kind: "error", code: "IO", errno: "EIO" };
  });
  const node = await openNode({ dir: "/n", poolBytes: 24 * 8_192, durability: "relaxed" }, { storage });
  const database = await node.mount("/db", { create: true, extentBlocks: 64 });
  const [x, y] = [database.global<Value>("X"), database.global<Value>("Y")];
  await fill(x, 1, "new", 1_500);
  await fill(y, 1, "old", 1_500);
  let refused = 0;
  for (let reads = 1; reads < 120; reads += 3) {
    left = reads;
    await y.merge([1], x, [1]).catch((error) => {
      assert(isCode(error, "IO"), String(error));
      refused++;
    });
    left = Infinity;
  }
  assert(refused > 20, `${refused} refused`);
  await assertSound(database);
  await node.close();
});
