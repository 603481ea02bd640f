/** Globals against a model, through the public door, over pools of few blocks. */
import { test } from "#test";
import type { Subscript, Value } from "../../mod.ts";
import { Prng } from "../support/prng.ts";
import { randomSubscript } from "../support/subscripts.ts";
import { randomValue } from "../support/values.ts";
import { runModel, type Shape } from "./model_run.ts";
import { withRig } from "./rig.ts";

/** Few distinct keys of few levels: much is found, replaced and killed. */
const DENSE: Shape = {
  subscripts: (prng) => {
    const part = (): Subscript => prng.once(3) ? `k${prng.below(20)}` : prng.below(40);
    return Array.from({ length: prng.below(4, 1) }, part);
  },
  value: (prng) => {
    const kind = prng.below(20);
    if (kind === 0) return "L".repeat(prng.below(30_000, 3_000));
    return kind < 5 ? "m".repeat(prng.below(1_500)) : prng.below(1_000_000);
  },
  sets: 45,
};

/** Keys up to the limit of their length, values to the limit of a leaf: few entries a block, deep trees. */
const LONG: Shape = {
  subscripts: (prng) => [
    prng.below(6),
    String.fromCharCode(97 + prng.below(4)).repeat(prng.pick([1, 100, 480])),
    prng.pick(["x", "y", "\u00e9", "z".repeat(200)]) + prng.below(8),
    ...(prng.once(2) ? [] : ["t".repeat(prng.below(250, 1))]),
  ],
  value: (prng) => "v".repeat(prng.pick([0, 10, 400, 1_800, 1_834, 1_835, 1_836, 1_837])),
  sets: 55,
};

/** Subscripts and values of every kind. */
const WILD: Shape = {
  subscripts: (prng) => Array.from({ length: prng.below(6) }, () => randomSubscript(prng)).filter(isUsable),
  value: (prng): Value => randomValue(prng),
  sets: 50,
};

function isUsable(subscript: Subscript): boolean {
  return subscript !== "" &&
    (typeof subscript !== "number" || subscript === 0 || Math.abs(subscript) > 1e-40);
}

const RUNS: ReadonlyArray<readonly [name: string, shape: Shape, operations: number, poolBlocks: number]> = [
  ["dense keys", DENSE, 2_500, 64],
  ["dense keys, a smaller pool", DENSE, 1_500, 40],
  ["long keys", LONG, 2_000, 64],
  ["long keys, a smaller pool", LONG, 1_500, 28],
  ["wild keys and values", WILD, 1_500, 64],
];

for (const [name, shape, operations, poolBlocks] of RUNS) {
  for (const seed of [1, 2]) {
    test(`Global: agrees with the model: ${name}, seed ${seed}`, () =>
      withRig({ poolBlocks, cycleBlocks: 16 }, async (rig) => {
        await runModel(rig, new Prng(seed), { operations, shape, transactions: true });
      }));
  }
}
