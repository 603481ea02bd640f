/** Blocks that were sent on, and how they come home: then journals may be dropped that would redo them. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { nativeDrain } from "../sim/drain.ts";
import type { Party } from "./coherence_party.ts";
import { type CoherenceManner, type CoherenceWorld, runCoherence } from "./coherence_world.ts";

const MANNER: CoherenceManner = {
  members: 2,
  clients: 0,
  operations: 0,
  keys: 0,
  poolBlocks: 64,
  views: 0,
  losses: 0,
};

/** Runs a play of two members in some worlds. */
async function play(
  run: (world: CoherenceWorld, one: Party, two: Party) => Promise<void>,
  manner: Partial<CoherenceManner> = {},
): Promise<void> {
  for (let seed = 1; seed <= 6; seed++) {
    const world = await runCoherence(seed, await nativeDrain(), { ...MANNER, ...manner }, async (world) => {
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
  assert(taken > 6, `${taken} blocks were taken`);
});
