/** Members that share a volume: each reads and writes as if it were alone. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { seedsOf, shared } from "../support/depth.ts";
import { InvariantError } from "../../src/ground/errors.ts";
import { nativeDrain } from "../sim/drain.ts";
import { type CoherenceManner, CoherenceWorld, runCoherence } from "./coherence_world.ts";

/** Sizes of a seed: two to four members, from one to five clients each, few keys or some, small pools. */
function mannerOf(seed: number, views: number, losses: number): CoherenceManner {
  return {
    members: 2 + seed % 3,
    clients: 1 + seed % 5,
    operations: 120,
    keys: [3, 20, 300, 600][seed % 4]!,
    poolBlocks: [28, 40, 96][seed % 3]!,
    views,
    losses,
  };
}

async function runAll(
  from: number,
  to: number,
  views: number,
  losses: number = 0,
): Promise<CoherenceWorld[]> {
  const worlds: CoherenceWorld[] = [];
  for (const seed of seedsOf(from, to)) {
    const world = await runCoherence(seed, await nativeDrain(), mannerOf(seed, views, losses));
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
    worlds.push(world);
  }
  return worlds;
}

test("coherence: what members read, write, count and move is as if there were one of them", async () => {
  const worlds = await runAll(1, 8, 0);
  const sent = worlds.flatMap((it) => it.parties).reduce((sum, it) => sum + it.coherence.counts.transfers, 0);
  assert(sent > 125 * worlds.length, `${sent} blocks were sent`);
});

test("coherence: views that change meanwhile lose nothing of what was on its way", async () => {
  const worlds = await runAll(61, 68, 6);
  for (const world of worlds) assert(world.view > 3, `${world.view} views`);
});

test("coherence: of members that are killed, in recoveries too, nothing acknowledged is lost", async () => {
  const worlds = await runAll(1, 24, 1, 2);
  const lost = worlds.reduce((sum, it) => sum + it.lost.length, 0);
  const applied = worlds.flatMap((it) => it.recovered).reduce((sum, it) => sum + it.recordsApplied, 0);
  const { length } = worlds;
  assert(lost >= length && applied > length / 2, `${lost} were lost, ${applied} records applied`);
});

test("coherence: when the power of all goes, whoever comes recovers what was acknowledged", async () => {
  for (const seed of seedsOf(1, 24)) {
    const manner = { ...mannerOf(seed, 1, 1), operations: 400, power: true };
    const world = await runCoherence(seed, await nativeDrain(), manner);
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
    assertEquals(world.living.length, 0);
  }
});

test("coherence: an image that comes spoiled is said to be so and sent again, and never taken", async () => {
  for (const seed of seedsOf(1, 6)) {
    const manner = { ...mannerOf(seed, seed % 2, 0), spoils: 100 };
    const world = await runCoherence(seed, await nativeDrain(), manner);
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
    assert(world.spoils > 3 && world.troubles.length > 3, `${world.spoils} of seed ${seed} were spoiled`);
  }
});

test("coherence: who gives up waiting leaves nothing behind, also where a way stands still", async () => {
  for (const seed of seedsOf(1, 5)) {
    const hurryMs = seed % 4 === 0 ? 200 : 3;
    const manner = { ...mannerOf(seed, seed % 3, 0), hurried: 300, hurryMs, stalls: seed % 3 };
    const world = await runCoherence(seed, await nativeDrain(), manner);
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
  }
});

test("coherence: what is granted to somebody who has given up is given back, after a loss, too", async () => {
  for (const seed of shared([286, 291, 307])) {
    const manner = {
      ...mannerOf(seed, 1, 1),
      members: 3 + seed % 2,
      clients: 1 + seed % 4,
      operations: 60,
      hurried: 200,
      hurryMs: 5,
      spoils: 30,
    };
    const world = await runCoherence(seed, await nativeDrain(), manner);
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
  }
});

test("coherence: what came and found no frame goes home while somebody waits to change it", async () => {
  const manner = { ...mannerOf(129, 12, 1), operations: 60, hurried: 100, hurryMs: 5, blinds: true };
  const world = await runCoherence(129, await nativeDrain(), { ...manner, members: 4, clients: 2 });
  assertEquals(world.problems.slice(0, 3), []);
});

test("coherence: members that grow the volume at once wipe nothing of each other", async () => {
  const seeds = seedsOf(1, 12);
  let blocks = 0;
  for (const seed of seeds) {
    const manner = { ...mannerOf(seed, 0, 0), operations: 40, keys: 3_000, poolBlocks: 96, grows: true };
    const world = await runCoherence(seed, await nativeDrain(), manner);
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
    blocks += Math.max(...world.parties.map(({ core }) => core.volume.blocks));
  }
  assert(blocks > 300 * seeds.length, `${blocks} blocks`);
});

test("coherence: groups of which a segment holds one wait for no block that waits for them", async () => {
  for (const seed of shared([3, 14, 19])) {
    const manner = {
      ...mannerOf(seed, 0, 0),
      members: 3,
      clients: 1 + seed % 4,
      operations: 40,
      keys: 3_000,
    };
    const world = await runCoherence(seed, await nativeDrain(), { ...manner, poolBlocks: 96, grows: true });
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
  }
});

test("coherence: what was sent on is taken back though the volume cannot be read for a while", async () => {
  let unread = 0;
  for (const seed of [5, 16, 17, 23]) {
    const manner = { ...mannerOf(seed, 8, 0), operations: 60, blinds: true };
    const world = await runCoherence(seed, await nativeDrain(), manner);
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
    unread += world.troubles.length;
  }
  assert(unread > 0, "something was to be taken back unread");
});

test("coherence: by way of the disk, alone or beside members that send, nothing is lost either", async () => {
  let left = 0;
  for (const seed of seedsOf(1, 12)) {
    const [views, losses] = [[0, 0], [4, 0], [1, 2]][seed % 3]!;
    const handover = seed % 2 === 0 ? "disk" : "mixed";
    const isCut = seed % 6 === 5;
    const operations = isCut ? 400 : 120;
    const manner = { ...mannerOf(seed, views!, losses!), operations, handover, power: isCut } as const;
    const world = await runCoherence(seed, await nativeDrain(), manner);
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
    left += world.parties.reduce((sum, it) => sum + it.coherence.counts.left, 0);
    const sent = world.parties.reduce((sum, it) => sum + it.coherence.counts.transfers, 0);
    if (handover === "disk") assertEquals(sent, 0, `seed ${seed}`);
  }
  assert(left > 40, `${left} blocks were left at home`);
});

test("coherence: what goes home to leave in one view may be asked for and used in the next", async () => {
  const manner = { ...mannerOf(1043, 3, 1), keys: 3, handover: "mixed" } as const;
  const world = await runCoherence(1043, await nativeDrain(), manner);
  assertEquals(world.problems.slice(0, 3), []);
});

test("coherence: one seed is one run", async () => {
  const hash = async (): Promise<string> =>
    (await runCoherence(5, await nativeDrain(), mannerOf(5, 3, 1))).trace.hash();
  assertEquals(await hash(), await hash());
});

test("coherence: a volume of which blocks are here unshared cannot begin to be shared", async () => {
  const world = new CoherenceWorld(1, await nativeDrain(), mannerOf(1, 0, 0));
  const party = world.parties[0]!;
  let isDone = false;
  let refused: unknown;
  const run = async (): Promise<void> => {
    await party.open([]);
    await party.global.set(["k"], 1);
    const { engine } = party.member;
    const volume = party.core.volume;
    assert([...engine.pool.framesOf(volume.index)].length > 0);
    try {
      party.coherence.share(volume);
    } catch (error) {
      refused = error;
    }
    assert(!volume.isShared);
    await party.global.set(["k"], 2);
  };
  void run().then(() => isDone = true, (error) => world.problems.push(`${error}`));
  await world.scheduler.run(() => isDone || world.problems.length > 0, {
    eventsMax: 100_000,
    timeMax: 60_000_000,
  });
  assertEquals([isDone, world.problems], [true, []]);
  assert(refused instanceof InvariantError, `${refused}`);
});

test("coherence: who needs a block of a volume that is shared no more is told so", async () => {
  let code = "";
  const manner = { ...mannerOf(1, 0, 0), members: 2, clients: 0 };
  const world = await runCoherence(1, await nativeDrain(), manner, async (world) => {
    await world.begin();
    const { coherence, core: { volume }, global, member } = world.parties[0]!;
    await global.set(["k"], 1);
    await member.daemon.checkpoint();
    while (coherence.giveUp(volume) > 0) await world.scheduler.sleep(1_000);
    coherence.unshare(volume);
    await global.get(["k"]).catch((error) => code = error.code);
  });
  assertEquals([world.problems, code], [[], "NOT_MOUNTED"]);
});

test("coherence: who has the volume as a whole gives what others come for, and loses nothing", async () => {
  let taken = 0;
  for (const seed of seedsOf(1, 12)) {
    const manner = { ...mannerOf(seed, [0, 0, 4][seed % 3]!, [0, 1, 0][seed % 3]!), operations: 200 };
    const world = await runCoherence(seed, await nativeDrain(), { ...manner, absences: 20 });
    assertEquals(world.problems.slice(0, 3), [], `seed ${seed}`);
    taken += world.taken;
  }
  assert(taken > 80, `${taken} blocks were taken`);
});

test("coherence: a volume that one member uses costs no message", async () => {
  const manner = { members: 1, clients: 3, operations: 200, keys: 60, poolBlocks: 64, views: 0, losses: 0 };
  const world = await runCoherence(1, await nativeDrain(), manner);
  assertEquals([world.problems, world.parties[0]!.coherence.messages], [[], 0]);
});
