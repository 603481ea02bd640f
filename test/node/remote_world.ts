/**
 * A simulated cluster of whole nodes: one has a database mounted privately, the others call it, over a
 * network that breaks and in views that change; and what must hold of every call.
 */
import type { Database, Node, RemoteGlobal, Subscript } from "../../mod.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import { openNodeCore } from "../../src/node/open_node.ts";
import { SimHost, type SimProcess } from "../../src/testing/sim/host.ts";
import { ALWAYS_VALUES } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { CALM_NETWORK, drawNetwork, SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimEntropy, SimObserver } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { TIMINGS } from "./timings.ts";

/** How a world is disturbed. */
export interface RemoteDisturbances {
  /** The member that has the database is killed, or stands still, and comes back. */
  readonly serverKills: boolean;
  /** Callers are killed. */
  readonly callerKills: boolean;
  /** Somebody else joins and leaves: a view that both ends live through. */
  readonly views: boolean;
  /** A network that breaks links, and is cut for a while. */
  readonly evilNetwork: boolean;
  /** Callers who give up after a while. */
  readonly impatience: boolean;
}

const DATABASE = "/data/hr";
const SERVER = "beta";
const CALLERS = ["alpha", "gamma"];
const LANES = 5;

/** What is known of a counter that one lane increments, one call after the other. */
interface Counter {
  /** The last value that was answered, or what it was at least. */
  low: number;
  /** Increments since that may have happened. */
  open: number;
  isAsked: boolean;
}

/** One life of a member. */
class Life {
  readonly name: string;
  readonly process: SimProcess;
  readonly opened: Promise<Node>;
  node: Node | undefined;
  database: Database | undefined;

  constructor(world: RemoteWorld, name: string, number: number) {
    this.name = name;
    this.process = world.host.spawn();
    this.process.station = name;
    const observer = new SimObserver(world.trace, () => world.scheduler.now);
    this.opened = openNodeCore({
      pij: "/pij",
      name,
      timings: TIMINGS,
      poolBytes: 320 * 8192,
      segmentBytes: 1 << 20,
      checkpointBytes: 1 << 20,
      idleMs: 200,
      leaseMs: 500,
    }, {
      storage: new SimStorage(this.process),
      clock: new SimClock(this.process),
      entropy: new SimEntropy(new Prng(world.seed, `${name} ${number}`)),
      observer,
      interconnect: () => world.network.interconnect(this.process),
    });
  }

  get isAlive(): boolean {
    return this.process.alive;
  }
}

/** The whole world of one seed. */
export class RemoteWorld {
  readonly seed: number;
  readonly trace: Trace = new Trace();
  readonly scheduler: Scheduler;
  readonly host: SimHost;
  readonly network: SimNetwork;
  readonly chance: Prng;
  readonly problems: string[] = [];
  readonly counters: Map<string, Counter> = new Map<string, Counter>();
  answered = 0;
  unknown = 0;
  refused = 0;
  views = 0;
  readonly #how: RemoteDisturbances;
  readonly #lives = new Map<string, Life>();
  #number = 0;
  /** Nothing is disturbed any more. */
  #isCalm = false;
  #isOver = false;

  constructor(seed: number, drain: (() => void) | undefined, how: RemoteDisturbances) {
    this.seed = seed;
    this.#how = how;
    this.chance = new Prng(seed, "remote");
    this.scheduler = new Scheduler(seed, this.trace, drain);
    const { scheduler, trace } = this;
    this.host = new SimHost({ seed, scheduler, trace, latencies: ALWAYS_VALUES });
    const manner = how.evilNetwork ? drawNetwork(new Prng(seed, "manner")) : CALM_NETWORK;
    this.network = new SimNetwork(seed, scheduler, trace, {
      ...manner,
      clogUs: Math.min(manner.clogUs, 500_000),
    });
  }

  /** A member begins a life; resolves when it is one. */
  async #start(name: string): Promise<void> {
    const life = new Life(this, name, ++this.#number);
    this.#lives.set(name, life);
    try {
      life.node = await life.opened;
      await life.node.join();
      if (name === SERVER) {
        life.database = await life.node.mount(DATABASE, { create: true });
        void this.#watch(life, life.database);
      } else if (CALLERS.includes(name)) {
        for (let lane = 0; lane < LANES; lane++) void this.#lane(life, `${name}${lane}`);
        void this.#bursts(life);
      }
    } catch (error) {
      if (!life.isAlive) return;
      if (!isCode(error, "STOPPED") && !isCode(error, "FENCED") && !isCode(error, "TIMEOUT")) {
        this.problems.push(`${name} could not begin: ${error}`);
      }
      this.#kill(name);
    }
  }

  #kill(name: string): void {
    const life = this.#lives.get(name);
    if (life === undefined) return;
    this.#lives.delete(name);
    this.host.kill(life.process);
    for (const [lane, counter] of this.counters) {
      if (lane.startsWith(name) && counter.isAsked) counter.open++;
      if (lane.startsWith(name)) counter.isAsked = false;
    }
  }

  async #global<T>(life: Life, name: string): Promise<RemoteGlobal<T> | undefined> {
    while (life.isAlive && !this.#isOver) {
      try {
        return (await life.node!.remote(SERVER).database(DATABASE)).global<T>(name);
      } catch (error) {
        if (life.isAlive) this.#note(error);
      }
      await this.#rest(life);
    }
    return undefined;
  }

  #rest(life: Life): Promise<void> {
    const most = this.#isCalm ? 900_000 : 90_000;
    return this.scheduler.sleep(this.chance.between(most / 30, most), life.process);
  }

  /** Whether a call that failed may have happened. */
  #note(error: unknown): boolean {
    if (isCode(error, "OUTCOME_UNKNOWN")) {
      this.unknown++;
      if (!this.#how.serverKills) this.problems.push(`nobody was killed: ${error}`);
      return true;
    }
    this.refused++;
    if (isCode(error, "TIMEOUT")) return true;
    const isKnown = isCode(error, "UNREACHABLE") || isCode(error, "NOT_MOUNTED");
    if (!isKnown || !this.#how.serverKills) {
      // A caller that is evicted stops; its supervisor begins anew.
      const isOwn = isCode(error, "STOPPED") || isCode(error, "CLOSED") || isCode(error, "FENCED");
      if (!isOwn) this.problems.push(`a call: ${error instanceof CohortError ? error.code : ""} ${error}`);
    }
    return !isKnown;
  }

  /** Increments one counter, one call after the other: each value is the next, but for what is unknown. */
  async #lane(life: Life, lane: string): Promise<void> {
    const counter = this.counters.get(lane) ?? { low: 0, open: 0, isAsked: false };
    this.counters.set(lane, counter);
    const global = await this.#global<number>(life, "Count");
    while (global !== undefined && life.isAlive && !this.#isOver) {
      const options = this.#how.impatience && this.chance.chance(1, 3)
        ? { timeoutMs: this.chance.between(1, 200) }
        : undefined;
      counter.isAsked = true;
      try {
        const value = await global.increment([lane], 1, options);
        if (!life.isAlive) return;
        this.answered++;
        const { low, open } = counter;
        if (value <= low || value > low + open + 1) {
          this.problems.push(`${lane}: ${value} after ${low} and ${open} unknown`);
        }
        Object.assign(counter, { low: value, open: 0, isAsked: false });
      } catch (error) {
        if (!life.isAlive) return;
        counter.isAsked = false;
        if (this.#note(error)) counter.open++;
      }
      await this.#rest(life);
    }
  }

  /** Calls made without waiting are done in their order, and read back at once; some are long. */
  async #bursts(life: Life): Promise<void> {
    const global = await this.#global<number | Uint8Array>(life, "Pair");
    let last = this.#number * 1_000_000;
    while (global !== undefined && life.isAlive && !this.#isOver) {
      const calls: Promise<unknown>[] = [];
      for (let i = this.chance.below(this.chance.pick([3, 30])); i >= 0; i--) {
        last++;
        calls.push(global.set([life.name, "x"], last), global.set([life.name, "y"], last));
      }
      if (this.chance.chance(1, 8)) {
        calls.push(global.set([life.name, "long"], new Uint8Array(900_000).fill(last)));
        calls.push(global.get([life.name, "long"]).then((it) => this.#sameBytes(it as Uint8Array, last)));
      }
      const read = global.get([life.name, "y"]);
      const results = await Promise.allSettled([...calls, read]);
      if (!life.isAlive) return;
      const failures = results.filter((it) => it.status === "rejected");
      for (const { reason } of failures) this.#note(reason);
      if (failures.length === 0 && (await read) !== last) {
        this.problems.push(`${life.name} reads ${await read} after it set ${last}`);
      }
      if (failures.length === 0) this.answered += results.length;
      await this.#rest(life);
    }
  }

  #sameBytes(bytes: Uint8Array | undefined, fill: number): void {
    if (this.#how.serverKills || bytes === undefined) return;
    const isSame = bytes.length === 900_000 && bytes[0] === (fill & 255) && bytes.at(-1) === (fill & 255);
    if (!isSame) this.problems.push(`a long value came back as ${bytes.length} bytes of ${bytes[0]}`);
  }

  /** Who sees y as a caller set it sees what that caller set before. */
  async #watch(life: Life, database: Database): Promise<void> {
    const pair = database.global<number>("Pair");
    while (life.isAlive && !this.#isOver && !this.#how.serverKills) {
      const name = this.chance.pick(CALLERS);
      const y = await pair.get([name, "y"]) ?? 0;
      const x = await pair.get([name, "x"]) ?? 0;
      if (x < y) this.problems.push(`${name} set y to ${y} before x, which is ${x}`);
      await this.scheduler.sleep(this.chance.between(100, 20_000), life.process);
    }
  }

  async #disturb(): Promise<void> {
    const { chance, network } = this;
    await this.scheduler.sleep(chance.between(50_000, 900_000));
    const [from, to] = [chance.pick([SERVER, ...CALLERS]), chance.pick([SERVER, ...CALLERS])];
    switch (chance.below(6)) {
      case 0:
        if (!this.#how.serverKills) break;
        await this.#unheard(() => {
          this.#kill(SERVER);
          return this.scheduler.sleep(chance.below(300_000));
        });
        break;
      case 1:
        if (this.#how.callerKills) this.#kill(chance.pick(CALLERS));
        break;
      case 2:
      case 3:
        if (!this.#how.views) break;
        await this.#unheard(() => this.#visit());
        break;
      case 4:
        if (!this.#how.evilNetwork || from === to) break;
        network.cut(from, to);
        await this.scheduler.sleep(chance.below(700_000));
        network.heal();
        break;
      default:
        if (this.#how.serverKills) this.#stop(SERVER, chance.below(chance.pick([500_000, 4_000_000])));
    }
    for (const name of [SERVER, ...CALLERS]) this.#supervise(name);
  }

  /** A process stands still, perhaps for so long that it is taken for dead. */
  #stop(name: string, forUs: number): void {
    const life = this.#lives.get(name);
    if (life?.isAlive) this.host.pause(life.process, forUs);
  }

  /** The worst moment: what was done by then, and answered, nobody has heard. */
  async #unheard(work: () => Promise<void>): Promise<void> {
    const isCut = this.chance.chance(2, 3);
    if (isCut) { for (const caller of CALLERS) this.network.cut(SERVER, caller); }
    // Not so long that anybody would be taken for dead.
    if (isCut) this.scheduler.after(700_000, () => this.network.heal());
    if (isCut) await this.scheduler.sleep(this.chance.between(1_000, 60_000));
    await work();
    this.network.heal();
  }

  #supervise(name: string): void {
    const life = this.#lives.get(name);
    // Others may have stopped it, or it has ended by itself.
    if (life !== undefined && (!life.isAlive || life.node?.status.state === "stopped")) this.#kill(name);
    if (!this.#lives.has(name)) void this.#start(name);
  }

  /** Somebody joins and leaves again. */
  async #visit(): Promise<void> {
    const name = `visitor${++this.#number}`;
    const life = new Life(this, name, this.#number);
    try {
      const node = await life.opened;
      await node.join();
      this.views += 2;
      await node.close();
    } catch (error) {
      if (!isCode(error, "STOPPED") && !isCode(error, "TIMEOUT") && !isCode(error, "UNREACHABLE")) {
        this.problems.push(`${name}: ${error}`);
      }
    }
    this.host.kill(life.process);
  }

  async run(seconds: number): Promise<void> {
    for (const name of [SERVER, ...CALLERS]) await this.#start(name);
    const until = this.scheduler.now + seconds * 1_000_000;
    while (this.scheduler.now < until) await this.#disturb();
    this.#isCalm = true;
    this.network.active = false;
    this.network.heal();
    await this.scheduler.sleep(12_000_000);
    for (const name of [SERVER, ...CALLERS]) this.#supervise(name);
    await this.scheduler.sleep(12_000_000);
    const before = this.answered;
    await this.scheduler.sleep(2_000_000);
    if (this.answered === before) this.problems.push("at last nobody is answered");
    this.#isOver = true;
    await this.scheduler.sleep(5_000_000);
    await this.#judge();
  }

  /** What was answered is there, and nothing was done twice. */
  async #judge(): Promise<void> {
    const server = this.#lives.get(SERVER);
    const global = server?.database?.global<number>("Count");
    if (global === undefined) return void this.problems.push("at last the database is not mounted");
    for (const [lane, { low, open, isAsked }] of this.counters) {
      const value = await global.get([lane] as Subscript[]) ?? 0;
      if (isAsked) this.problems.push(`${lane} still waits`);
      if (value < low || value > low + open) {
        this.problems.push(`${lane} is ${value}: ${low} was answered, ${open} may have happened`);
      }
    }
    const report = await server!.database!.check();
    if (report.problems.length > 0) this.problems.push(JSON.stringify(report.problems[0]));
  }
}

const BOUNDS = { eventsMax: 6_000_000, timeMax: Number.MAX_SAFE_INTEGER };

/** Runs one seed to its end. */
export async function runRemote(
  seed: number,
  drain: (() => void) | undefined,
  how: RemoteDisturbances,
  seconds = 12,
): Promise<RemoteWorld> {
  const world = new RemoteWorld(seed, drain, how);
  let over = false;
  world.scheduler.after(0, () => {
    world.run(seconds).then(() => (over = true), (error) => {
      world.problems.push(String(error?.stack ?? error));
      over = true;
    });
  });
  const end = await world.scheduler.run(() => over, BOUNDS);
  if (end !== "done") world.problems.push(`it ended by ${end}`);
  return world;
}
