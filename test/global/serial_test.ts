/** Many clients at once: their transactions must have an order, their sums must stay. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import type { Transaction } from "../../mod.ts";
import { checkSerial, type ListStep, type ListTransaction } from "../../src/testing/sim/check/serial.ts";
import { Prng } from "../support/prng.ts";
import { type Rig, withRig } from "./rig.ts";

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Waits in one of the ways in which bodies wait. */
async function dawdle(prng: Prng): Promise<void> {
  if (prng.once(4)) await sleep(0);
  else if (prng.once(2)) await undefined;
}

interface History {
  readonly transactions: ListTransaction[];
  now: number;
  elements: number;
}

/** One transaction that reads lists and appends to them; an element of its own for every append. */
async function appendSome(rig: Rig, prng: Prng, history: History, lists: number): Promise<void> {
  const global = rig.global();
  const plan = Array.from({ length: prng.below(5, 1) }, () => ({
    key: String(prng.below(lists)),
    append: prng.once(2) ? `e${history.elements++}` : undefined,
  }));
  const readOnly = plan.every((step) => step.append === undefined) && prng.once(2);
  const gives = prng.once(10);
  const called = history.now++;
  let steps: ListStep[] = [];
  const body = async (transaction: Transaction): Promise<void> => {
    steps = [];
    const t = transaction.global(global);
    for (const { key, append } of plan) {
      const list = (await t.get([key]) ?? []) as string[];
      await dawdle(prng);
      if (append === undefined) steps.push({ kind: "read", key, list });
      else {
        await t.set([key], [...list, append]);
        steps.push({ kind: "append", key, element: append });
      }
    }
    if (gives) throw new Error("given up");
  };
  const outcome = await rig.node.transact(body, { readOnly }).then(() => "done" as const, (error) => {
    if (error instanceof Error && error.message === "given up") return "failed" as const;
    throw error;
  });
  history.transactions.push({ steps, called, returned: history.now++, outcome });
}

for (const [clients, lists, poolBlocks] of [[4, 3, 64], [16, 6, 64], [30, 40, 128]] as const) {
  test(`transact: ${clients} clients over ${lists} lists: one order explains all they saw`, () =>
    withRig({ poolBlocks, durability: clients === 16 ? "relaxed" : "sync" }, async (rig) => {
      const history: History = { transactions: [], now: 0, elements: 0 };
      await Promise.all(Array.from({ length: clients }, async (_, client) => {
        const prng = new Prng(100 * clients + client);
        for (let i = 0; i < 300 / clients; i++) await appendSome(rig, prng, history, lists);
      }));
      const finals = new Map<string, string[]>();
      for await (const [[key], list] of rig.global().entries()) finals.set(String(key), list as string[]);
      assertEquals(checkSerial(history.transactions, finals), []);
      assert(history.transactions.some((it) => it.outcome === "failed"));
    }));
}

test("transact: money moved by many clients is neither made nor lost, in no look at it", () =>
  withRig({ poolBlocks: 48, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    const accounts = 200;
    for (let i = 0; i < accounts; i++) await global.set([i, "padding"], "v".repeat(500));
    await rig.node.transact(async (transaction) => {
      for (let i = 0; i < accounts; i += 20) await transaction.global(global).set([i], 100);
    });
    let moving = 12;
    const mover = async (client: number): Promise<void> => {
      const prng = new Prng(client);
      for (let i = 0; i < 40; i++) {
        await rig.node.transact(async (transaction) => {
          const t = transaction.global(global);
          const [from, to] = [20 * prng.below(10), 20 * prng.below(10)];
          const amount = prng.below(30);
          const held = await t.get([from]) as number;
          await dawdle(prng);
          if (from === to || held < amount) return;
          await t.set([from], held - amount);
          await t.set([to], (await t.get([to]) as number) + amount);
        });
      }
      moving--;
    };
    const auditor = async (): Promise<number> => {
      let looks = 0;
      for (; moving > 0; looks++) {
        const sum = await rig.node.transact(async (transaction) => {
          const t = transaction.global(global);
          let total = 0;
          for (let at = await t.order([""]); at !== undefined; at = await t.order([at])) {
            total += (await t.get([at]) as number | undefined) ?? 0;
          }
          return total;
        }, { readOnly: true });
        assertEquals(sum, 1_000);
        await sleep(0);
      }
      return looks;
    };
    const [looks] = await Promise.all([auditor(), ...Array.from({ length: 12 }, (_, i) => mover(i))]);
    assert(looks > 0);
  }));

test("increment: every client gets numbers of its own, rising, and none is lost", () =>
  withRig({ poolBlocks: 32 }, async (rig) => {
    const global = rig.global();
    const all = await Promise.all(Array.from({ length: 40 }, async () => {
      const mine: number[] = [];
      for (let i = 0; i < 25; i++) mine.push(await global.increment(["ids"]));
      return mine;
    }));
    for (const mine of all) assertEquals(mine, mine.toSorted((a, b) => a - b));
    assertEquals(new Set(all.flat()).size, 1_000);
    assertEquals(await global.get(["ids"]), 1_000);
  }));

test("Global: clients that set, kill and read beside each other find each their own", () =>
  withRig({ poolBlocks: 40, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    await Promise.all(Array.from({ length: 24 }, async (_, client) => {
      const prng = new Prng(client);
      const mine = new Map<number, number>();
      for (let i = 0; i < 120; i++) {
        const at = prng.below(30);
        const draw = prng.below(10);
        if (draw < 5) {
          await global.set([client, at], prng.once(15) ? "L".repeat(9_000) : i);
          mine.set(at, i);
        } else if (draw === 5) {
          await global.kill([client]);
          mine.clear();
        } else if (draw === 6) {
          await global.zkill([client, at]);
          mine.delete(at);
        } else if (draw === 7) {
          const next = [...mine.keys()].filter((it) => it > at).sort((a, b) => a - b)[0];
          assertEquals(await global.order([client, at]), next);
        } else assertEquals(await global.data([client, at]), mine.has(at) ? 1 : 0);
      }
      let found = 0;
      for await (const [[, at]] of global.entries([client])) {
        assert(mine.has(at as number));
        found++;
      }
      assertEquals(found, mine.size);
    }));
  }));
