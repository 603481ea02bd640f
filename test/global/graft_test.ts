/** Staged merges of every small shape: a graft at each height, at each edge, into blocks without room. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import type { Database, Global, Subscript, Value } from "../../mod.ts";
import { keyOf } from "../../src/ground/key.ts";
import { mergeStaged } from "../../src/global/staged_merge.ts";
import { atomsOf } from "../../src/testing/sim/model/collation.ts";
import { GlobalModel } from "../../src/testing/sim/model/global_model.ts";
import { Prng } from "../support/prng.ts";
import { assertSame } from "./model_run.ts";
import { assertSound, type Rig, withRig } from "./rig.ts";

/** The staged form, whatever the size. */
async function staged(
  to: [Database, string, Subscript[]],
  from: [Database, string, Subscript[]],
): Promise<void> {
  const [target, origin] = [to, from].map(([database, name, subscripts]) => {
    return { database: database.core, name, key: keyOf(subscripts) };
  });
  await mergeStaged(origin!, target!, {});
}

async function both(
  global: Global<Value>,
  model: GlobalModel,
  key: Subscript[],
  value: string,
): Promise<void> {
  await global.set(key, value);
  model.set(atomsOf(key), value);
}

const LONG = "k".repeat(480);

/** Keys whose trees are high with few nodes: a leaf holds a few, a branch about eight. */
function longKey(prng: Prng, levels: number = prng.below(4, 1)): Subscript[] {
  return [prng.below(7), LONG + prng.below(40), LONG.slice(40) + prng.below(9)].slice(0, levels);
}

function bytesOf(key: readonly Subscript[]): number {
  return keyOf(key).length;
}

for (const seed of [1, 2, 3, 4]) {
  test(`staged merge: agrees with the model at every height and edge, seed ${seed}`, () =>
    withRig({ poolBlocks: 64, durability: "relaxed" }, async (rig) => {
      const prng = new Prng(seed);
      const models = new Map([["A", new GlobalModel()], ["B", new GlobalModel()]]);
      for (let i = 0; i < 900; i++) {
        const key = longKey(prng);
        await both(rig.global("A"), models.get("A")!, key, "v".repeat(prng.pick([1, 300, 1_800, 4_000])));
        if (i % 4 > 0) continue;
        await both(rig.global("B"), models.get("B")!, longKey(prng), "w".repeat(prng.pick([1, 900, 3_000])));
      }
      // Leaves a third full: what is staged is packed, and lower than what it replaces.
      for (const { key } of seed % 2 === 0 ? [...models.get("A")!.all] : []) {
        if (prng.once(3)) continue;
        await rig.global("A").zkill(key.map((atom) => atom.text));
        models.get("A")!.zkill(key);
      }
      for (let round = 0; round < 40; round++) {
        const name = prng.once(3) ? "A" : "B";
        const from = longKey(prng, prng.below(4));
        const to = longKey(prng, prng.once(9) ? 0 : prng.below(4, 1));
        const tails = models.get(name)!.within(atomsOf(from)).map((it) =>
          bytesOf(it.key.map((atom) => atom.text)) - bytesOf(from)
        );
        const overlaps = from.every((it, i) => i >= to.length || it === to[i]);
        if (Math.max(0, ...tails) + bytesOf(to) > 1_000 || (name === "A" && overlaps)) continue;
        await staged([rig.database, "A", to], [rig.database, name, from]);
        models.get("A")!.merge(atomsOf(to), models.get(name)!, atomsOf(from));
        await assertSame(rig.global("A"), models.get("A")!);
        for (let i = 0; i < 10; i++) await both(rig.global("A"), models.get("A")!, longKey(prng), "after");
        if (prng.once(8)) {
          await rig.global("A").kill(to);
          models.get("A")!.kill(atomsOf(to));
        }
        await assertSound(rig.database);
      }
      await assertSame(rig.global("B"), models.get("B")!);
    }));
}

/** Leaves filled to the last byte by keys that rise, and a model of them. */
async function filled(rig: Rig, name: string): Promise<GlobalModel> {
  const model = new GlobalModel();
  for (let i = 0; i < 40; i++) await both(rig.global(name), model, [i], "f".repeat(1_340));
  return model;
}

for (const long of [true, false]) {
  for (const at of [0.5, 5.5, 6.5, 11.5, 17.5, 23.5, 39.5, 40]) {
    test(`staged merge: into full leaves at ${at} under a ${long ? "long" : "short"} key`, () =>
      withRig({ durability: "relaxed" }, async (rig) => {
        const model = await filled(rig, "X");
        const source = new GlobalModel();
        for (let i = 0; i < 30; i++) await both(rig.global("S"), source, [i], "s".repeat(900));
        const to = long ? [at, "l".repeat(900)] : [at];
        await staged([rig.database, "X", to], [rig.database, "S", []]);
        model.merge(atomsOf(to), source, []);
        await assertSame(rig.global("X"), model);
        const report = await assertSound(rig.database);
        assertEquals(report.entries, 100);
        assert(report.leaves < 40, `${report.leaves} leaves`);
      }));
  }
}

test("staged merge: of little, where the range lies in two branches", () =>
  withRig({ durability: "relaxed" }, async (rig) => {
    const model = new GlobalModel();
    const part = "p".repeat(980);
    const nodes = Array.from({ length: 150 }, (_, i) => {
      const at = i * 67 % 150;
      return [Math.floor(at / 3), `${part}${at % 3}`];
    });
    // Long values first: a leaf's worth of content comes to lie in several, under keys as long as can be.
    for (const key of nodes) await rig.global("X").set(key, "v".repeat(1_830));
    for (const key of nodes) await both(rig.global("X"), model, key, "short");
    const source = new GlobalModel();
    await both(rig.global("S"), source, ["merged"], "s");
    await both(rig.global("S"), source, [`${part}1`], "won");
    for (let i = 49; i >= 0; i--) {
      await staged([rig.database, "X", [i]], [rig.database, "S", []]);
      model.merge(atomsOf([i]), source, []);
      await assertSame(rig.global("X"), model);
    }
    await assertSound(rig.database);
  }));
