/** Transactions that meet conflicts with those of other members, in a simulated cluster of whole nodes. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import type { Database, Node } from "../../mod.ts";
import { openNodeCore } from "../../src/node/open_node.ts";
import { SimHost, type SimProcess } from "../../src/testing/sim/host.ts";
import { ALWAYS_VALUES } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { CALM_NETWORK, SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimEntropy, SimObserver } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { nativeDrain } from "../sim/drain.ts";

/** What one member has of the world. */
interface Member {
  readonly process: SimProcess;
  readonly node: Node;
  readonly database: Database;
}

/** A cluster of three members that have one database mounted. */
class World {
  readonly trace: Trace = new Trace();
  readonly scheduler: Scheduler;
  readonly host: SimHost;
  readonly members: Member[] = [];
  readonly #network: SimNetwork;
  readonly #seed: number;

  constructor(seed: number, drain: (() => void) | undefined) {
    const { trace } = this;
    this.#seed = seed;
    this.scheduler = new Scheduler(seed, trace, drain);
    const { scheduler } = this;
    this.host = new SimHost({ seed, scheduler, trace, latencies: ALWAYS_VALUES });
    this.#network = new SimNetwork(seed, scheduler, trace, CALM_NETWORK);
  }

  async start(name: string): Promise<void> {
    const process = this.host.spawn();
    process.station = name;
    const node = await openNodeCore({ pij: "/pij", name, poolBytes: 320 * 8192, segmentBytes: 1 << 20 }, {
      storage: new SimStorage(process),
      clock: new SimClock(process),
      entropy: new SimEntropy(new Prng(this.#seed, name)),
      observer: new SimObserver(this.trace, () => this.scheduler.now),
      interconnect: () => this.#network.interconnect(process),
    });
    const database = await node.mount("/data/hr", { mode: "clustered", create: true });
    this.members.push({ process, node, database });
  }

  sleep(ms: number, { process }: Member): Promise<void> {
    return this.scheduler.sleep(ms * 1000, process);
  }

  /** Adds one to a value in transactions, as fast as it can, until it is told to end. */
  async adding(member: Member, state: { isOver: boolean }, pauseMs: number): Promise<number> {
    const value = member.database.global<number>("Value");
    let added = 0;
    while (!state.isOver && member.process.alive) {
      await member.node.transact(async (tx) => {
        const of = tx.global(value);
        await of.set([], (await of.get([]) ?? 0) + 1);
      });
      added++;
      await this.sleep(pauseMs, member);
    }
    return added;
  }

  /** A transaction that takes long: how often its body ran. */
  async slow(member: Member, onRun?: (run: number) => void): Promise<number> {
    const value = member.database.global<number>("Value");
    let runs = 0;
    await member.node.transact(async (tx) => {
      runs++;
      onRun?.(runs);
      const of = tx.global(value);
      const found = await of.get([]) ?? 0;
      await this.sleep(30, member);
      await of.set([], found + 1);
    });
    return runs;
  }
}

async function play(seed: number, run: (world: World) => Promise<void>): Promise<void> {
  const world = new World(seed, await nativeDrain());
  let error: unknown;
  let isDone = false;
  void (async () => {
    for (const name of ["alpha", "beta", "gamma"]) await world.start(name);
    await run(world);
  })().catch((it) => error = it).finally(() => isDone = true);
  const end = await world.scheduler.run(() => isDone, { eventsMax: 3_000_000, timeMax: 120_000_000 });
  assertEquals(end, "done");
  if (error !== undefined) throw error;
}

test("commit ticket: a long transaction is let through by those of other members", async () => {
  for (const seed of [1, 2, 3]) {
    await play(seed, async (world) => {
      const [alpha, beta, gamma] = world.members as [Member, Member, Member];
      const state = { isOver: false };
      const others = [world.adding(beta, state, 1), world.adding(gamma, state, 1)];
      await world.sleep(20, alpha);
      const runs = [await world.slow(alpha), await world.slow(alpha)];
      state.isOver = true;
      const added = await Promise.all(others);
      assert(runs.every((it) => it > 1 && it <= 6), `the body ran ${runs} times`);
      const total = await alpha.database.global<number>("Value").get([]);
      assertEquals(total, 2 + added[0]! + added[1]!);
      assert(added.every((it) => it > 5), `others did ${added}`);
    });
  }
});

test("commit ticket: who is killed, or fails, while others wait for it holds up nobody", async () => {
  // The first is the master, which gives the tickets.
  for (const [seed, killed] of [[1, 0], [2, 1], [3, 2], [4, undefined]] as const) {
    await play(seed, async (world) => {
      const { members } = world;
      const state = { isOver: false };
      const lost = members[killed ?? 0]!;
      const others = members.filter((it) => it !== lost);
      const adding = others.map((it) => world.adding(it, state, 10));
      let isTicketed = false;
      const slow = world.slow(lost, (run) => {
        if (run < 4 || isTicketed) return;
        isTicketed = true;
        if (killed !== undefined) world.scheduler.after(10_000, () => world.host.kill(lost.process));
        else throw new Error("It gives up");
      }).catch(() => 0);
      if (killed === undefined) await slow;
      while (!isTicketed) await world.sleep(5, others[0]!);
      await world.sleep(4_000, others[0]!);
      const value = others[0]!.database.global<number>("Value");
      const before = await value.get([]) ?? 0;
      await world.sleep(1_000, others[0]!);
      const after = await value.get([]) ?? 0;
      assert(after > before + 10, `seed ${seed}: ${after} after ${before}`);
      state.isOver = true;
      await Promise.all(adding);
    });
  }
});

test("commit ticket: a crowd of one member keeps nothing else of it back", async () => {
  await play(4, async (world) => {
    const [alpha, beta, gamma] = world.members as [Member, Member, Member];
    const crowd = Array.from({ length: 400 }, () =>
      beta.node.transact(async (tx) => {
        const value = tx.global(beta.database.global<number>("Value"));
        const found = await value.get([]) ?? 0;
        await world.sleep(1, beta);
        await value.set([], found + 1);
      }));
    const all = Promise.all(crowd);
    let isOver = false;
    void all.then(() => isOver = true);
    // What alpha and gamma ask of beta meanwhile is answered.
    const other = alpha.database.global<number>("Other"), same = gamma.database.global<number>("Other");
    for (let i = 0; !isOver; i++) {
      await other.set([i % 50], i);
      assertEquals(await same.get([i % 50]), i);
      await world.sleep(10, alpha);
    }
    await all;
    assertEquals(await alpha.database.global<number>("Value").get([]), 400);
    assert(world.scheduler.now < 60_000_000, `it took ${world.scheduler.now} us`);
  });
});
