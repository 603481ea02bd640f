/** Transactions: what they see, when they run again, what comes out of them. */
import { test } from "#test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  CohortError,
  type Global,
  isCode,
  openNode,
  type Subscript,
  type Transaction,
  type Value,
} from "../../mod.ts";
import { type Rig, withRig } from "./rig.ts";

/**
 * Runs a transaction whose first run is disturbed: `body` is given a function that does `disturb` once.
 * Answers how often it ran and what came out.
 */
async function disturbed<R>(
  rig: Rig,
  disturb: () => Promise<unknown>,
  body: (transaction: Transaction, meanwhile: () => Promise<unknown>) => Promise<R>,
  readOnly: boolean = false,
): Promise<{ runs: number; value: R }> {
  let runs = 0;
  const value = await rig.node.transact(async (transaction) => {
    runs++;
    return await body(transaction, async () => runs === 1 ? await disturb() : undefined);
  }, { readOnly });
  return { runs, value };
}

async function keys(entries: AsyncIterable<[Subscript[], Value]>): Promise<string> {
  const found: string[] = [];
  for await (const [key] of entries) found.push(key.join("."));
  return found.join(" ");
}

async function fill(global: Global<Value>): Promise<void> {
  for (const at of [10, 20, 30, 40]) await global.set([at], at);
}

test("transact: answers what the body returns, and its writes are there at once or not at all", () =>
  withRig({}, async (rig) => {
    const [x, y] = [rig.global("X"), rig.global("Y")];
    const answer = await rig.node.transact(async (transaction) => {
      await transaction.global(x).set([1], "a");
      await transaction.global(y).set([1], "b");
      assertEquals(await transaction.global(x).get([1]), "a");
      assertEquals([await x.get([1]), await y.get([1])], [undefined, undefined]);
      return 5;
    });
    assertEquals(answer, 5);
    assertEquals([await x.get([1]), await y.get([1])], ["a", "b"]);
    assertEquals(await rig.node.transact(() => 6), 6);
  }));

test("transact: an error of the body surfaces, and nothing of its run stays", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    await fill(x);
    const planned = new Error("planned");
    const body = async (transaction: Transaction): Promise<void> => {
      await transaction.global(x).kill([10]);
      await transaction.global(rig.global("New")).set([1], 1);
      throw planned;
    };
    assertEquals(await assertRejects(() => rig.node.transact(body)), planned);
    assertEquals(await x.get([10]), 10);
    assertEquals(await rig.database.has("New"), false);
    const synchronous = (): never => {
      throw planned;
    };
    assertEquals(await assertRejects(() => rig.node.transact(synchronous)), planned);
  }));

test("transact: an error of a run whose reads no longer stand does not surface", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    await fill(x);
    const { runs, value } = await disturbed(rig, () => x.set([10], 11), async (transaction, meanwhile) => {
      const seen = await transaction.global(x).get([10]);
      await meanwhile();
      if (seen === 10) throw new Error("of a state that is gone");
      return seen;
    });
    assertEquals([runs, value], [2, 11]);
  }));

test("transact: a write skew is refused", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    await x.set(["a"], 1);
    await x.set(["b"], 1);
    const leave = (mine: string): Promise<boolean> =>
      rig.node.transact(async (transaction) => {
        const t = transaction.global(x);
        const both = (await t.get(["a"]) as number) + (await t.get(["b"]) as number);
        await new Promise((done) => setTimeout(done, 2));
        if (both < 2) return false;
        await t.set([mine], 0);
        return true;
      });
    assertEquals((await Promise.all([leave("a"), leave("b")])).filter((it) => it).length, 1);
    assertEquals((await x.get(["a"]) as number) + (await x.get(["b"]) as number), 1);
  }));

/** What a read covers: what the reading run does, what another does meanwhile, whether that is a conflict. */
const CONFLICTS: ReadonlyArray<
  readonly [
    name: string,
    read: (rig: Rig, transaction: Transaction) => Promise<unknown>,
    disturb: (rig: Rig) => Promise<unknown>,
    runs: number,
  ]
> = [
  ["a value that was changed", (r, t) => t.global(r.global()).get([10]), (r) => r.global().set([10], 0), 2],
  [
    "a value that was set again to the same",
    (r, t) => t.global(r.global()).get([10]),
    (r) => r.global().set([10], 10),
    1,
  ],
  [
    "a value beside one that was changed",
    (r, t) => t.global(r.global()).get([10]),
    (r) => r.global().set([20], 0),
    1,
  ],
  [
    "a missing value that was set",
    (r, t) => t.global(r.global()).get([15]),
    (r) => r.global().set([15], 0),
    2,
  ],
  [
    "a value whose subtree was killed",
    (r, t) => t.global(r.global()).get([10]),
    (r) => r.global().kill([10]),
    2,
  ],
  [
    "a value of a global that was killed",
    (r, t) => t.global(r.global()).get([10]),
    (r) => r.global().kill(),
    2,
  ],
  [
    "an order over a key that came",
    (r, t) => t.global(r.global()).order([20]),
    (r) => r.global().set([25], 0),
    2,
  ],
  [
    "an order to a key that went",
    (r, t) => t.global(r.global()).order([20]),
    (r) => r.global().kill([30]),
    2,
  ],
  [
    "an order to a key whose value changed",
    (r, t) => t.global(r.global()).order([20]),
    (r) => r.global().set([30], 0),
    1,
  ],
  [
    "an order before a key that came",
    (r, t) => t.global(r.global()).order([20]),
    (r) => r.global().set([15], 0),
    1,
  ],
  [
    "an order to the end, and a key that came",
    (r, t) => t.global(r.global()).order([40]),
    (r) => r.global().set([50], 0),
    2,
  ],
  [
    "an order backwards over a key that came",
    (r, t) => t.global(r.global()).order([20], -1),
    (r) => r.global().set([15], 0),
    2,
  ],
  [
    "an order backwards from the end",
    (r, t) => t.global(r.global()).order([""], -1),
    (r) => r.global().set(["z"], 0),
    2,
  ],
  [
    "a query over a node that came",
    (r, t) => t.global(r.global()).query([20]),
    (r) => r.global().set([20, 1], 0),
    2,
  ],
  [
    "data of a node that got a child",
    (r, t) => t.global(r.global()).data([20]),
    (r) => r.global().set([20, 1], 0),
    2,
  ],
  [
    "data of a node beside one that came",
    (r, t) => t.global(r.global()).data([20]),
    (r) => r.global().set([15], 0),
    1,
  ],
  [
    "entries, and one that came",
    (r, t) => keys(t.global(r.global()).entries()),
    (r) => r.global().set([35], 0),
    2,
  ],
  [
    "entries, and one beyond the last",
    (r, t) => keys(t.global(r.global()).entries()),
    (r) => r.global().set(["z"], 0),
    2,
  ],
  [
    "entries of a subtree, and one beside it",
    (r, t) => keys(t.global(r.global()).entries([20])),
    (r) => r.global().set([15], 0),
    1,
  ],
  [
    "a missing global that was created",
    (r, t) => t.global(r.global("Y")).get([1]),
    (r) => r.global("Y").set([1], 0),
    2,
  ],
  [
    "a missing global, at another node",
    (r, t) => t.global(r.global("Y")).get([1]),
    (r) => r.global("Y").set([2], 0),
    1,
  ],
  [
    "a missing global, and another that came",
    (r, t) => t.global(r.global("Y")).get([1]),
    (r) => r.global("Z").set([1], 0),
    1,
  ],
  [
    "an order in a missing global",
    (r, t) => t.global(r.global("Y")).order([""]),
    (r) => r.global("Y").set([1], 0),
    2,
  ],
  [
    "nothing, for the read was of its own write",
    async (r, t) => {
      await t.global(r.global()).set([10], 1);
      await t.global(r.global()).get([10]);
    },
    (r) => r.global().set([10], 2),
    1,
  ],
];

for (const [name, read, disturb, wanted] of CONFLICTS) {
  const again = wanted === 1 ? "no conflict" : "a conflict";
  test(`transact: ${again}: ${name}`, () =>
    withRig({}, async (rig) => {
      await fill(rig.global());
      const both = async (readOnly: boolean): Promise<number> => {
        const body = async (transaction: Transaction, meanwhile: () => Promise<unknown>): Promise<void> => {
          await read(rig, transaction);
          await meanwhile();
          if (!readOnly) await transaction.global(rig.global("Out")).set([1], 1);
        };
        return (await disturbed(rig, () => disturb(rig), body, readOnly)).runs;
      };
      assertEquals(await both(false), wanted);
    }));
}

test("transact: a read-only transaction runs again too, and refuses to write", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    await fill(x);
    const { runs, value } = await disturbed(rig, () => x.set([10], 11), async (transaction, meanwhile) => {
      const first = await transaction.global(x).get([10]);
      await meanwhile();
      return [first, await transaction.global(x).get([20])];
    }, true);
    assertEquals([runs, value], [2, [11, 20]]);
    const write = (transaction: Transaction): Promise<void> => transaction.global(x).set([10], 1);
    const error = await assertRejects(() => rig.node.transact(write, { readOnly: true }), CohortError);
    assertEquals(error.code, "READ_ONLY");
  }));

test("transact: a body that goes on reading what no longer fits together is stopped", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    await x.set(["a"], 0);
    for (let i = 0; i < 200; i++) await x.set(["list", i], i);
    let longest = 0;
    const { runs } = await disturbed(rig, () => x.set(["a"], 1), async (transaction, meanwhile) => {
      const t = transaction.global(x);
      const first = await t.get(["a"]);
      let asked = 0;
      for (let i = 0; first === 0; i++, asked++) {
        await t.get(["list", i]);
        if (i === 5) await meanwhile();
        longest = Math.max(longest, asked);
        if (i > 150) throw new Error("it was not stopped");
      }
      await t.set(["done"], true);
    });
    assertEquals(runs, 2);
    assert(longest < 40, `it read ${longest} nodes after the change`);
  }));

test("transact: a body that catches everything still cannot commit what no longer stands", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    await fill(x);
    const { runs } = await disturbed(rig, () => x.set([10], 11), async (transaction, meanwhile) => {
      const t = transaction.global(x);
      const seen = await t.get([10]) as number;
      await meanwhile();
      for (let i = 0; i < 5; i++) await t.get([100 + i]).catch(() => {});
      await t.set(["copy"], seen).catch(() => {});
    });
    assertEquals([runs, await x.get(["copy"])], [2, 11]);
  }));

test("transact: after the end its parts are refused", () =>
  withRig({}, async (rig) => {
    let kept: Transaction | undefined;
    await rig.node.transact((transaction) => void (kept = transaction));
    const transaction = kept!;
    const code = (error: unknown): boolean => isCode(error, "CLOSED");
    assert(code(assertThrows(() => transaction.global(rig.global()))));
    assert(code(assertThrows(() => transaction.savepoint())));
    let part: ReturnType<Transaction["global"]> | undefined;
    await rig.node.transact((transaction) => void (part = transaction.global(rig.global())));
    for (
      const late of [
        () => part!.get([1]),
        () => part!.set([1], 1),
        () => part!.order([""]),
        () => part!.kill(),
      ]
    ) {
      assert(code(await assertRejects(late)));
    }
  }));

test("transact: savepoints forget writes since, in any order of going back", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    await fill(x);
    await rig.node.transact(async (transaction) => {
      const t = transaction.global(x);
      const start = transaction.savepoint();
      await t.set([1], 1);
      const first = transaction.savepoint();
      await t.kill([10]);
      await t.set([10, 1], 1);
      const second = transaction.savepoint();
      await t.zkill([1]);
      assertEquals(await keys(t.entries()), "10.1 20 30 40");
      transaction.rollbackTo(second);
      assertEquals(await keys(t.entries()), "1 10.1 20 30 40");
      transaction.rollbackTo(first);
      assertEquals(await keys(t.entries()), "1 10 20 30 40");
      assertThrows(() => transaction.rollbackTo(second), RangeError);
      for (const at of [2, 4, 5, 6]) await t.set([at], at);
      // As many writes as it had, but others.
      assertThrows(() => transaction.rollbackTo(second), RangeError, "no such savepoint");
      assertThrows(() => transaction.rollbackTo(99 as typeof start), RangeError, "no such savepoint");
      transaction.rollbackTo(start);
      assertEquals(await keys(t.entries()), "10 20 30 40");
      await t.set([3], 3);
    });
    assertEquals(await keys(x.entries()), "3 10 20 30 40");
  }));

test("transact: two databases change together; another node's globals are refused", () =>
  withRig({}, async (rig) => {
    const other = await rig.node.createDatabase("/other");
    const [x, y] = [rig.global(), other.global<Value>("Y")];
    const move = async (transaction: Transaction): Promise<void> => {
      await transaction.global(x).set([1], 1);
      await transaction.global(y).set([1], 2);
    };
    await rig.node.transact(move);
    assertEquals([await x.get([1]), await y.get([1])], [1, 2]);
    await using stranger = await openNode();
    const theirs = (await stranger.mount("/db", { create: true })).global<Value>("X");
    const mix = (transaction: Transaction): Promise<void> => transaction.global(theirs).set([1], 1);
    await assertRejects(() => rig.node.transact(mix), TypeError, "another node");
    await other.dismount();
    const gone = await assertRejects(() => rig.node.transact(move), CohortError);
    assertEquals(gone.code, "NOT_MOUNTED");
    assertEquals(await x.get([1]), 1);
  }));
