import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, type Node, openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { type Fault, type FaultCall, withFaults } from "../../src/testing/mod.ts";

const POOL_BYTES = 256 * 8192;

/** A node over a disk that others may use as well; its calls fail as `plan.of` says. */
async function rigged(): Promise<{
  node: Node;
  other: Node;
  plan: { of: (call: FaultCall) => Fault | undefined };
}> {
  const disk = createMemoryStorage();
  const plan: { of: (call: FaultCall) => Fault | undefined } = { of: () => undefined };
  const storage = withFaults(disk, (call) => plan.of(call));
  const node = await openNode({ dir: "/node", poolBytes: POOL_BYTES }, { storage });
  const other = await openNode({ dir: "/other" }, { storage: disk });
  return { node, other, plan };
}

async function turns(count: number = 100): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined;
}

test("dismount: waits for a volume that still grows for an operation it refuses", async () => {
  const { node, other, plan } = await rigged();
  const database = await node.mount("/v", { create: true });
  await database.global<number>("A").set([1], 1);
  const stalled = Promise.withResolvers<void>();
  const stall: Fault = { kind: "stall", until: stalled.promise };
  plan.of = ({ operation }) => operation === "grow" ? stall : undefined;
  const large = assertRejects(
    () => database.global<Uint8Array>("B").set([1], new Uint8Array(600_000)),
    CohortError,
    "not mounted",
  );
  await turns();
  const dismounted = database.dismount();
  await new Promise((done) => setTimeout(done, 50));
  stalled.resolve();
  await dismounted;
  await large;
  assertEquals(await (await other.mount("/v")).global<number>("A").get([1]), 1);
  await other.close();
  await node.close();
});

test("dismount: what could not be given back can be mounted once its node has ended", async () => {
  for (const failing of ["createRegister /v/claim.2", "write /v/cohort.dat"]) {
    const { node, other, plan } = await rigged();
    const database = await node.mount("/v", { create: true });
    await database.global<number>("A").set([1], 1);
    await node.checkpoint();
    plan.of = ({ operation, path }) =>
      `${operation} ${path}` === failing ? { kind: "error", code: "FULL", errno: "ENOSPC" } : undefined;
    await assertRejects(() => database.dismount(), CohortError, "ENOSPC");
    plan.of = () => undefined;
    // The claim stands: a mount that is refused must leave what it needs.
    await assertRejects(() => node.mount("/v"), CohortError, "this node holds it already");
    await node.close();
    assertEquals(await (await other.mount("/v")).global<number>("A").get([1]), 1, failing);
    await other.close();
  }
});

test("mount: meets no blocks that stalled work kept from the mount before", async () => {
  const { node, other, plan } = await rigged();
  const values = (await other.mount("/v", { create: true })).global<string>("A");
  for (let i = 0; i < 2000; i++) await values.set([i], "old".repeat(20));
  await (await other.mount("/v")).dismount();
  const database = await node.mount("/v", { readOnly: true });
  await database.global<string>("A").get([0]);
  const stalled = Promise.withResolvers<void>();
  const stall: Fault = { kind: "stall", until: stalled.promise };
  plan.of = ({ operation, path }) => operation === "read" && path === "/v/cohort.dat" ? stall : undefined;
  // It holds the blocks above the one it waits for.
  const slow = database.global<string>("A").get([1999]).catch(() => undefined);
  await turns();
  await database.dismount();
  const again = await other.mount("/v");
  await again.global("A").kill();
  for (let i = 0; i < 2000; i++) await again.global<string>("A").set([i], "new".repeat(20));
  await again.dismount();
  plan.of = () => undefined;
  const mounting = node.mount("/v");
  stalled.resolve();
  assertEquals(await (await mounting).global<string>("A").get([1999]), "new".repeat(20));
  await slow;
  await node.close();
  await other.close();
});

test("dismount: a node that stopped says that it brought nothing home, and lets go", async () => {
  const { node, other, plan } = await rigged();
  const database = await node.mount("/v", { create: true });
  const again = await node.mount("/w", { create: true });
  await database.global<number>("A").set([1], 1);
  plan.of = ({ operation }) => operation === "sync" ? { kind: "error", code: "IO", errno: "EIO" } : undefined;
  await assertRejects(() => database.global<number>("A").set([1], 2), CohortError);
  plan.of = () => undefined;
  assertEquals(node.status.state, "stopped");
  const error = await assertRejects(() => database.dismount(), CohortError, "Could not bring /v home");
  assertEquals(error.code, "STOPPED");
  // Leaving a scope says nothing more: what stopped the node was told by what it stopped.
  await again[Symbol.asyncDispose]();
  await node.close();
  const found = await (await other.mount("/v")).global<number>("A").get([1]);
  assertEquals(found === 1 || found === 2, true);
  await other.close();
});
