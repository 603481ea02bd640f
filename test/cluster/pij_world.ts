/** Many processes of a simulated host that begin with one PIJ directory at once, and of which some die. */
import { openPij } from "../../src/cluster/pij.ts";
import { clusterSecret } from "../../src/cluster/secret.ts";
import { SimHost, type SimProcess } from "../../src/testing/sim/host.ts";
import { ALWAYS_VALUES, drawLatencies } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimEntropy } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";

/** What a race came to. */
export interface PijRace {
  readonly clusters: Set<string>;
  readonly secrets: Set<string>;
  readonly problems: string[];
  readonly kills: number;
}

const CONTENDERS = 5;
const BOUNDS = { eventsMax: 200_000, timeMax: Number.MAX_SAFE_INTEGER };

/** One seed: in each round all begin, each may die at any call, then the power may go. */
export async function runPijRace(seed: number, drain: (() => void) | undefined): Promise<PijRace> {
  const chance = new Prng(seed, "race");
  const trace = new Trace();
  const scheduler = new Scheduler(seed, trace, drain);
  const latencies = chance.chance(1, 4) ? ALWAYS_VALUES : drawLatencies(chance);
  const host = new SimHost({ seed, scheduler, trace, latencies });
  const race = {
    clusters: new Set<string>(),
    secrets: new Set<string>(),
    problems: [] as string[],
    kills: 0,
  };
  const contend = async (process: SimProcess, number: number): Promise<void> => {
    const storage = new SimStorage(process);
    const entropy = new SimEntropy(new Prng(seed, `contender ${number}`));
    try {
      const pij = await openPij({ storage, clock: new SimClock(process), entropy }, "/pij");
      race.clusters.add(pij.cluster);
      race.secrets.add((await clusterSecret(storage, entropy, pij)).join());
    } catch (error) {
      race.problems.push(String(error));
    }
  };
  let over = false;
  const script = async (): Promise<void> => {
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < CONTENDERS; i++) {
        const process = host.spawn();
        const last = chance.between(1, 12);
        if (chance.chance(1, 2)) {
          process.watch = (it, { number }) => {
            if (number < last || !it.alive) return;
            race.kills++;
            host.kill(it);
          };
        }
        void contend(process, round * CONTENDERS + i);
      }
      await scheduler.sleep(10_000_000);
      if (chance.chance(1, 2)) host.powerCut();
    }
    // Somebody comes through at last.
    await contend(host.spawn(), -1);
    over = true;
  };
  scheduler.after(0, () => void script());
  const end = await scheduler.run(() => over, BOUNDS);
  if (end !== "done") race.problems.push(`it ended by ${end}`);
  return race;
}
