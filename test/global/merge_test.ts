/** `MERGE`: what it copies, what it leaves, what it refuses. */
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { type Global, openNode, type Subscript, type Value } from "../../mod.ts";
import { withRig } from "./rig.ts";

async function all(global: Global<Value>): Promise<Array<[string, Value]>> {
  const found: Array<[string, Value]> = [];
  for await (const [key, value] of global.entries()) found.push([key.join("."), value]);
  return found;
}

test("merge: copies a subtree over another place and kills nothing there", () =>
  withRig({}, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    await x.set([], "root");
    await x.set([1], "one");
    await x.set([1, "a"], "a");
    await x.set([1, "b", 2], "b2");
    await x.set([2], "two");
    await y.set(["t", "a"], "old");
    await y.set(["t", "z"], "kept");
    await y.merge(["t"], x, [1]);
    assertEquals(await all(y), [["t", "one"], ["t.a", "a"], ["t.b.2", "b2"], ["t.z", "kept"]]);
    await y.merge([], x);
    assertEquals((await all(y)).length, 9);
    assertEquals([await y.get([]), await y.get([1, "b", 2])], ["root", "b2"]);
    assertEquals((await all(x)).length, 5);
  }));

test("merge: of what is not there does nothing, and makes no global", () =>
  withRig({}, async (rig) => {
    await rig.global("New").merge([1], rig.global("Missing"), [1]);
    await rig.global("X").set([1], 1);
    await rig.global("New").merge([1], rig.global("X"), [2]);
    assertEquals([await rig.database.has("New"), await rig.database.has("Missing")], [false, false]);
  }));

test("merge: within one global, beside each other, and refused where one lies below the other", () =>
  withRig({}, async (rig) => {
    const x = rig.global("X");
    for (let i = 0; i < 5; i++) await x.set([1, i], i);
    await x.merge([12], x, [1]);
    await x.merge([1, 2, "copy"], x, [12]);
    assertEquals(await x.get([1, 2, "copy", 4]), 4);
    const before = await all(x);
    const pairs: Array<[Subscript[], Subscript[]]> = [
      [[1], [1]],
      [[1], [1, 2]],
      [[1, 2], [1]],
      [[], [1]],
      [[1], []],
      [[], []],
      [["1"], [1, 3]],
    ];
    for (const [to, from] of pairs) await assertRejects(() => x.merge(to, x, from), TypeError, "below");
    assertEquals(await all(x), before);
  }));

test("merge: large values get blocks of their own", () =>
  withRig({ poolBlocks: 64 }, async (rig) => {
    const x = rig.global("X");
    await x.set([1, "big"], "L".repeat(50_000));
    await x.set([2, "big"], "M".repeat(30_000));
    await x.merge([2], x, [1]);
    await x.kill([1]);
    assertEquals(await x.get([2, "big"]), "L".repeat(50_000));
  }));

test("merge: what would have too many subscripts or too long a key is refused whole", () =>
  withRig({}, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    await x.set([1, ...new Array(29).fill("s")], 1);
    await x.set([1], "short");
    await y.merge([1], x, [1]);
    await assertRejects(() => y.merge([1, 2, 3], x, [1]), RangeError);
    assertEquals((await all(y)).length, 2);
    await x.set([2, "k".repeat(900)], 1);
    await assertRejects(() => y.merge(["l".repeat(200)], x, [2]), RangeError);
    assertEquals((await all(y)).length, 2);
  }));

test("merge: between databases of a node, and refused between nodes", () =>
  withRig({}, async (rig) => {
    const other = await rig.node.createDatabase("/other");
    const [x, y] = [rig.global("X"), other.global<Value>("X")];
    for (let i = 0; i < 300; i++) await x.set([i], "v".repeat(200));
    await y.merge([], x);
    assertEquals((await all(y)).length, 300);
    await using stranger = await openNode();
    const theirs = (await stranger.createDatabase("/db")).global<Value>("X");
    await assertRejects(() => theirs.merge([], x), TypeError, "another node");
    await assertRejects(() => x.merge([1], undefined as unknown as Global<Value>), TypeError);
    await assertRejects(() => x.merge([1], {} as unknown as Global<Value>), TypeError);
    await other.dismount();
    await assertRejects(() => y.merge([1], x), Error, "not mounted");
    await assertRejects(() => x.merge([1], y), Error, "not mounted");
  }));
