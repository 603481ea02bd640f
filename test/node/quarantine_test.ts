/** A volume that was set aside is let go of by members that live: what they do after that is as it was. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, type Database, type NodeOptions } from "@cohort/db";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { type Counting, type CountingWorld, playCounting } from "./increments_world.ts";

const SHARED = { mode: "clustered", create: true } as const;
const LONG_MS = 3_600_000;
/** Nothing goes home before it must. */
const SLOW: NodeOptions = {
  segmentBytes: 128 * 1024,
  checkpointBytes: 1 << 28,
  checkpointMs: LONG_MS,
  idleMs: LONG_MS,
};
const VOLUME = "/data/hr/cohort.dat";
const TEXT = "t".repeat(3_000);

/** Spoils the headers of the volume, which are kept for who mends it. */
async function spoil(world: CountingWorld): Promise<() => Promise<void>> {
  const disk = new SimStorage(world.host.spawn());
  const file = await disk.openVolume(VOLUME, { blockSize: 8192, access: "write" });
  const headers = await Promise.all([0, 1].map(async (block) => {
    const bytes = new Uint8Array(8192);
    await file.read(block, bytes);
    return { block, bytes };
  }));
  await file.write([0, 1].map((block) => ({ block, bytes: new Uint8Array(8192).fill(0x5a) })));
  await file.sync();
  return async () => {
    await file.write(headers);
    await file.sync();
    await file.close();
    for (const name of await disk.list("/pij")) {
      if (name.startsWith("quarantine.")) await disk.remove(`/pij/${name}`);
    }
  };
}

/** The code by which something is refused. */
async function codeOf(work: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(work, CohortError)).code;
}

/** Kills a member, and waits until the others have set the volume aside, which nobody can recover. */
async function setAside(world: CountingWorld, lost: Counting, others: readonly Counting[]): Promise<void> {
  world.host.kill(lost.process);
  while (others.some(({ database }) => database.status.quarantined === undefined)) await world.ms(10);
}

async function fill(database: Database, from: number, to: number): Promise<void> {
  const global = database.global<string>("Text");
  for (let i = from; i < to; i++) await global.set([i], TEXT);
}

test("quarantine: who dismounted it goes on while others join; its journal stays", () =>
  playCounting(21, async (world) => {
    const alpha = await world.open("alpha", undefined, SLOW);
    const beta = await world.open("beta", undefined, SLOW);
    const gamma = await world.open("gamma", undefined, SLOW);
    const other = await alpha.node.mount("/data/other", SHARED);
    await beta.node.mount("/data/other", SHARED);
    await fill(gamma.database, 0, 100);
    const texts = alpha.database.global<string>("Text");
    for (let i = 0; i < 100; i++) assertEquals(await texts.get([i]), TEXT);
    await fill(alpha.database, 100, 200);
    await spoil(world);
    await setAside(world, gamma, [alpha, beta]);
    const disk = new SimStorage(world.host.spawn());
    const segments = async (): Promise<string[]> =>
      await disk.list(`/pij/journals/${alpha.node.incarnation}`);
    const before = (await segments()).filter((it) => it.startsWith("journal."));
    assert(before.length > 2, before.join());
    assertEquals(await codeOf(() => alpha.database.dismount()), "QUARANTINED");
    // What held the one database holds the other now, changed.
    await fill(other, 0, 1_000);
    const delta = await world.open("delta", undefined, { directory: "/data/other" });
    assertEquals(await delta.database.global<string>("Text").get([999]), TEXT);
    assertEquals([alpha, beta].map(({ node }) => node.status.state), ["active", "active"]);
    for (const { node } of [alpha, delta, alpha]) await node.checkpoint();
    const after = new Set(await segments());
    assertEquals(before.filter((it) => !after.has(it)), []);
    assertEquals(await codeOf(() => beta.node.close()), "QUARANTINED");
    await delta.node.close();
    await alpha.node.leave();
    await (await alpha.node.mount("/data/own", { create: true })).global<string>("Text").set([1], TEXT);
    await alpha.node.checkpoint();
    await alpha.node.close();
    const left = new Set(await segments());
    assertEquals(before.filter((it) => !left.has(it)), []);
  }));

test("quarantine: once it is mended it is mounted again by who is started anew", () =>
  playCounting(22, async (world) => {
    const alpha = await world.open("alpha", undefined, SLOW);
    const beta = await world.open("beta", undefined, SLOW);
    const gamma = await world.open("gamma", undefined, SLOW);
    await fill(alpha.database, 0, 50);
    await alpha.node.checkpoint();
    const texts = beta.database.global<string>("Text");
    for (let i = 0; i < 50; i++) assertEquals(await texts.get([i]), TEXT);
    await gamma.database.global<string>("Text").get([1]);
    const mend = await spoil(world);
    await setAside(world, gamma, [alpha, beta]);
    for (const { database } of [alpha, beta]) {
      assertEquals(await codeOf(() => database.dismount()), "QUARANTINED");
    }
    await mend();
    // What journals of the living hold of it, nobody reads while they live.
    for (const { node } of [alpha, beta]) {
      assertEquals(await codeOf(() => node.mount("/data/hr", SHARED)), "QUARANTINED");
    }
    for (const { node, process } of [alpha, beta]) {
      await node.close();
      world.host.kill(process);
    }
    const again = [await world.open("alpha", undefined, SLOW), await world.open("beta", undefined, SLOW)];
    const [second, first] = again.map((it) => it.database) as [Database, Database];
    for (let i = 0; i < 50; i++) assertEquals(await first.global<string>("Text").get([i]), TEXT);
    for (let i = 0; i < 50; i++) await second.global<string>("Text").set([i], `${TEXT}${i}`);
    for (let i = 0; i < 50; i++) assertEquals(await first.global<string>("Text").get([i]), `${TEXT}${i}`);
    for (const { node } of again) await node.close();
  }));

/** Alpha changed what gamma has changed since, and took with it: nobody brings it home. */
async function owing(world: CountingWorld): Promise<Counting[]> {
  const members: Counting[] = [];
  for (const name of ["alpha", "beta", "gamma"]) {
    // The healthy one is mounted first, and so dismounted first.
    const { node, process, counts } = await world.open(name, undefined, {
      ...SLOW,
      directory: "/data/other",
    });
    const database = await node.mount("/data/hr", SHARED);
    members.push({ node, process, counts, database, global: database.global<number>("Count") });
  }
  const [alpha, , gamma] = members as [Counting, Counting, Counting];
  await alpha.global.set(["k"], 1);
  await gamma.global.set(["k"], 2);
  await spoil(world);
  return members;
}

test("quarantine: what is owed to it keeps nobody from dismounting another database, or from closing", () =>
  playCounting(23, async (world) => {
    const [alpha, beta, gamma] = await owing(world) as [Counting, Counting, Counting];
    await setAside(world, gamma, [alpha, beta]);
    const disk = new SimStorage(world.host.spawn());
    const journal = `/pij/journals/${alpha.node.incarnation}`;
    const before = (await disk.list(journal)).filter((it) => it.startsWith("journal."));
    await beta.node.dismount("/data/other");
    assertEquals(await codeOf(() => beta.node.close()), "QUARANTINED");
    assertEquals(await codeOf(() => alpha.node.close()), "QUARANTINED");
    const after = new Set(await disk.list(journal));
    assertEquals(before.filter((it) => !after.has(it)), []);
  }));

test("quarantine: a dismount that waits for what is owed ends when the database is set aside", () =>
  playCounting(24, async (world) => {
    const [alpha, beta, gamma] = await owing(world) as [Counting, Counting, Counting];
    world.host.kill(gamma.process);
    assertEquals(await codeOf(() => alpha.database.dismount()), "QUARANTINED");
    await alpha.node.close();
    assertEquals(await codeOf(() => beta.node.close()), "QUARANTINED");
  }));
