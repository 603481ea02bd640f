/** Calls of another member's database over a hostile network, in views that change, with members killed. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { nativeDrain } from "../sim/drain.ts";
import { type RemoteDisturbances, runRemote } from "./remote_world.ts";

const VIEWS: RemoteDisturbances = {
  serverKills: false,
  callerKills: false,
  views: true,
  evilNetwork: false,
  impatience: false,
};
const NETWORK: RemoteDisturbances = { ...VIEWS, callerKills: true, evilNetwork: true };
const ALL: RemoteDisturbances = { ...NETWORK, serverKills: true, impatience: true };

async function play(how: RemoteDisturbances, seeds: readonly number[], seconds: number): Promise<number[]> {
  const sum = [0, 0, 0, 0];
  for (const seed of seeds) {
    const world = await runRemote(seed, await nativeDrain(), how, seconds);
    assertEquals(world.problems.slice(0, 5), [], `seed ${seed}`);
    const { answered, unknown, refused, views } = world;
    [answered, unknown, refused, views].forEach((count, at) => sum[at]! += count);
  }
  return sum;
}

const LIMIT = { timeoutMs: 300_000 };

test("remote calls: views that both ends live through lose nothing and repeat nothing", LIMIT, async () => {
  const [answered, unknown, refused, views] = await play(VIEWS, [2, 3], 6) as [
    number,
    number,
    number,
    number,
  ];
  assert(answered > 2_000 && unknown === 0 && refused === 0 && views > 4, `${answered} ${views}`);
});

test("remote calls: a network that breaks, and callers that die: in order, once at most", LIMIT, async () => {
  const [answered] = await play(NETWORK, [1, 2, 3], 6) as [number];
  assert(answered > 2_000, `${answered}`);
});

test(
  "remote calls: whoever has the database is killed: what was answered is there, once",
  LIMIT,
  async () => {
    const [answered, unknown, refused] = await play(ALL, [1, 2, 3, 4], 6) as [number, number, number];
    assert(answered > 2_000 && unknown > 10 && refused > 100, `${answered} ${unknown} ${refused}`);
  },
);

test("remote calls: one seed is one run", LIMIT, async () => {
  const worlds = [
    await runRemote(5, await nativeDrain(), ALL, 2),
    await runRemote(5, await nativeDrain(), ALL, 2),
  ];
  assertEquals(worlds[0]!.trace.hash(), worlds[1]!.trace.hash());
});
