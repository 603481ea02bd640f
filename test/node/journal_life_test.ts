/**
 * What a node keeps of its journals: truncation, checkpoints, history, and what it does while disks refuse.
 */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { CohortError, isCode, type Node, type NodeOptions, openNode, type Value } from "../../mod.ts";
import type { FaultCall, FaultPlan } from "../../src/testing/fault_plan.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";
import { assertSound, Witness } from "../global/rig.ts";

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Segments of a node's journal that are there now. */
async function segments(storage: ReturnType<typeof createMemoryStorage>, node: Node): Promise<string[]> {
  const names = await storage.list(`/nodes/${node.incarnation}`);
  return names.filter((name) => name.startsWith("journal."));
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    if (condition()) return;
    await sleep(2);
  }
  assert(false, "it did not come about");
}

test("checkpoint: brings everything home and drops the segments that nothing needs", async () => {
  const storage = createMemoryStorage();
  const options = { dir: "/nodes", poolBytes: 1 << 21, segmentBytes: 65_536 };
  await using node = await openNode(options, { storage });
  const global = (await node.createDatabase("/db")).global<Value>("X");
  for (let i = 0; i < 600; i++) await global.set([i], "v".repeat(700));
  assert((await segments(storage, node)).length > 5);
  assert(node.status.dirtyBlocks > 0);
  await node.checkpoint();
  assertEquals(node.status.dirtyBlocks, 0);
  const after = await segments(storage, node);
  assert(after.length <= 2, after.join());
  await node.checkpoint();
  for (let i = 0; i < 600; i++) await global.set([i], "w".repeat(700));
  assert((await segments(storage, node)).length > 5);
});

test("checkpointBytes: segments are dropped by themselves while writing goes on", async () => {
  const storage = createMemoryStorage();
  const options: NodeOptions = {
    dir: "/nodes",
    poolBytes: 1 << 21,
    segmentBytes: 65_536,
    checkpointBytes: 300_000,
    durability: "relaxed",
  };
  await using node = await openNode(options, { storage });
  const global = (await node.createDatabase("/db")).global<Value>("X");
  let most = 0;
  for (let i = 0; i < 3_000; i++) {
    await global.set([i % 500], "v".repeat(700));
    if (i % 50 === 0) await sleep(0);
    if (i % 200 === 0) most = Math.max(most, (await segments(storage, node)).length);
  }
  assert(most < 25, `${most} segments were there at once, of some 35 written`);
});

test("historyDays: dropped segments stay beside the live ones and are no redo to a successor", async () => {
  const files = new CrashedFiles();
  const options = { dir: "/nodes", poolBytes: 1 << 21, segmentBytes: 65_536, historyDays: 1 };
  const node = await openNode(options, { storage: files });
  const global = (await node.createDatabase("/db")).global<Value>("X");
  for (let i = 0; i < 300; i++) await global.set([i], "v".repeat(700));
  await node.checkpoint();
  await global.set(["last"], 1);
  const kept = files.list(`/nodes/${node.incarnation}`).filter((name) => name.startsWith("journal."));
  assert(kept.length >= 4, kept.join());
  const left = CrashedFiles.of(files);
  await node.close();
  const witness = new Witness();
  const next = await openNode(options, { storage: left, observer: witness });
  const again = await next.mount("/db");
  assertEquals(await again.global<Value>("X").get(["last"]), 1);
  await assertSound(again);
  await next.close();
  assertEquals(witness.complaints, []);
});

test("sync: under relaxed durability it makes safe what was written before it", async () => {
  const options: NodeOptions = { dir: "/nodes", durability: "relaxed", syncIntervalMs: 3_600_000 };
  await using node = await openNode(options, { storage: createMemoryStorage() });
  const global = (await node.createDatabase("/db")).global<number>("X");
  for (let i = 0; i < 50; i++) await global.set([i], i);
  const { journalWritten, journalSafe, journalSyncs } = node.status;
  assert(journalSafe < journalWritten, `${journalSafe} of ${journalWritten}`);
  await node.sync();
  assert(node.status.journalSafe >= journalWritten);
  assert(node.status.journalSyncs > journalSyncs, "the sync was counted");
});

/** What refuses, and by which call: the node freezes, says so, and goes on when it passes. */
const FREEZES: ReadonlyArray<
  readonly [name: string, code: "IO" | "FULL", strikes: (call: FaultCall) => boolean]
> = [
  ["the volume's blocks", "IO", (call) => call.operation === "write" && call.path.endsWith("cohort.dat")],
  ["the volume's growth", "FULL", (call) => call.operation === "grow"],
  ["the image journal", "FULL", (call) => call.operation === "write" && call.path.endsWith("/image")],
  ["the journal", "IO", (call) => call.operation === "write" && call.path.includes("/journal.")],
  ["the journal's space", "FULL", (call) => call.operation === "reserve" && call.path.includes("/journal.")],
  ["the next segment", "FULL", (call) => call.operation === "openStream" && call.path.includes("/journal.")],
];

for (const [name, code, strikes] of FREEZES) {
  test(`node: ${code} of ${name} freezes or refuses writes, loses nothing, and passes`, async () => {
    let failing = false;
    const plan: FaultPlan = (call) =>
      failing && strikes(call) ? { kind: "error", code, errno: code === "IO" ? "EIO" : "ENOSPC" } : undefined;
    const witness = new Witness();
    const options: NodeOptions = {
      dir: "/nodes",
      poolBytes: 40 * 8192,
      segmentBytes: 65_536,
      checkpointBytes: 150_000,
    };
    const node = await openNode(options, {
      storage: withFaults(createMemoryStorage(), plan),
      observer: witness,
    });
    const database = await node.createDatabase("/db", { extentBlocks: 64 });
    const global = database.global<Value>("X");
    for (let i = 0; i < 60; i++) await global.set([i], "v".repeat(500));
    failing = true;
    const acknowledged = new Set<number>();
    let refused = 0;
    let stopping = false;
    const writer = async (client: number): Promise<void> => {
      for (let i = 0; !stopping && i < 600; i++) {
        await global.set([100 + client, i], "w".repeat(700)).then(
          () => acknowledged.add(1_000 * client + i),
          (error) => {
            assert(error instanceof CohortError && error.code === code, String(error));
            refused++;
          },
        );
        await sleep(0);
      }
    };
    const writers = Promise.all([0, 1, 2, 3].map(writer));
    await until(() => node.status.state === "frozen" || refused > 0);
    if (node.status.state === "frozen") {
      assert(node.status.cause !== undefined);
      // What is at hand may be read meanwhile; a write with a deadline ends with it.
      assertEquals(await global.get([0]), "v".repeat(500));
      const late = await assertRejects(
        () => global.set(["late"], "x".repeat(9_000), { timeoutMs: 30 }),
        CohortError,
      );
      const isFrozen = late.code === "FROZEN" && late.retryable && isCode(late.cause, code);
      assert(isFrozen || late.code === code, `${late.code}, caused by ${late.cause}`);
    }
    await sleep(20);
    stopping = true;
    failing = false;
    await writers;
    await until(() => node.status.state === "active");
    await global.set(["after"], 1);
    await node.checkpoint();
    for (const it of acknowledged) {
      assertEquals(await global.get([100 + Math.floor(it / 1_000), it % 1_000]), "w".repeat(700));
    }
    await assertSound(database);
    await node.close();
  });
}

test("node: a failed sync of the volume stops the node, and the next one recovers", async () => {
  const memory = createMemoryStorage();
  let failing = false;
  const storage = withFaults(
    memory,
    ({ operation, path }) =>
      failing && operation === "sync" && path.endsWith("cohort.dat") ? { kind: "syncFailure" } : undefined,
  );
  const node = await openNode({ dir: "/nodes", poolBytes: 1 << 20 }, { storage });
  const global = (await node.createDatabase("/db")).global<Value>("X");
  for (let i = 0; i < 50; i++) await global.set([i], i);
  failing = true;
  await assertRejects(() => node.checkpoint(), CohortError);
  assertEquals(node.status.state, "stopped");
  for (const call of [() => global.set([1], 2), () => global.get([1]), () => node.transact(() => 1)]) {
    assertEquals((await assertRejects(call as () => Promise<unknown>, CohortError)).code, "STOPPED");
  }
  await node.close();
  failing = false;
  const next = await openNode({ dir: "/nodes", poolBytes: 1 << 20 }, { storage: memory });
  const again = await next.mount("/db");
  for (let i = 0; i < 50; i++) assertEquals(await again.global<Value>("X").get([i]), i);
  await assertSound(again);
  await next.close();
});
