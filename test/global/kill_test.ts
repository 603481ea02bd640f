/** Kills of every size: what goes, what stays, what comes back, in how much memory. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import type { Global, Subscript, Value } from "../../mod.ts";
import { AGAIN } from "../../src/buffer/engine.ts";
import { MISS } from "../../src/buffer/step.ts";
import { enqueueSubtree } from "../../src/global/free_queue.ts";
import { takeBlock } from "../../src/global/space.ts";
import { Prng } from "../support/prng.ts";
import { assertSound, queueEmptied, type Rig, withRig } from "./rig.ts";

/** Blocks in use. */
function used(rig: Rig): number {
  const { blocks, blocksFree } = rig.database.status;
  return blocks - blocksFree;
}

async function keys(global: Global<Value>): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of global.entries().batches()) found.push(...batch.map(([key]) => key.join(",")));
  return found;
}

test("kill: a subtree many times the pool goes in one step and all its blocks come back", () =>
  withRig({ poolBlocks: 32, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    const empty = used(rig);
    for (let i = 0; i < 12_000; i++) await global.set([i % 3, i], "v".repeat(300));
    assert(used(rig) > 14 * 32, `${used(rig)} blocks`);
    await queueEmptied(rig.database);
    const { volume } = rig.database.core;
    const wake = volume.onQueued;
    volume.onQueued = undefined;
    await rig.node.sync();
    const before = rig.node.status.journalWritten;
    await global.kill([1]);
    await rig.node.sync();
    const grown = rig.node.status.journalWritten - before;
    assert(grown < 50_000, `the kill took ${grown} bytes of journal`);
    volume.onQueued = wake;
    wake?.();
    assertEquals(await global.data([1]), 0);
    assertEquals(await global.order([0], 1), 2);
    assertEquals(await global.order([2, 2], 1), 5);
    assertEquals(await global.get([0, 11_997]), "v".repeat(300));
    const left = (await assertSound(rig.database)).entries;
    assertEquals(left, 8_000);
    await global.kill();
    assertEquals(await rig.database.has("X"), false);
    await queueEmptied(rig.database);
    // The space maps of the extents that were added stay.
    assert(used(rig) <= empty + 12, `${used(rig)} blocks are in use after all was killed, ${empty} before`);
  }));

test("kill: what lies beside the killed subtree stays, at every edge", () =>
  withRig({ poolBlocks: 64, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    const prng = new Prng(3);
    const levels: Subscript[][] = [];
    for (let i = 0; i < 40; i++) {
      for (let j = 0; j < 30; j++) levels.push([i, j], [i, j, "x"], [i, `s${j}`]);
      levels.push([i]);
    }
    for (const key of levels) await global.set(key, "v".repeat(prng.below(250)));
    let wanted = new Set(await keys(global));
    const kill = async (at: Subscript[]): Promise<void> => {
      await global.kill(at);
      const prefix = at.join(",");
      wanted = new Set([...wanted].filter((it) => it !== prefix && !it.startsWith(prefix + ",")));
      assertEquals(await keys(global), [...wanted], prefix);
    };
    for (
      const at of [[0], [39], [20, 0], [20, 29], [20, "s0"], [20, "s9"], [5, 5, "x"], [7], [8], [9], [6]]
    ) {
      await kill(at);
    }
    for (let i = 0; i < 40; i += 3) await kill([i]);
    await global.kill([99]);
    await global.kill([10, 5, "x", "below"]);
    assertEquals(await keys(global), [...wanted]);
  }));

test("kill: killing one subtree after another leaves few blocks, and what is left is found at once", () =>
  withRig({ poolBlocks: 48, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    for (let i = 0; i < 6_000; i++) await global.set([Math.floor(i / 60), i], "v".repeat(300));
    for (let i = 1; i < 99; i++) await global.kill([i]);
    assertEquals(await global.order([0], 1), 99);
    assertEquals(await global.order([99], -1), 0);
    assertEquals(await global.query([0, 59], 1), [99, 5940]);
    const report = await assertSound(rig.database);
    assertEquals(report.entries, 120);
    assert(report.leaves < 40, `${report.leaves} leaves for 120 entries`);
  }));

test("kill: large values over more extents than the pool has room for are freed", () =>
  withRig({ poolBlocks: 24, extentBlocks: 16, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    // Small ones in turn, so that the blocks of one leaf's values lie far apart.
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 60; i++) await global.set([i, round], "L".repeat(4_000 + 5_000 * (i % 3)));
    }
    assert(rig.database.status.blocks > 500);
    await global.set(["kept"], "K".repeat(100_000));
    for (let i = 0; i < 60; i++) await global.kill([i]);
    await assertSound(rig.database);
    assertEquals(await keys(global), ["kept"]);
    assert(used(rig) < 16 * 4 + 40, `${used(rig)} blocks are in use`);
    await global.set(["kept"], 1);
    await queueEmptied(rig.database);
  }));

test("free queue: more leaves than the pool holds are worked off, its own blocks come back", () =>
  withRig({ poolBlocks: 24, extentBlocks: 1024, durability: "relaxed" }, async (rig) => {
    const { engine, volume } = rig.database.core;
    const empty = used(rig);
    const wake = volume.onQueued;
    volume.onQueued = undefined;
    const taken: number[] = [];
    while (taken.length < 8_000) {
      const { value } = await engine.change((change) => {
        const blocks: number[] = [];
        while (blocks.length < 100) {
          const block = takeBlock(change, volume);
          if (block === MISS) return AGAIN;
          blocks.push(block);
        }
        return blocks;
      });
      taken.push(...value);
    }
    new Prng(9).shuffle(taken);
    for (const block of taken) {
      await engine.change((change) => enqueueSubtree(change, volume, block, -1) === MISS ? AGAIN : true);
    }
    volume.onQueued = wake;
    wake?.();
    await queueEmptied(rig.database);
    // The space maps of the extents that were added stay.
    assert(used(rig) <= empty + 18, `${used(rig)} blocks are in use, ${empty} before`);
  }));

test("kill: a database with its queue full of work may be killed in again", () =>
  withRig({ poolBlocks: 32, extentBlocks: 64, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    const { volume } = rig.database.core;
    const wake = volume.onQueued;
    for (let i = 0; i < 4_000; i++) await global.set([i % 40, i], "v".repeat(700));
    volume.onQueued = undefined;
    for (let i = 0; i < 4_000; i += 2) await global.set([i % 40, i], "L".repeat(2_000 + i));
    for (let i = 0; i < 40; i++) await global.kill([i]);
    volume.onQueued = wake;
    wake?.();
    assertEquals((await assertSound(rig.database)).entries, 0);
  }));

// Under a long parent a leaf's two fences alone are more than the quarter below which it is merged.
for (const parent of ["p", "k".repeat(1_008)]) {
  const below = `a parent of ${parent.length}`;
  test(`zkill: nodes that go one by one, below ${below}, leave no row of empty leaves behind`, () =>
    withRig({ poolBlocks: 24, durability: "relaxed" }, async (rig) => {
      const global = rig.global();
      const order = Array.from({ length: 4_000 }, (_, i) => i);
      new Prng(11).shuffle(order);
      for (const i of order) await global.set([parent, i], "v".repeat(300));
      new Prng(12).shuffle(order);
      for (const i of order) if (i > 0 && i < 3_999) await global.zkill([parent, i]);
      assertEquals(await global.order([parent, 0], 1), 3_999);
      assertEquals(await global.order([parent, 3_999], -1), 0);
      const report = await assertSound(rig.database);
      assert(report.leaves < 20, `${report.leaves} leaves for 2 entries`);
    }));
}

test("check: blocks that are freed meanwhile are no finding", () =>
  withRig({ poolBlocks: 32, durability: "relaxed" }, async (rig) => {
    const global = rig.global();
    for (let i = 0; i < 6_000; i++) await global.set([i % 3, i], "v".repeat(300));
    for (const at of [0, 1, 2]) {
      await global.kill([at]);
      assertEquals((await rig.database.check()).problems, []);
    }
    await queueEmptied(rig.database);
  }));
