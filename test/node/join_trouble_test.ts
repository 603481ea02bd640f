/** What a join, or a leave, must not do to what a node has for itself. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, type Global, type Node } from "@cohort/db";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { type Counting, type CountingWorld, playCounting, striking } from "./increments_world.ts";

const SOON = { timeoutMs: 1_000 };

async function privateOf(node: Node, directory: string): Promise<Global<number>> {
  return (await node.mount(directory, { create: true, extentBlocks: 64 })).global<number>("Own");
}

/** A cluster of two whose second is lost, and not recovered before `release`. */
async function recovering(world: CountingWorld): Promise<{ alpha: Counting; release: () => void }> {
  const released = Promise.withResolvers<void>();
  let isHeld = false;
  const held = { kind: "stall", until: released.promise } as const;
  const alpha = await world.open("alpha", striking(() => isHeld, "createRegister", "/journal.end", held));
  const beta = await world.open("beta");
  await beta.global.set(["c"], 1);
  isHeld = true;
  world.host.kill(beta.process);
  await world.ms(300);
  assertEquals(alpha.node.status.cluster?.pending, ["beta"]);
  return { alpha, release: released.resolve };
}

test("join: a node that is refused goes on with what is its own", () =>
  playCounting(21, async (world) => {
    await world.open("alpha");
    const { node } = await world.openAlone("alpha");
    const own = await privateOf(node, "/data/own");
    await own.set(["k"], 1);
    const error = await assertRejects(() => node.join(), CohortError);
    assertEquals(error.code, "NAME_TAKEN");
    await own.set(["k"], 2, SOON);
    assertEquals(await own.get(["k"], SOON), 2);
  }));

test("join: while a node waits to be taken in, what is its own does not wait, and it says for what", () =>
  playCounting(22, async (world) => {
    const { release } = await recovering(world);
    const { node } = await world.openAlone("gamma");
    const own = await privateOf(node, "/data/own");
    const joining = node.join();
    await world.ms(500);
    await own.set(["k"], 1, SOON);
    assertEquals(await own.get(["k"], SOON), 1);
    const { state, why } = node.status.cluster!;
    assertEquals([state, why], ["joining", "waits for this: beta is being recovered"]);
    release();
    await joining;
    assertEquals(node.status.cluster!.state, "active");
  }));

test("join: a node that stops while it waits becomes no member, and others are recovered", () =>
  playCounting(23, async (world) => {
    const { alpha, release } = await recovering(world);
    let isBad = false;
    const bad = striking(() => isBad, "sync", "/journal.", { kind: "error", code: "IO", errno: "EIO" });
    const { node } = await world.openAlone("gamma", bad);
    const own = await privateOf(node, "/data/own");
    const joining = assertRejects(() => node.join(), CohortError);
    await world.ms(300);
    isBad = true;
    await assertRejects(() => own.set(["k"], 1), CohortError);
    assertEquals(node.status.state, "stopped");
    release();
    await joining;
    const delta = await world.open("delta");
    assertEquals(alpha.node.status.cluster!.members.map((it) => it.name), ["alpha", "delta"]);
    await delta.global.set(["c"], 2);
    world.host.kill(delta.process);
    assertEquals(await alpha.global.get(["c"]), 2);
  }));

test("leave: whoever leaves while another one is recovered drops what its journal holds", () =>
  playCounting(24, async (world) => {
    const { release } = await recovering(world);
    // Taken in before: a join waits for the recovery.
    release();
    await world.ms(1_000);
    const options = { segmentBytes: 65_536, checkpointBytes: 131_072 };
    const { node } = await world.openAlone("gamma", undefined, options);
    const own = (await node.mount("/data/own", { create: true, extentBlocks: 64 })).global<string>("Own");
    await node.join();
    const delta = await world.open("delta");
    world.host.kill(delta.process);
    while (node.status.cluster?.pending.length === 0) await world.ms(1);
    await node.leave();
    for (let i = 0; i < 400; i++) await own.set([i % 20], `${i}`.padEnd(2_000, "."));
    await world.ms(2_000);
    const files = await new SimStorage(world.host.spawn()).list(`/pij/journals/${node.incarnation}`);
    const segments = files.filter((it) => /^journal\.\d+$/.test(it)).length;
    assert(segments <= 6, `${segments} segments`);
  }));

test("leave: whoever has left does not wait because a member cannot write", () =>
  playCounting(25, async (world) => {
    let isFull = false;
    const full = striking(() => isFull, "write", "/journal.", { kind: "error", code: "IO", errno: "ENOSPC" });
    const alpha = await world.open("alpha", full);
    const { node } = await world.openAlone("beta");
    const own = await privateOf(node, "/data/own");
    await node.join();
    isFull = true;
    void alpha.global.set(["c"], 1).catch(() => {});
    while (node.status.state !== "frozen") await world.ms(10);
    await node.leave();
    await own.set(["k"], 1, SOON);
    isFull = false;
  }));
