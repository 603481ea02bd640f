import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "#test";
import { checkCounter, type IncrementOp } from "../../src/testing/sim/check/counters.ts";
import { checkOneInstant, type Effect, explain, type Found } from "../../src/testing/sim/check/prefix.ts";
import { checkRegister, type RegisterOp } from "../../src/testing/sim/check/registers.ts";
import { checkSerial, type ListStep, type ListTransaction } from "../../src/testing/sim/check/serial.ts";
import { Graph } from "../../src/testing/sim/check/tarjan.ts";
import { atomsOf, type Subscript, textOfKey } from "../../src/testing/sim/model/collation.ts";
import { GlobalModel } from "../../src/testing/sim/model/global_model.ts";
import { textOfValue } from "../../src/testing/sim/model/values.ts";

const write = (value: string, called: number, returned?: number): RegisterOp => ({
  kind: "write",
  value,
  called,
  returned,
});
const read = (value: string, called: number, returned: number): RegisterOp => ({
  kind: "read",
  value,
  called,
  returned,
});

test("checkRegister(): what a variable could answer passes", () => {
  assertEquals(checkRegister("0", [write("a", 1, 2), read("a", 3, 4)]), undefined);
  assertEquals(checkRegister("0", [write("a", 1, 6), read("0", 2, 3), read("a", 4, 5)]), undefined);
  assertEquals(
    checkRegister("0", [write("a", 1, 9), write("b", 2, 8), read("b", 3, 4), read("a", 5, 6)]),
    undefined,
  );
});

test("checkRegister(): an unknown outcome may show late, or never", () => {
  const unknown = write("a", 1);
  assertEquals(checkRegister("0", [unknown, read("0", 2, 3), read("a", 4, 5)]), undefined);
  assertEquals(checkRegister("0", [unknown, read("0", 2, 3), read("0", 4, 5)]), undefined);
  assertMatch(checkRegister("0", [unknown, read("a", 2, 3), read("0", 4, 5)]) ?? "", /read of 0/);
});

test("checkRegister(): a stale read, a lost write and a read from nowhere fail", () => {
  assertMatch(checkRegister("0", [write("a", 1, 2), read("0", 3, 4)]) ?? "", /read of 0.*only a could be/);
  assertMatch(checkRegister("0", [write("a", 1, 2), write("b", 3, 4), read("a", 5, 6)]) ?? "", /read of a/);
  assertMatch(checkRegister("0", [read("z", 1, 2)]) ?? "", /read of z/);
  const flicker = [write("a", 1, 10), read("a", 2, 3), read("0", 4, 5)];
  assertMatch(checkRegister("0", flicker) ?? "", /read of 0/);
});

const increment = (result: number | undefined, called: number, returned?: number): IncrementOp => ({
  called,
  returned,
  result,
});

test("checkCounter(): unique rising values pass, with unknown ones in between", () => {
  const ops = [increment(6, 1, 4), increment(5, 2, 3), increment(undefined, 5), increment(8, 6, 7)];
  assertEquals(checkCounter({ initial: 4, ops, final: 8, mayForget: false }), []);
});

test("checkCounter(): a value twice, out of order, forgotten or invented fails", () => {
  const twice = [increment(5, 1, 2), increment(5, 3, 4)];
  assertMatch(
    checkCounter({ initial: 4, ops: twice, final: 6, mayForget: false }).join(),
    /5 was handed out twice/,
  );
  const back = [increment(6, 1, 2), increment(5, 3, 4)];
  assertMatch(
    checkCounter({ initial: 4, ops: back, final: 6, mayForget: false }).join(),
    /5 was handed out after 6/,
  );
  const forgotten = [increment(5, 1, 2), increment(6, 3, 4)];
  assertMatch(checkCounter({ initial: 4, ops: forgotten, final: 5, mayForget: false }).join(), /stands at 5/);
  assertEquals(checkCounter({ initial: 4, ops: forgotten, final: 5, mayForget: true }), []);
  assertMatch(checkCounter({ initial: 4, ops: [], final: 5, mayForget: false }).join(), /4 is the most/);
});

test("Graph.cycles(): finds each component, and a cycle in it", () => {
  const graph = new Graph(7);
  for (const [a, b] of [[0, 1], [1, 2], [2, 0], [2, 3], [4, 5], [5, 4], [3, 6]] as const) graph.add(a, b);
  const cycles = graph.cycles().map((c) => c.sort()).sort((a, b) => a[0]! - b[0]!);
  assertEquals(cycles, [[0, 1, 2], [4, 5]]);
  assertEquals(graph.cycleIn([0, 1, 2]), [0, 1, 2]);
  const line = new Graph(100_000);
  for (let i = 1; i < 100_000; i++) line.add(i - 1, i);
  assertEquals(line.cycles(), []);
});

const append = (key: string, element: string): ListStep => ({ kind: "append", key, element });
const sees = (key: string, ...list: string[]): ListStep => ({ kind: "read", key, list });

function done(called: number, returned: number, ...steps: ListStep[]): ListTransaction {
  return { called, returned, steps, outcome: "done" };
}

test("checkSerial(): a serial history passes, own appends and unknown outcomes included", () => {
  const history: ListTransaction[] = [
    done(1, 2, sees("x"), append("x", "1"), sees("x", "1")),
    done(3, 6, sees("x", "1"), append("y", "2")),
    done(4, 5, append("x", "3")),
    { called: 7, returned: undefined, steps: [append("y", "4")], outcome: "unknown" },
    { called: 7, returned: 8, steps: [append("y", "5")], outcome: "failed" },
    done(9, 10, sees("y", "2", "4"), sees("x", "1", "3")),
  ];
  assertEquals(checkSerial(history, new Map([["x", ["1", "3"]], ["y", ["2", "4"]]])), []);
});

test("checkSerial(): lost, doubled, invented and failed appends fail", () => {
  const history = [done(1, 2, append("x", "1")), {
    ...done(3, 4, append("x", "2")),
    outcome: "failed" as const,
  }];
  const judge = (...list: string[]) => checkSerial(history, new Map([["x", list]])).join();
  assertMatch(judge(), /appended 1 to x: it is lost/);
  assertMatch(judge("1", "1"), /twice/);
  assertMatch(judge("1", "9"), /nobody appended/);
  assertMatch(judge("1", "2"), /which failed/);
});

test("checkSerial(): a lost update, write skew, half a transaction and a stale read fail", () => {
  const lost = [done(1, 9, sees("x"), append("x", "1")), done(2, 8, sees("x"), append("x", "2"))];
  assertMatch(checkSerial(lost, new Map([["x", ["1", "2"]]])).join(), /cannot be put in order/);
  const skew = [done(1, 9, sees("y"), append("x", "1")), done(2, 8, sees("x"), append("y", "2"))];
  assertMatch(checkSerial(skew, new Map([["x", ["1"]], ["y", ["2"]]])).join(), /cannot be put in order/);
  const half = [done(1, 9, append("x", "1"), append("y", "2")), done(2, 8, sees("x", "1"), sees("y"))];
  assertMatch(checkSerial(half, new Map([["x", ["1"]], ["y", ["2"]]])).join(), /cannot be put in order/);
  const stale = [done(1, 2, append("x", "1")), done(3, 4, sees("x"))];
  assertMatch(checkSerial(stale, new Map([["x", ["1"]]])).join(), /cannot be put in order/);
  const twice = [done(1, 2, append("x", "1")), done(1, 4, sees("x"), sees("x", "1"))];
  assertMatch(checkSerial(twice, new Map([["x", ["1"]]])).join(), /saw two states/);
});

function effect(subscripts: Subscript[], value: string, called: number, acknowledged?: number): Effect {
  const key = atomsOf(subscripts);
  return {
    apply: (model) => model.set(key, value),
    called,
    acknowledged,
    name: `set ${textOfKey(key)} ${value}`,
  };
}

function found(...entries: [Subscript[], string][]): Found {
  return new Map(entries.map(([key, value]) => [textOfKey(atomsOf(key)), textOfValue(value)]));
}

test("explain(): the acknowledged effects, and perhaps the one that was not", () => {
  const effects = [effect([1], "a", 1, 2), effect([2], "b", 3, 4), effect([1], "c", 5)];
  const base = new GlobalModel();
  const judge = (...entries: [Subscript[], string][]) => explain(base, effects, 2, found(...entries));
  const without = judge([[1], "a"], [[2], "b"]);
  assert(typeof without === "object" && without.most === 2);
  const withIt = judge([[1], "c"], [[2], "b"]);
  assert(typeof withIt === "object" && withIt.most === 3 && withIt.model.get(atomsOf([1])) === "c");
  assertMatch(String(judge([[1], "a"])), /1 nodes differ.*\(2\) is undefined, not "b"/);
  assertMatch(String(judge([[1], "a"], [[2], "b"], [[9], "z"])), /differ/);
  assertEquals(base.size, 0);
});

test("checkOneInstant(): an effect gone before one that is there fails, an unordered pair passes", () => {
  const base = new GlobalModel();
  const client = (name: string, effects: Effect[], ...entries: [Subscript[], string][]) => {
    const explained = explain(base, effects, 0, found(...entries));
    assert(typeof explained === "object");
    return { name, effects, explained };
  };
  const gone = client("a", [effect([1], "x", 1, 2)]);
  const later = client("b", [effect([2], "y", 3, 4)], [[2], "y"]);
  const beside = client("b", [effect([2], "y", 1, 4)], [[2], "y"]);
  assertMatch(checkOneInstant([gone, later]) ?? "", /a: set 1 x .* is gone, b: set 2 y/);
  assertEquals(checkOneInstant([gone, beside]), undefined);
});
