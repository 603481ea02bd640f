/**
 * Small programs: at most five operations on a prepared volume, chosen so that structure changes happen in
 * them.
 */
import type { Subscript } from "../model/collation.ts";
import type { SimValue } from "../model/values.ts";
import type { Prng } from "../prng.ts";
import type { Region, RegionEffect } from "../workload/region.ts";
import type { SubjectGlobal, SubjectNode } from "../workload/subject.ts";

/** What a micro run works on. */
export interface MicroFace {
  readonly node: SubjectNode;
  readonly global: SubjectGlobal;
  readonly region: Region;
}

/** One operation of a program. */
export interface MicroOperation {
  readonly name: string;
  readonly run: (face: MicroFace) => Promise<unknown>;
  readonly apply: RegionEffect["apply"];
}

/** How the volume is prepared before the program. */
export const MICRO_BASES = ["empty", "full_leaf", "tree", "large", "wide"] as const;

/** One of them, or the one of programs whose merge is larger than the pool. */
export type MicroBase = (typeof MICRO_BASES)[number] | "staged";

/** What a base holds. */
export function baseNodes(base: MicroBase): [Subscript[], SimValue][] {
  switch (base) {
    case "empty":
      return [];
    case "full_leaf":
      return Array.from({ length: 10 }, (_, i) => [[i], "f".repeat(780)]);
    case "tree":
      return Array.from({ length: 24 }, (_, i) => [[i >> 2, i & 3], "t".repeat(1000)]);
    case "staged":
      return [
        ...Array.from(
          { length: 36 },
          (_, i): [Subscript[], SimValue] => [["s", i], `s${i}`.padEnd(1800, "s")],
        ),
        [["s", "long"], "S".repeat(9000)],
        ...Array.from(
          { length: 9 },
          (_, i): [Subscript[], SimValue] => [["t", 5 * i], `t${i}`.padEnd(1200, "t")],
        ),
        [["t", "long", 1], "T".repeat(9000)],
        ...Array.from({ length: 6 }, (_, i): [Subscript[], SimValue] => [["u", i], `u${i}`.padEnd(900, "u")]),
      ];
    case "large":
      return [[["a"], "l".repeat(20_000)], [["b", 1], "s"], [["b", 2], "m".repeat(9000)], [["c"], 7]];
    // Each of the three subtrees covers whole leaves, which a kill cuts off.
    case "wide":
      return Array.from({ length: 78 }, (_, i) => [[Math.floor(i / 26), i % 26], "w".repeat(1000)]);
  }
}

/** Draws a program around a merge of the base "staged", which a pool of few blocks has no room for. */
export function drawStagedProgram(chance: Prng, region: Region): MicroOperation[] {
  const target = chance.pick<Subscript[]>([["t"], ["t", "long"], ["u"], ["u", 3.5, "below"], ["a"], ["z"]]);
  const source = region.key(0, ["s"]);
  const merge: MicroOperation = {
    name: `merge (${target}) from (s)`,
    run: ({ global }) => global.merge(target, global, ["s"]),
    apply: (model) => model.merge(region.key(0, target), model, source),
  };
  const program = [drawOperation(chance, region, 0), merge, drawOperation(chance, region, 1)];
  return chance.chance(1, 2) ? program : program.slice(1, chance.between(2, 3));
}

/** Draws a program. */
export function drawProgram(chance: Prng, region: Region, base: MicroBase): MicroOperation[] {
  return Array.from(
    { length: chance.between(1, 5) },
    (_, i) =>
      base === "wide" && chance.chance(1, 3) ? killTree(chance, region) : drawOperation(chance, region, i),
  );
}

/** Kills one of the subtrees of the base "wide". */
function killTree(chance: Prng, region: Region): MicroOperation {
  const subscripts = [chance.below(3)];
  const key = region.key(0, subscripts);
  return {
    name: `kill (${subscripts})`,
    run: ({ global }) => global.kill(subscripts),
    apply: (model) => model.kill(key),
  };
}

function drawOperation(chance: Prng, region: Region, serial: number): MicroOperation {
  const subscripts = drawPlace(chance);
  const text = subscripts.map(String).join();
  const key = region.key(0, subscripts);
  switch (chance.weighted([12, 4, 1, 3, 3, 3, 3])) {
    case 0: {
      const value = drawValue(chance, serial);
      return {
        name: `set (${text}) ${typeof value === "string" ? value.length : value}`,
        run: ({ global }) => global.set(subscripts, value),
        apply: (model) => model.set(key, value),
      };
    }
    case 1:
      return {
        name: `kill (${text})`,
        run: ({ global }) => global.kill(subscripts),
        apply: (model) => model.kill(key),
      };
    case 2:
      return {
        name: "kill all",
        run: ({ global }) => global.kill(),
        apply: (model) => model.kill(region.key(0, [])),
      };
    case 3: {
      const number = region.key(0, ["#"]);
      return {
        name: "increment",
        run: ({ global }) => global.increment(["#"], 1),
        apply: (model) => model.set(number, Number(model.get(number) ?? 0) + 1),
      };
    }
    case 4: {
      const target = ["copy", serial];
      return {
        name: `merge (${target}) from (${text})`,
        run: ({ global }) => global.merge(target, global, subscripts),
        apply: (model) => model.merge(region.key(0, target), model, key),
      };
    }
    case 5:
      return drawTransaction(chance, region, serial);
    default:
      return { name: "checkpoint", run: ({ node }) => node.sync(), apply: () => [] };
  }
}

function drawTransaction(chance: Prng, region: Region, serial: number): MicroOperation {
  const sets = Array.from({ length: chance.between(2, 4) }, (_, i) => ({
    subscripts: drawPlace(chance),
    value: `x${serial}.${i}${".".repeat(chance.pick([0, 700, 1500]))}`,
  }));
  const killed = chance.chance(1, 3) ? drawPlace(chance).slice(0, 1) : undefined;
  return {
    name: `transaction of ${sets.length}${killed === undefined ? "" : " and a kill"}`,
    run: ({ node, global }) =>
      node.transact(async (transaction) => {
        const own = transaction.global(global);
        if (killed !== undefined) await own.kill(killed);
        for (const { subscripts, value } of sets) await own.set(subscripts, value);
      }),
    apply: (model) => [
      ...(killed === undefined ? [] : model.kill(region.key(0, killed))),
      ...sets.flatMap(({ subscripts, value }) => model.set(region.key(0, subscripts), value)),
    ],
  };
}

function drawPlace(chance: Prng): Subscript[] {
  switch (chance.below(5)) {
    case 0:
      return [chance.below(10)];
    case 1:
      return [chance.below(6), chance.below(4)];
    case 2:
      return [chance.pick(["a", "b", "c"])];
    case 3:
      return ["b", chance.below(3)];
    default:
      return [chance.below(10) + 0.5];
  }
}

function drawValue(chance: Prng, serial: number): SimValue {
  const length = chance.pick([0, 20, 600, 1200, 1800, 1840, 9000, 30_000]);
  return `v${serial}${"v".repeat(length)}`;
}
