/** A few simulated nodes that count in one shared database, over a calm network. */
import type { Database, Global, Node, NodeOptions, Storage } from "../../mod.ts";
import type { Fault, FaultOperation } from "../../src/testing/fault_plan.ts";
import { withFaults } from "../../src/testing/mod.ts";
import { openNodeCore } from "../../src/node/open_node.ts";
import { SimHost, type SimProcess } from "../../src/testing/sim/host.ts";
import { ALWAYS_PROMISES } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { CALM_NETWORK, SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimEntropy, SimObserver } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { nativeDrain } from "../sim/drain.ts";
import { TIMINGS } from "./timings.ts";

/** One node and what it counts with. */
export interface Counting {
  readonly node: Node;
  readonly process: SimProcess;
  readonly database: Database;
  readonly global: Global<number>;
  /** What its members' increments came to. */
  readonly counts: () => { readonly blocks: number; readonly asked: number; readonly served: number };
}

/** Their world. */
export class CountingWorld {
  readonly scheduler: Scheduler;
  readonly host: SimHost;
  readonly chance: Prng;
  readonly #seed: number;
  readonly #trace = new Trace();
  readonly #network: SimNetwork;

  constructor(seed: number, drain: (() => void) | undefined) {
    this.#seed = seed;
    this.scheduler = new Scheduler(seed, this.#trace, drain);
    const { scheduler } = this;
    this.host = new SimHost({ seed, scheduler, trace: this.#trace, latencies: ALWAYS_PROMISES });
    this.#network = new SimNetwork(seed, scheduler, this.#trace, CALM_NETWORK);
    this.chance = new Prng(seed, "increments");
  }

  /** Opens a node that is no member yet; `wrapped` makes its storage hostile. */
  async openAlone(
    name: string,
    wrapped: (storage: Storage) => Storage = (it) => it,
    options: NodeOptions = {},
  ): Promise<{ readonly node: Node; readonly process: SimProcess }> {
    const process = this.host.spawn();
    const isTaken = this.host.processes.some((it) => it.station === name);
    process.station = isTaken ? `${name}${process.pid}` : name;
    const whole = { pij: "/pij", name, timings: TIMINGS, poolBytes: 320 * 8192, ...options };
    const node = await openNodeCore(whole, {
      storage: wrapped(new SimStorage(process)),
      clock: new SimClock(process),
      entropy: new SimEntropy(new Prng(this.#seed, process.station)),
      observer: new SimObserver(this.#trace, () => this.scheduler.now),
      interconnect: () => this.#network.interconnect(process),
    });
    return { node, process };
  }

  /** Opens a node, and mounts a database. */
  async open(
    name: string,
    wrapped?: (storage: Storage) => Storage,
    { directory = "/data/hr", ...options }: NodeOptions & { readonly directory?: string } = {},
  ): Promise<Counting> {
    const { node, process } = await this.openAlone(name, wrapped, options);
    const database = await node.mount(directory, { mode: "clustered", create: true });
    const global = database.global<number>("Count");
    const counts = () => {
      const { asked, incrementsAsked, incrementsServed } = node.status.cluster!.coherence;
      return { blocks: asked, asked: incrementsAsked, served: incrementsServed };
    };
    return { node, process, database, global, counts };
  }

  /** Lets virtual milliseconds pass. */
  ms(milliseconds: number, process?: SimProcess): Promise<void> {
    return this.scheduler.sleep(milliseconds * 1000, process);
  }

  /** Counts on and on, with a rest between; answers the values, in order. */
  async count({ global, process }: Counting, restMs: number, goOn: () => boolean): Promise<number[]> {
    const values: number[] = [];
    while (goOn()) {
      values.push(await global.increment(["c"]));
      await this.ms(restMs, process);
    }
    return values;
  }
}

/** Makes calls of a storage fail, or wait, while `isNow`: of one operation, on paths that hold `part`. */
export function striking(
  isNow: () => boolean,
  struck: FaultOperation,
  part: string,
  fault: Fault,
): (storage: Storage) => Storage {
  return (storage) =>
    withFaults(
      storage,
      ({ operation, path }) => isNow() && operation === struck && path.includes(part) ? fault : undefined,
    );
}

/** Runs a play in a world of its own. */
export async function playCounting(
  seed: number,
  play: (world: CountingWorld) => Promise<void>,
): Promise<void> {
  const world = new CountingWorld(seed, await nativeDrain());
  let over = false;
  let failure: { readonly error: unknown } | undefined;
  world.scheduler.after(0, () => {
    play(world).then(() => (over = true), (error) => {
      failure = { error };
      over = true;
    });
  });
  const end = await world.scheduler.run(() => over, {
    eventsMax: 3_000_000,
    timeMax: Number.MAX_SAFE_INTEGER,
  });
  if (failure !== undefined) throw failure.error;
  if (end !== "done") throw new Error(`The play ended by ${end}`);
}
