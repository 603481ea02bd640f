/**
 * What each operation costs in messages between members, as Must-show 2.a asks: those that somebody waits for
 * and those that nobody does, and the syncs that somebody waits for. Real engines over a simulated network;
 * each figure is that of one operation, all else being quiet.
 */
import { keeperOf, KEPT_BLOCKS } from "../../src/buffer/block_keeping.ts";
import type { Party } from "./coherence_party.ts";
import { type CoherenceManner, type CoherenceWorld, runCoherence } from "./coherence_world.ts";
import { QUIET_MANNER } from "./quiet_manner.ts";

/** One operation, and what it may cost. */
export interface CostRow {
  readonly what: string;
  readonly critical: number;
  readonly background: number;
  readonly transfers: number;
  readonly syncs: number;
  readonly wanted: { readonly critical: number; readonly transfers: number; readonly syncs: number };
}

const MANNER: CoherenceManner = {
  ...QUIET_MANNER,
  members: 5,
  idleMs: 60_000,
  isRelaxed: true,
};
/** Virtual microseconds in which all that is under way arrives. */
const QUIET_US = 800_000;

interface Cost {
  critical: number;
  background: number;
  transfers: number;
  syncs: number;
}

function costOf({ parties }: CoherenceWorld): Cost {
  const cost: Cost = { critical: 0, background: 0, transfers: 0, syncs: 0 };
  for (const { coherence, core, member } of parties) {
    const { critical, background, transfers } = coherence.countsOf(core.volume).look();
    cost.critical += critical;
    cost.background += background;
    cost.transfers += transfers;
    cost.syncs += member.journal.stats.syncs;
  }
  return cost;
}

/** Measures operations in a world that is begun. */
class Costs {
  readonly rows: CostRow[] = [];
  readonly #world: CoherenceWorld;

  constructor(world: CoherenceWorld) {
    this.#world = world;
  }

  async quiet(): Promise<void> {
    await this.#world.scheduler.sleep(QUIET_US);
  }

  /** All is home, and nobody holds anything. */
  async rest(): Promise<void> {
    for (const { member } of this.#world.parties) await member.daemon.checkpoint();
    await this.quiet();
    for (const { coherence, core } of this.#world.parties) coherence.giveUp(core.volume);
    await this.quiet();
  }

  async row(
    what: string,
    wanted: CostRow["wanted"],
    run: () => Promise<unknown>,
    first: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<void> {
    await this.quiet();
    await first();
    const before = costOf(this.#world);
    await run();
    // What the relaxed interval syncs afterwards nobody waited for.
    const { syncs } = costOf(this.#world);
    await this.quiet();
    const after = costOf(this.#world);
    this.rows.push({
      what,
      critical: after.critical - before.critical,
      background: after.background - before.background,
      transfers: after.transfers - before.transfers,
      syncs: syncs - before.syncs,
      wanted,
    });
  }
}

/** What of a row is not as it must be; undefined when all is. */
export function excessOf(row: CostRow): string | undefined {
  const { what, critical, background, transfers, syncs, wanted } = row;
  const isRight = critical === wanted.critical && transfers === wanted.transfers && syncs === wanted.syncs &&
    background <= 2 * transfers;
  if (isRight) return undefined;
  return `${what}: ${critical} and ${background} messages, ${transfers} transfers, ${syncs} syncs`;
}

/**
 * Runs all of it in the world of a seed; what went wrong is in its problems. A member that `forgets` which
 * trees are one leaf asks for that to read and then to change: that must be seen to cost more.
 */
export async function measureCosts(
  seed: number,
  drain: (() => void) | undefined,
  forgets: boolean = false,
): Promise<{ readonly rows: readonly CostRow[]; readonly problems: readonly string[] }> {
  let rows: readonly CostRow[] = [];
  const world = await runCoherence(seed, drain, MANNER, async (world) => {
    await world.begin();
    const costs = new Costs(world);
    await measure(world, costs, forgets);
    rows = costs.rows;
  });
  return { rows, problems: world.problems };
}

const KEY = ["k"];

async function measure(world: CoherenceWorld, costs: Costs, forgets: boolean): Promise<void> {
  const { parties } = world;
  const { tag } = parties[0]!.core.volume.facts;
  const name = keeperOf(parties.map((it) => it.incarnation), tag, Math.floor(0 / KEPT_BLOCKS));
  const keeper = parties.find((it) => it.incarnation === name)!;
  const [one, two, three, four] = parties.filter((it) => it !== keeper) as [Party, Party, Party, Party];
  await one.global.set(KEY, 1);
  await one.other.set(KEY, 1);
  await costs.rest();
  /** A member knows the way to both trees, and has the leaf of the other one only. */
  const know = async (...all: Party[]): Promise<void> => {
    for (const party of all) await party.other.get(KEY);
  };
  const get = (party: Party) => (): Promise<unknown> => party.global.get(KEY);
  const set = (party: Party) => (): Promise<unknown> => party.global.set(KEY, 2);
  await know(one, two, three, four, keeper);

  await costs.row("read, held by nobody", { critical: 2, transfers: 0, syncs: 0 }, get(one));
  await costs.row("read, a hit", { critical: 0, transfers: 0, syncs: 0 }, get(one));
  await costs.row("read, one holder elsewhere, clean", { critical: 2, transfers: 0, syncs: 0 }, get(two));
  await costs.row(
    "read by the keeper, clean elsewhere",
    { critical: 0, transfers: 0, syncs: 0 },
    get(keeper),
  );
  await get(three)();
  // one, two, three and the keeper read it; two of three sharers besides the asker are messages away.
  await costs.row("write over 3 sharers, one of them the keeper", {
    critical: 2 + 2 * 2,
    transfers: 0,
    syncs: 0,
  }, set(one));
  await costs.row("write, a hit", { critical: 0, transfers: 0, syncs: 0 }, set(one));
  await costs.row(
    "write, one holder elsewhere, dirty",
    { critical: 3, transfers: 1, syncs: 1 },
    set(two),
    () => {
      if (forgets) two.core.volume.leafRoots.clear();
      return set(one)();
    },
  );
  await costs.row(
    "read, one holder elsewhere, dirty",
    { critical: 3, transfers: 1, syncs: 1 },
    get(three),
    set(two),
  );
  await get(four)();
  // two answers for it still; three and four read it.
  await costs.row("write over 2 sharers, one of which answers for it", {
    critical: 2 + 2 * 2 + 1,
    transfers: 1,
    syncs: 0,
  }, set(three));
  await costs.row(
    "write by the keeper, one holder, dirty",
    { critical: 2, transfers: 1, syncs: 1 },
    set(keeper),
    set(three),
  );
  await costs.row(
    "read by another, of what the keeper changed",
    { critical: 2, transfers: 1, syncs: 1 },
    get(one),
    set(keeper),
  );
  await alone(costs, one);
  await whole(costs, one, [two, three, four, keeper]);
}

/** A database that one member has as a whole, when the others use it no more; then one of them comes back. */
async function whole(
  costs: Costs,
  { global, other, coherence, core }: Party,
  others: Party[],
): Promise<void> {
  await costs.rest();
  for (const it of others) it.coherence.unshare(it.core.volume);
  await costs.quiet();
  const before = coherence.countsOf(core.volume).taken;
  await costs.row("100 misses, to read and to write, by the one user", {
    critical: 0,
    transfers: 0,
    syncs: 0,
  }, async () => {
    for (let i = 0; i < 50 || coherence.countsOf(core.volume).taken - before < 100; i++) {
      coherence.giveUp(core.volume);
      await global.get(KEY);
      await other.get([i]);
    }
    await global.set(KEY, 3);
  });
  const [back] = others as [Party];
  // The list of what is held comes before anything is asked for.
  back.coherence.share(back.core.volume);
  await costs.quiet();
  await back.other.get(KEY);
  await costs.row(
    "read by another that comes, dirty at the one user",
    { critical: 3, transfers: 1, syncs: 1 },
    () => back.global.get(KEY),
    () => global.set(KEY, 4),
  );
}

/** A database that one member uses, after warm-up. */
async function alone(costs: Costs, { global }: Party): Promise<void> {
  const get = (): Promise<unknown> => global.get(KEY);
  const set = (): Promise<unknown> => global.set(KEY, 2);
  await costs.rest();
  await set();
  await costs.row("100 reads and writes by one member", { critical: 0, transfers: 0, syncs: 0 }, async () => {
    for (let i = 0; i < 50; i++) {
      await set();
      await get();
    }
  });
}
