/** Transactions that keep meeting conflicts, that are given up, that cannot learn their outcome. */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import {
  type Clock,
  CohortError,
  type Global,
  isCode,
  openNode,
  type Transaction,
  type Value,
} from "../../mod.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";
import { type Rig, withRig } from "./rig.ts";

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Writes a node again and again until told to stop; answers how often. */
function hammer(global: Global<Value>): { stop: () => Promise<number> } {
  let going = true;
  const run = async (): Promise<number> => {
    let count = 0;
    for (; going; count++) {
      await global.set(["hot"], count);
      await sleep(0);
    }
    return count;
  };
  const running = run();
  return {
    stop: () => {
      going = false;
      return running;
    },
  };
}

/** A transaction that reads the hot node and takes its time. */
async function slow(transaction: Transaction, global: Global<Value>, out: string): Promise<void> {
  const t = transaction.global(global);
  const seen = await t.get(["hot"]);
  await sleep(8);
  await t.set([out], seen ?? null);
}

test("transact: after some conflicts a run gets the commit ticket, and others wait for it", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    const hammering = hammer(x);
    let runs = 0;
    await rig.node.transact((transaction) => {
      runs++;
      return slow(transaction, x, "out");
    });
    await hammering.stop();
    assertEquals(runs, 4);
    assert(typeof await x.get(["out"]) === "number");
  }));

test("transact: the ticket is got too when the runs before ended in errors or in doomed reads", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    const hammering = hammer(x);
    let runs = 0;
    await rig.node.transact(async (transaction) => {
      runs++;
      const t = transaction.global(x);
      const seen = await t.get(["hot"]);
      await sleep(8);
      if (await t.get(["hot", runs]) !== undefined || runs < 4) throw new Error("of a run that is over");
      await t.set(["out"], seen ?? null);
    });
    await hammering.stop();
    assertEquals(runs, 4);
  }));

test("transact: several that need the ticket get it one after the other", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    const hammering = hammer(x);
    const runs = [0, 0, 0, 0];
    await Promise.all(runs.map((_, i) =>
      rig.node.transact((transaction) => {
        runs[i]!++;
        return slow(transaction, x, `out ${i}`);
      })
    ));
    await hammering.stop();
    assert(runs.every((it) => it <= 5), String(runs));
  }));

test("transact: increments of a body do not wait for the ticket its transaction holds", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    const hammering = hammer(x);
    const began = performance.now();
    let runs = 0;
    await rig.node.transact(async (transaction) => {
      runs++;
      await x.increment(["ids"]);
      await slow(transaction, x, "out");
      await x.increment(["ids"], 10);
    });
    const took = performance.now() - began;
    await hammering.stop();
    // A body that runs again increments again, as in M (P9).
    assertEquals(await x.get(["ids"]), 11 * runs);
    assertEquals(runs, 4);
    assert(took < 4_000, `${took} ms: it waited for its own ticket`);
  }));

test("transact: given up while it waits for the ticket, it never takes it", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    const hammering = hammer(x);
    const waits = Array.from({ length: 6 }, async (_, i) => {
      const body = (transaction: Transaction): Promise<void> => slow(transaction, x, `out ${i}`);
      const error = await rig.node.transact(body, { timeoutMs: 20 + 7 * i }).catch((it) => it);
      return error === undefined || isCode(error, "TIMEOUT");
    });
    assertEquals(await Promise.all(waits), [true, true, true, true, true, true]);
    await hammering.stop();
    const began = performance.now();
    await x.set(["free"], 1);
    await rig.node.transact((transaction) => transaction.global(x).set(["free"], 2));
    assert(performance.now() - began < 2_000, "somebody still had the ticket");
  }));

test("transact: any number may wait for the ticket and not keep its holder from its blocks", () =>
  withRig({ poolBlocks: 64, durability: "relaxed" }, async (rig) => {
    const x = rig.global();
    for (let i = 0; i < 500; i++) await x.set(["far", i], "v".repeat(700));
    const hammering = hammer(x);
    const others: Array<Promise<void>> = [];
    let runs = 0;
    const began = performance.now();
    await rig.node.transact(async (transaction) => {
      const t = transaction.global(x);
      runs++;
      await t.set(["out"], (await t.get(["hot"])) ?? null);
      await sleep(5);
      if (runs === 4) {
        for (let i = 0; i < 200; i++) {
          others.push(rig.node.transact((it) => it.global(x).set(["other", i], i)), x.set(["plain", i], i));
        }
        await sleep(5);
        for (let i = 0; i < 500; i += 7) await t.get(["far", i]);
      }
    });
    const took = performance.now() - began;
    await Promise.all(others);
    await hammering.stop();
    assertEquals(runs, 4);
    assert(took < 4_000, `${took} ms: those who waited had all the permits`);
    assertEquals([await x.get(["other", 199]), await x.get(["plain", 199])], [199, 199]);
  }));

/** The host's clock, on which every delay passes fifty times as fast. */
function fastClock(): Clock {
  const clock = createSystemClock();
  return {
    traits: clock.traits,
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    after: (ms, task, background) => clock.after(ms / 50, task, background),
  };
}

test("transact: a body that waits for another write of its own database is let go on after a while", () =>
  withRig({ clock: fastClock() }, async (rig) => {
    const x = rig.global();
    const hammering = hammer(x);
    let runs = 0;
    await rig.node.transact(async (transaction) => {
      runs++;
      await slow(transaction, x, "out");
      if (runs < 4) return;
      await hammering.stop();
      // This write waits for the ticket that this transaction holds, until it is taken from it.
      await x.set(["inside"], 1);
    });
    assertEquals(await x.get(["inside"]), 1);
  }));

test("transact: attempts are bounded, and told", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    let runs = 0;
    const body = async (transaction: Transaction): Promise<void> => {
      await transaction.global(x).get([1]);
      await x.increment([1]);
      await transaction.global(x).set([2], ++runs);
    };
    const error = await assertRejects(() => rig.node.transact(body, { attempts: 2 }), CohortError);
    assertEquals([error.code, error.retryable, runs], ["CONFLICT", true, 2]);
    assertEquals(await x.get([2]), undefined);
  }));

test("transact: an aborted signal ends it with its reason, and nothing was written", () =>
  withRig({}, async (rig) => {
    const x = rig.global();
    const controller = new AbortController();
    const reason = new Error("enough");
    let seen: AbortSignal | undefined;
    const body = async (transaction: Transaction): Promise<void> => {
      await transaction.global(x).set([1], 1);
      seen = transaction.signal;
      controller.abort(reason);
      await transaction.global(x).get([2]);
    };
    const run = (): Promise<void> => rig.node.transact(body, { signal: controller.signal });
    assertEquals(await assertRejects(run), reason);
    assertEquals(seen?.aborted, true);
    assertEquals(await assertRejects(run), reason);
    assertEquals(await x.get([1]), undefined);
  }));

/** A node whose next journal sync fails. */
async function withLostSync(
  body: (rig: Pick<Rig, "node" | "global">, lose: () => void) => Promise<void>,
): Promise<void> {
  let losing = false;
  const storage = withFaults(
    createMemoryStorage(),
    ({ operation, path }) =>
      losing && operation === "sync" && path.includes("journal.") ? { kind: "syncFailure" } : undefined,
  );
  const node = await openNode({ dir: "/node", poolBytes: 1 << 20 }, { storage });
  try {
    const database = await node.createDatabase("/db");
    await body({ node, global: (name = "X") => database.global(name) }, () => losing = true);
  } finally {
    await node.close();
  }
}

test("transact: a commit whose sync failed is OUTCOME_UNKNOWN and is not tried again", () =>
  withLostSync(async (rig, lose) => {
    const x = rig.global();
    await x.set([1], 1);
    lose();
    let runs = 0;
    const body = async (transaction: Transaction): Promise<void> => {
      runs++;
      await transaction.global(x).set([1], 2);
    };
    const error = await assertRejects(() => rig.node.transact(body), CohortError);
    assertEquals([error.code, error.retryable, runs], ["OUTCOME_UNKNOWN", false, 1]);
    const after = await assertRejects(() => rig.node.transact(body), CohortError);
    assertEquals([after.code, runs], ["STOPPED", 1]);
    const cause = after.cause as CohortError;
    assertEquals(cause.code, "SYNC_FAILED");
    assertEquals((await assertRejects(() => x.get([1]), CohortError)).code, "STOPPED");
    assertEquals(rig.node.status.state, "stopped");
  }));

test("transact: an error that tells of what was read surfaces only when that is acknowledged", () =>
  withLostSync(async (rig, lose) => {
    const x = rig.global();
    await x.set([1], 1);
    lose();
    const body = async (transaction: Transaction): Promise<never> => {
      const writing = x.set([1], 2).catch(() => {});
      const seen = await transaction.global(x).get([1]);
      void writing;
      throw new Error(`saw ${seen}`);
    };
    const error = await assertRejects(() => rig.node.transact(body));
    assert(isCode(error, "OUTCOME_UNKNOWN") || isCode(error, "STOPPED"), String(error));
  }));
