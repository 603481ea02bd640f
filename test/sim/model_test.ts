import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import {
  atomOf,
  atomsOf,
  compareAtoms,
  compareKeys,
  isWithin,
  type Subscript,
  textOfKey,
} from "../../src/testing/sim/model/collation.ts";
import { GlobalModel } from "../../src/testing/sim/model/global_model.ts";
import { sameValue, textOfValue } from "../../src/testing/sim/model/values.ts";

/** In M's order: numbers by value, then strings by code point. */
const IN_ORDER: readonly Subscript[] = [
  -1e46,
  "-123456789012345678",
  -10,
  -1.5,
  -1,
  -0.5,
  -1e-30,
  0,
  1e-30,
  0.05,
  0.5,
  ".51",
  1,
  2,
  10,
  10.25,
  1000,
  "123456789012345678",
  1e21,
  "\u0000",
  "\u0001",
  " ",
  "+1",
  "-",
  "-0",
  "0.5",
  "01",
  "1.0",
  "1234567890123456789",
  "1E3",
  "A",
  "B",
  "a",
  "aa",
  "~",
  "é",
  "\ufffd",
  "\u{10300}",
];

test("compareAtoms(): M's order, as GT.M showed it", () => {
  const atoms = IN_ORDER.map(atomOf);
  for (let i = 0; i < atoms.length; i++) {
    for (let j = 0; j < atoms.length; j++) {
      const order = compareAtoms(atoms[i]!, atoms[j]!);
      assertEquals(Math.sign(order), Math.sign(i - j), `${String(IN_ORDER[i])} and ${String(IN_ORDER[j])}`);
    }
  }
});

test("atomOf(): a string that equals its canonical number is that number", () => {
  const same: [Subscript, Subscript][] = [
    [1, "1"],
    [0.5, ".5"],
    [-0.5, "-.5"],
    [1e21, "1000000000000000000000"],
    [
      7n,
      "7",
    ],
    [-0, "0"],
    [1e-7, ".0000001"],
    [123456.75, "123456.75"],
  ];
  for (const [a, b] of same) assert(compareAtoms(atomOf(a), atomOf(b)) === 0, `${a} ${b}`);
  for (
    const text of [
      "",
      "-",
      ".",
      "0.5",
      "1.",
      "1.0",
      "00",
      "1e3",
      "-0",
      "- 1",
      "1234567890123456789",
      "Infinity",
    ]
  ) {
    assertEquals(atomOf(text).numeric, false, text);
  }
});

test("compareKeys(): a node before its descendants, and those before its next sibling", () => {
  const keys = [[1], [1, "a"], [1, "a", 0], [1, "b"], [2], ["x"], ["x", 1]].map(atomsOf);
  for (let i = 1; i < keys.length; i++) assert(compareKeys(keys[i - 1]!, keys[i]!) < 0);
  assert(isWithin(keys[2]!, keys[0]!) && !isWithin(keys[4]!, keys[0]!));
  assertEquals(textOfKey(keys[2]!), '1,"a",0');
});

function sample(): GlobalModel {
  const model = new GlobalModel();
  const put = (subscripts: Subscript[], value: string) => model.set(atomsOf(subscripts), value);
  put([1, "b"], "1b");
  put([1], "1");
  put([3, "x", "y"], "3xy");
  put(["k"], "k");
  put([1, "a", 5], "1a5");
  return model;
}

test("GlobalModel: get, data and kill as M has them", () => {
  const model = sample();
  assertEquals(model.get(atomsOf([1])), "1");
  assertEquals(model.get(atomsOf([3])), undefined);
  const data = (...subscripts: Subscript[]) => model.data(atomsOf(subscripts));
  assertEquals([data(1), data(3), data("k"), data(2), data(), data(1, "a")], [11, 10, 1, 0, 10, 10]);
  assertEquals(model.kill(atomsOf([1])).map(textOfKey), ["1", '1,"a",5', '1,"b"']);
  assertEquals([data(1), model.size], [0, 2]);
  assertEquals(model.zkill(atomsOf(["k"])).length, 1);
  assertEquals(model.zkill(atomsOf(["k"])).length, 0);
});

test("GlobalModel.order(): both ways, from what is not there, and from the ends", () => {
  const model = sample();
  const order = (subscripts: Subscript[], direction: 1 | -1) =>
    model.order(atomsOf(subscripts), direction)?.text;
  assertEquals([order([""], 1), order([1], 1), order([2], 1), order([3], 1), order(["k"], 1)], [
    "1",
    "3",
    "3",
    "k",
    undefined,
  ]);
  assertEquals([order([""], -1), order(["k"], -1), order([2], -1), order([1], -1)], [
    "k",
    "3",
    "1",
    undefined,
  ]);
  assertEquals([order([1, ""], 1), order([1, "a"], 1), order([1, "b"], 1), order([1, ""], -1)], [
    "a",
    "b",
    undefined,
    "b",
  ]);
  assertEquals([order([1, "a", ""], -1), order(["k", ""], 1), order(["k", ""], -1), order([9, ""], 1)], [
    "5",
    undefined,
    undefined,
    undefined,
  ]);
});

test("GlobalModel.query(): depth first both ways", () => {
  const model = sample();
  const walk = (from: Subscript[], direction: 1 | -1) => {
    const seen: string[] = [];
    let entry = model.query(atomsOf(from), direction);
    for (; entry !== undefined; entry = model.query(entry.key, direction)) seen.push(textOfKey(entry.key));
    return seen;
  };
  assertEquals(walk([""], 1), ["1", '1,"a",5', '1,"b"', '3,"x","y"', '"k"']);
  assertEquals(walk([""], -1), walk([""], 1).reverse());
  assertEquals(walk([1, ""], 1)[0], '1,"a",5');
  assertEquals(walk([1, ""], -1)[0], '1,"b"');
  assertEquals(walk([3], -1)[0], '1,"b"');
});

test("GlobalModel.merge(): copies a subtree, kills nothing", () => {
  const model = sample();
  model.merge(atomsOf([7, 7]), model, atomsOf([1]));
  assertEquals(model.within(atomsOf([7])).map((e) => `${textOfKey(e.key)}=${e.value}`), [
    "7,7=1",
    '7,7,"a",5=1a5',
    '7,7,"b"=1b',
  ]);
  assertEquals(model.size, 8);
});

test("textOfValue(): every type and value looks different", () => {
  const values = ["1", 1, 1n, true, "true", null, "null", undefined, -0, 0, Uint8Array.of(1), [1], ["1"], {
    a: 1,
  }];
  assertEquals(new Set(values.map(textOfValue)).size, values.length);
  assert(sameValue({ a: [1, Uint8Array.of(2)] }, { a: [1, Uint8Array.of(2)] }));
  assert(!sameValue("x".repeat(5000), `${"x".repeat(4999)}y`));
});
