/** Blocks that were sent on, and how they come home: then journals may be dropped that would redo them. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { NO_FRAME } from "../../src/buffer/pool.ts";
import { blockStamp } from "../../src/ground/block.ts";
import { nativeDrain } from "../sim/drain.ts";
import type { Party } from "./coherence_party.ts";
import { type CoherenceWorld, runCoherence } from "./coherence_world.ts";
import { QUIET_MANNER } from "./quiet_manner.ts";

/** Runs a play of two members in some worlds. */
async function play(
  run: (world: CoherenceWorld, one: Party, two: Party) => Promise<void>,
  seeds: readonly number[] = [1, 2, 3, 4],
): Promise<void> {
  for (const seed of seeds) {
    const world = await runCoherence(seed, await nativeDrain(), QUIET_MANNER, async (world) => {
      await world.begin();
      await run(world, world.parties[0]!, world.parties[1]!);
    });
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
  }
}

/** Blocks that a member has changed and not brought home. */
function dirtyOf({ member, core }: Party): number[] {
  const { pool } = member.engine;
  return [...pool.framesOf(core.volume.index)].filter((it) => pool.isDirty(it)).map((it) =>
    pool.blockOf[it]!
  );
}

/** Lets a member have a block to change, and change nothing. */
async function take({ coherence, member, core }: Party, block: number): Promise<void> {
  const frame = await coherence.obtain({ volume: core.volume, block, mode: "EX", isFresh: false }, undefined);
  member.engine.pool.unpin(frame);
}

test("home: who is sent what others changed brings it home when it is quiet", async () => {
  let taken = 0;
  await play(async ({ scheduler }, one, two) => {
    await one.global.set(["k", 1], "x".repeat(900));
    for (const block of dirtyOf(one)) {
      await take(two, block);
      taken++;
    }
    assertEquals(dirtyOf(one), []);
    await scheduler.sleep(200_000);
    assertEquals(dirtyOf(two), []);
  });
  assert(taken > 4, `${taken} blocks were taken`);
});

test("home: a checkpoint waits for what came and found no frame, though nobody waits for it", async () => {
  let waited = 0;
  await play(async ({ scheduler }, one, two) => {
    await one.global.set(["k", 1], "x".repeat(900));
    const { member, core, coherence } = two;
    const { pool } = member.engine;
    const block = dirtyOf(one).at(-1)!;
    const scratch: number[] = [];
    for (let it = pool.takeScratch(); it !== NO_FRAME; it = pool.takeScratch()) scratch.push(it);
    const hurry = new AbortController();
    const need = { volume: core.volume, block, mode: "EX", isFresh: false } as const;
    let isGivenUp = false;
    void Promise.resolve(coherence.obtain(need, hurry.signal)).catch(() => isGivenUp = true);
    await scheduler.sleep(300_000);
    if (dirtyOf(one).includes(block)) return;
    // It may have gone home before it was sent.
    if (coherence.held.find(core.volume.index, block)?.isUnplaced !== true) return hurry.abort();
    waited++;
    hurry.abort();
    let isHome = false;
    const home = member.daemon.checkpoint().then(() => isHome = true);
    await scheduler.sleep(300_000);
    assertEquals([isGivenUp, isHome], [true, false]);
    for (const frame of scratch) pool.releaseScratch(frame);
    await home;
    const { bytes, fault } = await core.volume.readRaw(block);
    const frame = pool.findAny(core.volume.index, block);
    assertEquals(fault, undefined);
    assertEquals(blockStamp(bytes, 0), blockStamp(pool.bytes, frame * pool.blockSize));
    assertEquals(dirtyOf(two), []);
  });
  assert(waited > 1, `${waited} blocks found no frame`);
});

test("home: who takes a block back late, for a view that is over, holds up nobody", async () => {
  let slow = 0;
  await play(async (world, one, two) => {
    const { scheduler, network } = world;
    await one.global.set(["k", 1], "x".repeat(900));
    const block = dirtyOf(one).at(-1)!;
    network.cut(one.name, two.name);
    let isTaken = false;
    void take(two, block).then(() => isTaken = true);
    await scheduler.sleep(2_000_000);
    const { volume } = one.core;
    const readRaw = volume.readRaw.bind(volume);
    let reads = 0;
    volume.readRaw = async (at) => {
      if (at === block && ++reads === 1) await scheduler.sleep(20_000_000);
      return readRaw(at);
    };
    for (let i = 0; i < 2; i++) {
      world.view++;
      for (const party of [one, two]) party.enter();
      if (i === 0) network.heal();
      await scheduler.sleep(5_000_000);
    }
    if (reads > 1) slow++;
    await scheduler.sleep(20_000_000);
    assert(isTaken, `block ${block} was not given on after ${reads} reads`);
  });
  assert(slow > 0, "a read of an earlier view was under way");
});

test("home: a block that moves on and on goes home all the same, and journals are dropped", async () => {
  await play(async ({ scheduler, parties, chance }) => {
    let isOver = false;
    // Nobody is quiet, no pool is short of room, and no member has the block for long.
    const move = async (party: Party): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        await party.global.set(["k", 1], `${party.name} ${i} ${"x".repeat(900)}`);
        await scheduler.sleep(chance.between(20, 200));
      }
    };
    const moves = [...parties, ...parties].map(move);
    await scheduler.sleep(6_000_000);
    for (const { name, member: { journal } } of parties) {
      const [first] = journal.segments();
      const kept = journal.position - first!.base;
      // How much it is goes by the network: what must come home is asked for over it.
      assert(first!.base > 0 && kept < 2_500_000, `${name} keeps ${kept} of ${journal.position}`);
    }
    isOver = true;
    await Promise.all(moves);
  }, [3, 5, 9]);
});

test("home: what was sent on is not looked for by the write cycles, but some at once", async () => {
  let looked = 0;
  await play(async ({ scheduler }, one, two) => {
    const keys = Array.from({ length: 12 }, (_, key) => key);
    for (let round = 0; round < 50 && one.coherence.owed.size < 3; round++) {
      for (const party of [one, two]) {
        await Promise.all(keys.map((key) => party.global.set(["k", key], `${round} ${"x".repeat(2_000)}`)));
      }
    }
    const owed = one.coherence.owed.size;
    if (owed < 3) return;
    looked++;
    const { volume } = one.core;
    let reads = 0, atOnce = 0, most = 0;
    const readRaw = volume.readRaw.bind(volume);
    volume.readRaw = async (block) => {
      reads++;
      most = Math.max(most, ++atOnce);
      await scheduler.sleep(300_000);
      atOnce--;
      return readRaw(block);
    };
    const begun = scheduler.now;
    await one.member.daemon.checkpoint();
    assert(scheduler.now - begun < 300_000, `a checkpoint took ${scheduler.now - begun} us`);
    await scheduler.sleep(9_000_000);
    assertEquals(one.coherence.owed.size, 0);
    assert(reads >= owed && most > 1 && most <= 4, `${reads} reads, ${most} at once`);
  }, [2, 4, 5, 6, 7, 8]);
  assert(looked > 1, `in ${looked} worlds something was looked for`);
});
