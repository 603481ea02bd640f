/**
 * Blocks whose home write failed half way: what stands on the volume may be neither the old block nor the
 * new, and only the member that wrote it can mend that while it lives.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { Pool } from "../../src/buffer/pool.ts";
import { copyFrames, CycleImages } from "../../src/buffer/write_cycle.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { BlockWrite, VolumeFile } from "../../src/ports/mod.ts";
import { Volume } from "../../src/storage/volume.ts";
import { nativeDrain } from "../sim/drain.ts";
import { BLOCK, FACTS, load } from "./buffer_rig.ts";
import type { Party } from "./coherence_party.ts";
import { type CoherenceManner, type CoherenceWorld, runCoherence } from "./coherence_world.ts";
import { QUIET_MANNER } from "./quiet_manner.ts";

/** Nothing goes home but by a checkpoint. */
const MANNER: CoherenceManner = {
  ...QUIET_MANNER,
  members: 3,
  idleMs: 3_600_000,
};

/** A volume whose writes are settled by the test, in the order in which they come. */
function gatedVolume(index: number) {
  const writes: Array<{ readonly blocks: number[]; readonly done: () => void; readonly fail: () => void }> =
    [];
  const write = (set: readonly BlockWrite[]): Promise<void> =>
    new Promise((done, reject) => {
      const fail = (): void => reject(new CohortError("IO", "EIO"));
      writes.push({ blocks: set.map((it) => it.block), done, fail });
    });
  const file = { path: `/v${index}`, blockSize: BLOCK, write } as unknown as VolumeFile;
  return { volume: new Volume(file, FACTS, index, 64, false), writes };
}

/** A cycle of these blocks of each volume. */
function cycleOf(volumes: readonly Volume[], blocks: readonly number[]): CycleImages {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const frames = volumes.flatMap((_, index) => blocks.map((block) => load(pool, index, block)));
  return new CycleImages(copyFrames(pool, frames, (index) => volumes[index]));
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test("CycleImages: a block whose home write failed leaves once it is written", async () => {
  const { volume, writes } = gatedVolume(0);
  const images = cycleOf([volume], [5, 6, 7]);
  assertEquals(images.letGo(volume, 7), undefined, "nothing was issued");
  const first = images.writeHome();
  let left = 0;
  const letGo = (block: number) => void images.letGo(volume, block)!.then(() => left++);
  letGo(5);
  writes[0]!.fail();
  await assertRejects(() => first, CohortError, "EIO");
  letGo(6);
  await turns();
  assertEquals(left, 0, "they may be half written");
  for (const isGood of [false, true]) {
    const again = images.writeHome();
    await turns();
    assertEquals([writes.at(-1)!.blocks, left], [[5, 6], 0]);
    if (isGood) writes.at(-1)!.done();
    else writes.at(-1)!.fail();
    await again.catch(() => {});
  }
  await turns();
  assertEquals(left, 2);
  assertEquals([images.letGo(volume, 5), images.list.map((it) => it.block)], [undefined, [6]]);
});

test("CycleImages: what another volume refuses holds up no block that is written", async () => {
  const [one, two] = [gatedVolume(0), gatedVolume(1)];
  const images = cycleOf([one.volume, two.volume], [5]);
  const first = images.writeHome();
  one.writes[0]!.done();
  two.writes[0]!.fail();
  await assertRejects(() => first, CohortError, "EIO");
  assertEquals(images.letGo(one.volume, 5), undefined);
  assert(images.letGo(two.volume, 5) !== undefined);
  const again = images.writeHome();
  two.writes[1]!.done();
  // What left is to be synced all the same.
  assertEquals([...await again], [one.volume, two.volume]);
  assertEquals([one.writes.length, images.list.map((it) => it.volume)], [1, [two.volume]]);
});

/**
 * Changes a value at a member, whose home write of it then fails half way; answers the block that is neither
 * the old nor the new, undefined when no such block came of it.
 */
async function tear(party: Party, { scheduler }: CoherenceWorld): Promise<number | undefined> {
  const { member: { engine: { pool }, daemon }, core: { volume } } = party;
  await Promise.all([0, 1, 2, 3].map((key) => party.global.set(["k", key], "w".repeat(900))));
  await daemon.checkpoint();
  await party.global.set(["k", 1], "x".repeat(900));
  const frames = [...pool.framesOf(volume.index)].filter((it) => pool.isDirty(it));
  const blocks = frames.map((it) => pool.blockOf[it]!).sort((a, b) => a - b);
  party.tearsAt = blocks.length * BLOCK - BLOCK / 2;
  daemon.checkpoint().catch(() => {});
  while (daemon.status.frozen === undefined) await scheduler.sleep(100);
  const { fault } = await volume.readRaw(blocks.at(-1)!);
  return fault === undefined ? undefined : blocks.at(-1);
}

/** Runs a play of three members in some worlds, in which a block is torn at the first. */
async function play(
  run: (block: number, world: CoherenceWorld, parties: readonly [Party, Party, Party]) => Promise<void>,
): Promise<void> {
  let torn = 0;
  for (const seed of [1, 2, 3, 4]) {
    const world = await runCoherence(seed, await nativeDrain(), MANNER, async (world) => {
      await world.begin();
      const [one, two, three] = world.parties as [Party, Party, Party];
      const block = await tear(one, world);
      if (block === undefined) return;
      torn++;
      await run(block, world, [one, two, three]);
    });
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
  }
  assert(torn > 1, `${torn} blocks were torn`);
}

test("torn home: who is sent the block, and is lost before it is home, takes nothing along", () =>
  play(async (_block, world, [one, two, three]) => {
    const { scheduler, host } = world;
    await two.global.set(["k", 1], "y".repeat(900));
    host.kill(two.process);
    world.isRecovered = false;
    world.view++;
    for (const party of [one, three]) party.enter();
    while (!world.isRecovered) await scheduler.sleep(1_000);
    for (const { global } of [one, three]) assertEquals(await global.get(["k", 1]), "y".repeat(900));
  }));

test("torn home: a view that changes while the block is wanted leaves it to whoever has it", () =>
  play(async (block, world, [one, two, three]) => {
    const { scheduler, network } = world;
    network.cut(one.name, two.name);
    const taken = two.coherence.obtain(
      { volume: two.core.volume, block, mode: "EX", isFresh: false },
      undefined,
    );
    await scheduler.sleep(20_000);
    world.view++;
    network.heal();
    for (const party of world.parties) party.enter();
    two.member.engine.pool.unpin(await taken);
    assertEquals(await three.global.get(["k", 1]), "x".repeat(900));
  }));
