/**
 * What a cluster must do from its first member to its last, whatever it lives on: written once, for pairs.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { setTimeout as sleep } from "node:timers/promises";
import { CohortError, type Database, type Global, type Node } from "@cohort/db";
import { type PairMember, PairWorld } from "./pairs.ts";
import type { PairKind } from "./pairs.ts";

/** A play of three members that have one database mounted. */
export interface Stage {
  readonly world: PairWorld;
  readonly members: readonly [PairMember, PairMember, PairMember];
  readonly nodes: readonly [Node, Node, Node];
  /** The database, as each has it. */
  readonly databases: readonly [Database, Database, Database];
}

const NAMES = ["alpha", "beta", "gamma"] as const;
const SHARED = { mode: "clustered", create: true } as const;

async function inWorld(kind: PairKind, play: (world: PairWorld) => Promise<void>): Promise<void> {
  const world = new PairWorld(kind);
  try {
    await play(world);
  } finally {
    await world.end();
  }
}

/** Plays with three members, of which alpha is the master. */
function onStage(kind: PairKind, play: (stage: Stage) => Promise<void>): Promise<void> {
  return inWorld(kind, async (world) => {
    const members: PairMember[] = [], databases: Database[] = [];
    for (const name of NAMES) {
      const member = await world.open(name);
      members.push(member);
      databases.push(await member.node.mount(world.shared, SHARED));
    }
    await play(
      { world, members, nodes: members.map((it) => it.node), databases } as unknown as Stage,
    );
  });
}

/** Fails unless it comes about within 30 s. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const from = performance.now();
  while (!condition()) {
    assert(performance.now() - from < 30_000, `${what} did not come about in 30 s`);
    await sleep(5);
  }
}

function namesAt(node: Node): string[] {
  return node.status.cluster?.members.map((it) => it.name) ?? [];
}

function times(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

async function assertSound(database: Database): Promise<void> {
  const { problems } = await database.check();
  assertEquals([problems, database.status.quarantined], [[], undefined]);
}

/** Three that begin in one instant are one cluster with one master and one database. */
function forms(kind: PairKind): Promise<void> {
  return inWorld(kind, async (world) => {
    const nodes = (await Promise.all(NAMES.map((name) => world.open(name)))).map((it) => it.node);
    const databases = await Promise.all(nodes.map((node) => node.mount(world.shared, SHARED)));
    await until("one view of three", () => nodes.every((it) => namesAt(it).length === 3));
    const status = nodes.map((it) => it.status.cluster!);
    assertEquals(new Set(status.map((it) => `${it.id} ${it.view}`)).size, 1);
    assertEquals(status.filter((it) => it.isMaster).length, 1);
    assertEquals(new Set(databases.map((it) => it.status.mode)), new Set(["clustered"]));
    await databases[0]!.global<number>("A").set([1], 1);
    assertEquals(await databases[2]!.global<number>("A").get([1]), 1);
    const again = await assertRejects(() => world.open("beta").then(({ node }) => node.join()), CohortError);
    assertEquals(again.code, "NAME_TAKEN");
  });
}

/** What one writes, whatever it is, another reads. */
function writesAndReads(kind: PairKind): Promise<void> {
  return onStage(kind, async ({ databases }) => {
    const globals = databases.map((it) => it.global<number | string>("Patient"));
    const all = times(600);
    await Promise.all(all.map((i) => globals[i % 3]!.set([i], `value ${i}`.padEnd(200, "."))));
    for (const global of globals) {
      const values = await Promise.all(all.map((i) => global.get([i])));
      assertEquals(values.map((it) => String(it).replace(/\.+$/, "")), all.map((i) => `value ${i}`));
    }
    const [a, b, c] = globals as [typeof globals[0], typeof globals[0], typeof globals[0]];
    await a.set(["large"], "x".repeat(100_000));
    assertEquals((await b.get(["large"]) as string).length, 100_000);
    await b.kill([17]);
    assertEquals([await c.get([17]), await a.order([16]), await c.order([18], -1)], [undefined, 18, 16]);
    let entries = 0;
    for await (const [subscripts] of c.entries([])) {
      assert(subscripts[0] !== 17);
      entries++;
    }
    assertEquals(entries, 600);
    for (let turn = 0; turn < 30; turn++) {
      await globals[turn % 3]!.set(["turn"], turn);
      assertEquals(await globals[(turn + 1) % 3]!.get(["turn"]), turn);
    }
    await assertSound(databases[1]);
  });
}

/** Counters are exact, and transactions of all members are one after the other. */
function countsAndTransacts(kind: PairKind): Promise<void> {
  return onStage(kind, async ({ nodes, databases }) => {
    const counts = await Promise.all(databases.flatMap((database) => {
      const global = database.global<number>("Count");
      return times(100).map(() => global.increment(["visits"], 1));
    }));
    assertEquals(counts.sort((a, b) => a - b), times(300).map((i) => i + 1));
    const accounts = databases.map((it) => it.global<number>("Account"));
    for (const i of times(6)) await accounts[0]!.set([i], 100);
    const move = (member: number, from: number, to: number): Promise<void> =>
      nodes[member]!.transact(async (transaction) => {
        const global = transaction.global(accounts[member]!);
        const [left, right] = [await global.get([from]) ?? 0, await global.get([to]) ?? 0];
        await global.set([from], left - 7);
        await global.set([to], right + 7);
      });
    await Promise.all([0, 1, 2].map(async (member) => {
      for (const i of times(20)) await move(member, (i + member) % 6, (i + member + 1 + i % 3) % 6);
    }));
    const sums = await Promise.all(nodes.map((node, member) =>
      node.transact(async (transaction) => {
        const global = transaction.global(accounts[member]!);
        let sum = 0;
        for (const i of times(6)) sum += await global.get([i]) ?? 0;
        return sum;
      })
    ));
    assertEquals(sums, [600, 600, 600]);
    await assertSound(databases[2]);
  });
}

/** The master leaves while all work, and comes back as one of the others. */
function masterLeaves(kind: PairKind): Promise<void> {
  return onStage(kind, async ({ world, nodes: [alpha, beta, gamma], databases }) => {
    assertEquals(alpha.status.cluster?.isMaster, true);
    const isOver = { left: false };
    const done = await Promise.all([
      ...databases.slice(1).map(async (database, member) => {
        const global = database.global<number>("Work");
        let last = 0;
        for (; !isOver.left || last < 50; last++) await global.set([member, last % 40], last);
        return last;
      }),
      (async () => {
        const global = databases[0].global<number>("Work");
        for (const i of times(60)) await global.set([9, i], i);
        await alpha.leave();
        isOver.left = true;
        return 0;
      })(),
    ]);
    await until("the others are two", () => namesAt(beta).length === 2 && namesAt(gamma).length === 2);
    assertEquals([alpha.status.cluster, beta.status.cluster?.isMaster], [undefined, true]);
    assertEquals(beta.status.cluster?.pending, []);
    const again = await alpha.mount(world.shared, SHARED);
    assertEquals(namesAt(alpha), ["beta", "gamma", "alpha"]);
    for (const member of [0, 1]) {
      const last = done[member]! - 1;
      assertEquals(await again.global<number>("Work").get([member, last % 40]), last);
    }
    assertEquals(await databases[2].global<number>("Work").get([9, 59]), 59);
    await assertSound(again);
  });
}

/** Members that work, each on keys of its own and on one counter, and what each was told of. */
class Work {
  /** How often each has done its part. */
  readonly told: number[] = [0, 0, 0];
  /** How the work of each ended: told to, or by an error. */
  readonly ends: readonly Promise<string>[];
  isOver = false;

  constructor(databases: readonly Database[]) {
    this.ends = databases.map((database, member) =>
      this.#work(database.global<number>("Work"), member).then(
        () => "over",
        (error) => error instanceof CohortError ? error.code : String(error),
      )
    );
  }

  async #work(global: Global<number>, member: number): Promise<void> {
    for (let i = 1; !this.isOver; i++) {
      await Promise.all([global.set([member, i % 50], i), global.increment(["all"], 1)]);
      this.told[member] = i;
      await sleep(1);
    }
  }
}

/**
 * A member stands still while it works: the others go on with all that it was told, and it cannot any more.
 */
function memberIsLost(kind: PairKind, lost: number): Promise<void> {
  return onStage(kind, async ({ world, members, databases }) => {
    const work = new Work(databases), { told } = work;
    await until("all have worked", () => told.every((it) => it > 20));
    members[lost]!.stop();
    const before = told.slice();
    const others = [0, 1, 2].filter((it) => it !== lost);
    const alive = others.map((it) => members[it]!.node);
    await until("the others are two", () => alive.every((it) => namesAt(it).length === 2));
    await until("it is recovered", () => alive.every((it) => it.status.cluster?.pending.length === 0));
    await until("the others work on", () => others.every((it) => told[it]! > before[it]! + 20));
    members[lost]!.goOn();
    const { node } = members[lost]!;
    await until("it has heard that it is none any more", () => node.status.state === "stopped");
    // Whatever it was in the middle of ends, too.
    const how = await work.ends[lost]!;
    assert(["STOPPED", "FENCED", "OUTCOME_UNKNOWN"].includes(how), how);
    work.isOver = true;
    assertEquals(await Promise.all(others.map((it) => work.ends[it])), ["over", "over"]);
    const [first] = others as [number];
    const global = databases[first]!.global<number>("Work");
    for (const member of [0, 1, 2]) {
      const last = told[member]!;
      const value = await global.get([member, last % 50]) ?? 0;
      assert(value === last || member === lost && value > last, `${member}: ${value} and not ${last}`);
    }
    const sum = told[0]! + told[1]! + told[2]!;
    const counted = await global.get(["all"]) ?? 0;
    assert(counted === sum || counted === sum + 1, `${counted} were counted, ${sum} told`);
    const error = await assertRejects(() => databases[lost]!.global("Work").set([lost, 0], -1), CohortError);
    assertEquals(error.code, "STOPPED");
    const next = await (await world.open("next")).node.mount(world.shared, SHARED);
    assertEquals(await next.global<number>("Work").increment(["all"], 1), counted + 1);
    await assertSound(next);
    await assertSound(databases[first]!);
  });
}

/** Whoever comes after the last has left finds all of it, and nothing to recover or to set aside. */
function closesAndReopens(kind: PairKind): Promise<void> {
  return onStage(kind, async ({ world, nodes, databases }) => {
    await Promise.all(
      databases.map((it, member) =>
        Promise.all(times(200).map((i) => it.global<string>("Kept").set([member, i], "x".repeat(300))))
      ),
    );
    await Promise.all(nodes.map((it) => it.close()));
    for (const name of ["delta", "epsilon"]) {
      const { node } = await world.open(name);
      const database = await node.mount(world.shared, { mode: "clustered" });
      let found = 0;
      for await (const _ of database.global("Kept").entries([])) found++;
      assertEquals([found, node.status.cluster?.pending], [name === "delta" ? 600 : 601, []]);
      await assertSound(database);
      await database.global<string>("Kept").set([name], name);
    }
  });
}

/** A database that one has for itself is used by the others by way of it. */
function refersRemotely(kind: PairKind): Promise<void> {
  return onStage(kind, async ({ world, nodes: [alpha, beta, gamma] }) => {
    const directory = `${world.root}/own`;
    const own = await beta.createDatabase(directory);
    const there = (await alpha.remote("beta").database(directory)).global<number | string>("Far");
    await there.set([1, "name"], "Ada");
    assertEquals(await own.global("Far").get([1, "name"]), "Ada");
    await own.global("Far").set([2], 2);
    assertEquals([await there.get([2]), await there.order([1])], [2, 2]);
    const farther = (await gamma.remote("beta").database(directory)).global<number>("Far");
    const counts = await Promise.all(
      times(40).map((i) => (i % 2 === 0 ? there : farther).increment(["n"], 1)),
    );
    assertEquals(counts.map(Number).sort((a, b) => a - b), times(40).map((i) => i + 1));
    const refused = await assertRejects(
      () => alpha.remote("beta").database(`${world.root}/none`),
      CohortError,
    );
    assertEquals(refused.code, "NOT_MOUNTED");
  });
}

/** The plays. */
export const PLAYS: readonly (readonly [string, (kind: PairKind) => Promise<void>])[] = [
  ["three that begin at once are one cluster", forms],
  ["what one writes the others read", writesAndReads],
  ["counters and transactions of all members", countsAndTransacts],
  ["the master leaves while all work, and comes back", masterLeaves],
  ["the master stands still, and is lost", (kind) => memberIsLost(kind, 0)],
  ["a member stands still, and is lost", (kind) => memberIsLost(kind, 2)],
  ["the last leaves, and who comes next finds all", closesAndReopens],
  ["a database of one is used by the others", refersRemotely],
];
