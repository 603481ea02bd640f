/** What one member must not keep to itself: that its writes fail, and a volume that nobody can recover. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { CohortError, type Database, type Node, openNode } from "@cohort/db";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { withFaults } from "../../src/testing/mod.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { playCounting, striking } from "./increments_world.ts";

const SHARED = { mode: "clustered", create: true } as const;

async function until(what: string, isSo: () => boolean): Promise<void> {
  const from = performance.now();
  while (!isSo()) {
    assert(performance.now() - from < 20_000, `${what} did not come about in 20 s`);
    await new Promise((go) => setTimeout(go, 10));
  }
}

test("freeze: when the writes of one member fail, those of all wait and say why; reads go on", async () => {
  const pij = mkdtempSync(`${tmpdir()}/cohort-freeze-`);
  let isFull = false;
  const failing = withFaults(createFileStorage(), ({ operation, path }) => {
    const strikes = isFull && operation === "write" && path.includes("/journal.");
    return strikes ? { kind: "error", code: "IO", errno: "ENOSPC" } : undefined;
  });
  try {
    await using alpha = await openNode({ pij, name: "alpha", poolBytes: 4 << 20 }, { storage: failing });
    await using beta = await openNode({ pij, name: "beta", poolBytes: 4 << 20 });
    await using gamma = await openNode({ pij, name: "gamma", poolBytes: 4 << 20 });
    const databases: Database[] = [];
    for (const node of [alpha, beta, gamma]) databases.push(await node.mount(`${pij}/hr`, SHARED));
    // What alpha cannot make durable it gives to nobody: what is read lies in other blocks.
    const [first, second, third] = databases as [Database, Database, Database];
    const own = first.global<number>("Own"), shared = second.global<number>("Shared");
    await own.set([0], 0);
    await shared.set([1], 1);
    const states = (): string[] => [alpha, beta, gamma].map((it) => it.status.state);
    assertEquals(states(), ["active", "active", "active"]);
    isFull = true;
    const waiting = own.set([0], 10);
    await until("frozen members", () => states().every((it) => it === "frozen"));
    for (const node of [beta, gamma]) {
      const cause = node.status.cause ?? "";
      assert(cause.includes("alpha") && cause.includes("ENOSPC"), cause);
    }
    assertEquals([await shared.get([1]), await third.global("Shared").get([1])], [1, 1]);
    const refused = await assertRejects(() => shared.set([1], 11, { timeoutMs: 200 }), CohortError);
    assertEquals([refused.code, refused.retryable], ["FROZEN", true]);
    isFull = false;
    await until("members that write again", () => states().every((it) => it === "active"));
    await waiting;
    await shared.set([1], 12);
    assertEquals([await third.global("Own").get([0]), await third.global("Shared").get([1])], [10, 12]);
  } finally {
    rmSync(pij, { recursive: true, force: true });
  }
});

for (const damage of ["its headers are spoiled", "its file is gone"]) {
  test(`quarantine: a volume that nobody can recover is set aside, ${damage}; others go on`, () =>
    playCounting(7, async (world) => {
      const [alpha, beta, gamma] = [
        await world.open("alpha"),
        await world.open("beta"),
        await world.open("gamma"),
      ];
      const mount = async (node: Node) => (await node.mount("/data/other", SHARED)).global<number>("B");
      const others = [await mount(alpha.node), await mount(beta.node), await mount(gamma.node)];
      await gamma.global.set(["c"], 1);
      await others[2]!.set(["c"], 2);
      world.host.kill(gamma.process);
      const disk = new SimStorage(world.host.spawn());
      if (damage === "its file is gone") {
        await disk.remove("/data/hr/cohort.dat");
      } else {
        const file = await disk.openVolume("/data/hr/cohort.dat", { blockSize: 8192, access: "write" });
        await file.write([0, 1].map((block) => ({ block, bytes: new Uint8Array(8192).fill(0x5a) })));
        await file.sync();
        await file.close();
      }
      // It is granted once the recovery is over.
      assertEquals(await others[1]!.get(["c"]), 2);
      for (const { global, database, node } of [alpha, beta]) {
        const error = await assertRejects(() => global.get(["c"]), CohortError);
        assertEquals(error.code, "QUARANTINED");
        assert(database.status.quarantined !== undefined);
        assertEquals(node.status.cluster!.members.map((it) => it.name), ["alpha", "beta"]);
      }
      await others[0]!.set(["c"], 3);
      assertEquals(await others[1]!.get(["c"]), 3);
      for (const { node } of [alpha, beta]) {
        const error = await assertRejects(() => node.close(), CohortError);
        assertEquals(error.code, "QUARANTINED", "what could not be brought home is told");
      }
    }));
}

test("quarantine: what journals hold of a volume that is let in again is applied before it is mounted", () =>
  playCounting(17, async (world) => {
    const [alpha, beta, gamma] = [
      await world.open("alpha"),
      await world.open("beta"),
      await world.open("gamma"),
    ];
    await beta.global.set(["b"], 1);
    await gamma.global.set(["c"], 2);
    await alpha.global.set(["a"], 3);
    world.host.kill(gamma.process);
    const disk = new SimStorage(world.host.spawn());
    const file = await disk.openVolume("/data/hr/cohort.dat", { blockSize: 8192, access: "write" });
    const headers = [0, 1].map((block) => ({ block, bytes: new Uint8Array(8192) }));
    for (const { block, bytes } of headers) await file.read(block, bytes);
    await file.write([0, 1].map((block) => ({ block, bytes: new Uint8Array(8192).fill(0x5a) })));
    const error = await assertRejects(() => beta.global.get(["c"]), CohortError);
    assertEquals(error.code, "QUARANTINED");
    await file.write(headers);
    await file.sync();
    const registers = (await disk.list("/pij")).filter((it) => it.startsWith("quarantine."));
    for (const name of registers) await disk.remove(`/pij/${name}`);
    // Who had it mounted may hold more of it than anybody else can know.
    const delta = await world.openAlone("delta");
    const early = await assertRejects(() => delta.node.mount("/data/hr", { mode: "clustered" }), CohortError);
    assert(early.message.includes("start each member anew"), early.message);
    for (const { process } of [alpha, beta]) {
      world.host.kill(process);
      await world.ms(1_000);
    }
    const again = await delta.node.mount("/data/hr", { mode: "clustered" });
    const found = again.global<number>("Count");
    assertEquals([await found.get(["a"]), await found.get(["b"]), await found.get(["c"])], [3, 1, 2]);
    assertEquals((await disk.list("/pij")).filter((it) => /^(quarantine|owed)\./.test(it)), []);
  }));

test("recovery: who recovers what it has not mounted names it meanwhile, and no longer", () =>
  playCounting(9, async (world) => {
    const registers: string[] = [];
    const alpha = await world.open("alpha", (storage) =>
      withFaults(storage, ({ operation, path }) => {
        if (operation === "createRegister" && path.includes("/recovery.")) registers.push(path);
        return undefined;
      }));
    const beta = await world.open("beta"), gamma = await world.open("gamma");
    await alpha.database.dismount();
    registers.length = 0;
    for (let i = 0; i < 20; i++) await beta.global.set([i], i);
    world.host.kill(beta.process);
    for (let i = 0; i < 20; i++) assertEquals(await gamma.global.get([i]), i);
    assertEquals(registers.length, 1);
    const disk = new SimStorage(world.host.spawn());
    assertEquals(await disk.readRegister(registers[0]!), undefined);
    await alpha.node.close();
    await gamma.node.close();
  }));

test("recovery: a sync that failed is not tried again by who saw it fail", () =>
  playCounting(10, async (world) => {
    let isBad = false, struck = 0;
    const alpha = await world.open("alpha", (storage) =>
      withFaults(storage, ({ operation, path }) => {
        if (!isBad || operation !== "sync" || !path.endsWith("/hr/cohort.dat")) return undefined;
        struck++;
        return { kind: "syncFailure" };
      }));
    const beta = await world.open("beta"), gamma = await world.open("gamma");
    await alpha.database.dismount();
    for (let i = 0; i < 20; i++) await beta.global.set([i], i);
    isBad = true;
    world.host.kill(beta.process);
    for (let i = 0; i < 20; i++) assertEquals(await gamma.global.get([i]), i);
    assertEquals([struck, alpha.node.status.state], [1, "stopped"]);
    assertEquals(gamma.node.status.cluster!.members.map((it) => it.name), ["gamma"]);
    await alpha.node.close().catch(() => {});
    await gamma.node.close();
  }));

test("status: a member that waits for its cluster is frozen, and says why and since when", () =>
  playCounting(12, async (world) => {
    let isBad = false;
    const bad = striking(() => isBad, "write", "/slot.", { kind: "error", code: "IO", errno: "EIO" });
    const alpha = await world.open("alpha", bad);
    const beta = await world.open("beta");
    const { state, sinceMs } = alpha.node.status;
    assertEquals([state, sinceMs > 0], ["active", true]);
    isBad = true;
    let waited = 0;
    while (alpha.node.status.state === "active" && waited++ < 200) await world.ms(10);
    const frozen = alpha.node.status;
    assertEquals(frozen.state, "frozen");
    assert(frozen.cause?.includes("EIO"), frozen.cause);
    assert(frozen.sinceMs > sinceMs);
    isBad = false;
    await world.ms(500);
    assertEquals([alpha.node.status.state, alpha.node.status.cause], ["active", undefined]);
    assert(alpha.node.status.sinceMs > frozen.sinceMs);
    await alpha.node.close();
    await beta.node.close();
    assertEquals(alpha.node.status.state, "closed");
  }));

test("recovery: who is no member and names a volume goes on writing its journal", () =>
  playCounting(11, async (world) => {
    const alpha = await world.open("alpha");
    const stalled = Promise.withResolvers<void>();
    let isStalling = false, removals = 0;
    const beta = await world.open("beta", (storage) =>
      withFaults(storage, ({ operation, path }) => {
        if (!isStalling || operation !== "remove" || !path.includes("/mount.")) return undefined;
        removals++;
        return { kind: "stall", until: stalled.promise };
      }));
    const gamma = await world.open("gamma");
    await gamma.global.set(["c"], 1);
    const own = (await beta.node.mount("/data/own", { create: true })).global<number>("Own");
    await beta.node.leave();
    await own.set(["k"], 1);
    // It is refused, and has named the volume before it knew.
    isStalling = true;
    const refused = assertRejects(() => beta.node.mount("/data/hr", { mode: "private" }), CohortError);
    await world.ms(100);
    assert(removals > 0, "it takes the name back");
    world.host.kill(gamma.process);
    assertEquals(await alpha.global.get(["c"]), 1);
    await world.ms(1_000);
    await own.set(["k"], 2);
    stalled.resolve();
    await refused;
    await own.set(["k"], 3);
    world.host.kill(beta.process);
    const again = await alpha.node.mount("/data/own");
    assertEquals(await again.global<number>("Own").get(["k"]), 3);
  }));

test("recovery: who is fenced by its gates while it recovers writes nothing more to the volume", () =>
  playCounting(13, async (world) => {
    const stalled = Promise.withResolvers<void>();
    let isStalling = false, writes = 0;
    const alpha = await world.open("alpha", (storage) =>
      withFaults(storage, ({ operation, path }) => {
        if (!isStalling || operation !== "write" || path !== "/data/hr/cohort.dat") return undefined;
        writes++;
        return { kind: "stall", until: stalled.promise };
      }));
    await alpha.database.dismount();
    const beta = await world.open("beta"), gamma = await world.open("gamma");
    await beta.global.set(["a"], 1);
    await gamma.global.set(["c"], 1);
    isStalling = true;
    world.host.kill(gamma.process);
    while (writes === 0) await world.ms(10);
    // It has not mounted the volume: there is no gate but that of its journal.
    const { fence } = new SimStorage(alpha.process);
    const journal = `/pij/journals/${alpha.node.incarnation}`;
    assertEquals(await fence.shutGate(journal, alpha.node.incarnation), "busy");
    stalled.resolve();
    await world.ms(10);
    assertEquals(await fence.shutGate(journal, alpha.node.incarnation), "over");
  }));
