import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { Prng } from "../../src/testing/sim/prng.ts";
import { type Drain, Scheduler } from "../../src/testing/sim/scheduler.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { nativeDrain } from "./drain.ts";

const BOUNDS = { eventsMax: 100_000, timeMax: Number.MAX_SAFE_INTEGER };

/** Forty actors that sleep, await to drawn depths and queue microtasks, all noting what they do. */
async function storm(seed: number, drain?: Drain): Promise<string> {
  const trace = new Trace();
  const scheduler = new Scheduler(seed, trace, drain);
  const deep = async (n: number): Promise<number> => (n === 0 ? 0 : 1 + await deep(n - 1));
  let running = 40;
  const actor = async (id: number) => {
    const chance = new Prng(seed, `actor ${id}`);
    for (let i = 0; i < 50; i++) {
      await scheduler.sleep(chance.below(100));
      trace.note("woke", id, await deep(chance.below(20)));
      queueMicrotask(() => trace.note("micro", id, i));
      if (chance.chance(1, 10)) {
        await Promise.allSettled([deep(3), Promise.reject(new Error("x")), scheduler.sleep(5)]);
      }
    }
    running--;
  };
  for (let id = 0; id < 40; id++) actor(id);
  assertEquals(await scheduler.run(() => running === 0, BOUNDS), "done");
  return trace.hash();
}

test("Scheduler: one seed is one trace on every runtime, whichever way jobs are drained", async () => {
  const byTurn = await storm(5);
  assertEquals(byTurn, "4bb5410425a9800d");
  assertEquals(await storm(5, await nativeDrain()), byTurn);
  assert((await storm(6)) !== byTurn);
});

test("nativeDrain(): runs jobs to the last one, jobs queued by jobs included", async () => {
  const drain = await nativeDrain();
  assert(drain !== undefined);
  const seen = await new Promise<number>((resolve) => {
    setImmediate(() => {
      let count = 0;
      const again = () => {
        if (++count < 1000) queueMicrotask(again);
      };
      queueMicrotask(again);
      drain();
      resolve(count);
    });
  });
  assertEquals(seen, 1000);
});

test("Scheduler: events run in order of time, a cancelled one never", async () => {
  const scheduler = new Scheduler(1, new Trace());
  const seen: number[] = [];
  for (const at of [50, 10, 30, 20, 40]) scheduler.after(at, () => seen.push(scheduler.now));
  const cancel = scheduler.after(25, () => seen.push(-1));
  cancel();
  assertEquals(await scheduler.run(() => false, BOUNDS), "idle");
  assertEquals(seen, [10, 20, 30, 40, 50]);
});

test("Scheduler: events of one instant come in a drawn order", async () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const scheduler = new Scheduler(seed, new Trace());
    let order = "";
    for (const name of ["a", "b", "c"]) scheduler.after(5, () => (order += name));
    await scheduler.run(() => false, BOUNDS);
    orders.add(order);
  }
  assertEquals(orders.size, 6);
});

test("Scheduler: a dead owner's events never run, a paused one's come late, all at once", async () => {
  const scheduler = new Scheduler(1, new Trace());
  const dead = { alive: false, pausedUntil: 0 };
  const paused = { alive: true, pausedUntil: 100 };
  const seen: string[] = [];
  scheduler.after(10, () => seen.push("dead"), dead);
  scheduler.after(20, () => seen.push(`late ${scheduler.now}`), paused);
  const cancel = scheduler.after(25, () => seen.push("cancelled"), paused);
  scheduler.after(30, cancel);
  scheduler.after(40, () => seen.push(`free ${scheduler.now}`));
  await scheduler.run(() => false, BOUNDS);
  assertEquals(seen, ["free 40", "late 100"]);
});

test("Scheduler: what a task throws or hands to fail() ends the run", async () => {
  const thrower = new Scheduler(1, new Trace());
  thrower.after(1, () => {
    throw new Error("task broke");
  });
  await assertRejects(() => thrower.run(() => false, BOUNDS), Error, "task broke");
  const failer = new Scheduler(1, new Trace());
  failer.after(1, () => failer.fail(new Error("judged")));
  await assertRejects(() => failer.run(() => false, BOUNDS), Error, "judged");
});

test("Scheduler: bounds on events and time end a run that would not", async () => {
  const scheduler = new Scheduler(1, new Trace());
  const again = () => {
    scheduler.after(10, again);
  };
  again();
  assertEquals(await scheduler.run(() => false, { eventsMax: 50, timeMax: 1e9 }), "events");
  assertEquals(await scheduler.run(() => false, { eventsMax: 1e9, timeMax: 5000 }), "time");
  assert(scheduler.now <= 5000);
});
