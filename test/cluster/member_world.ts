/**
 * A simulated cluster of memberships on one host: processes that die, stop and come back, a network that is
 * cut, and what must hold of the views that each of them sees.
 */
import { fenceOwner, type FenceWorld } from "../../src/cluster/fencing.ts";
import { Membership } from "../../src/cluster/membership.ts";
import type { SharedSettings } from "../../src/cluster/member_message.ts";
import type { MembershipTimings } from "../../src/cluster/membership_world.ts";
import { openPij } from "../../src/cluster/pij.ts";
import { Post } from "../../src/cluster/post.ts";
import { clusterSecret } from "../../src/cluster/secret.ts";
import { sharedSettings } from "../../src/cluster/shared_settings.ts";
import { encodeView } from "../../src/cluster/view_record.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { View } from "../../src/ground/view.ts";
import type { Storage } from "../../src/ports/mod.ts";
import type { Fault, FaultCall } from "../../src/testing/fault_plan.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";
import { SimHost, type SimProcess } from "../../src/testing/sim/host.ts";
import { ALWAYS_VALUES } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { CALM_NETWORK, drawNetwork, SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimEntropy, SimObserver } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";

const PIJ = "/pij";
const TIMINGS: MembershipTimings = {
  pulseMs: 100,
  networkMs: 1_500,
  storageMs: 1_500,
  settleMs: 300,
  joinMs: 60_000,
};

/** Settings of everybody, but for what is said otherwise. */
function settingsOf(storage: Storage, others: SharedSettings): SharedSettings {
  const rights = { user: "1000", group: "1000", umask: "0022" };
  const cluster = { version: 1, values: {} };
  const { traits } = storage;
  return { ...sharedSettings({ durability: "sync", timings: TIMINGS, rights, traits, cluster }), ...others };
}

/** How a newcomer differs from the others. */
export interface Difference {
  readonly settings?: SharedSettings;
  readonly secret?: Uint8Array;
  /** Where it thinks the PIJ directory is. */
  readonly directory?: string;
  readonly joinMs?: number;
  readonly pidNamespace?: number;
  readonly confirmGone?: string | boolean;
}

/** How a world is disturbed. */
export interface Disturbances {
  readonly kills: boolean;
  /** Longest stop of a process, in virtual microseconds; 0 for none. */
  readonly pauseUs: number;
  readonly cuts: boolean;
  readonly leaves: boolean;
  /** A network that breaks links by itself. */
  readonly evilNetwork: boolean;
}

/** One life of a member. */
export class Life {
  readonly name: string;
  readonly incarnation: string;
  readonly process: SimProcess;
  readonly membership: Membership;
  /** With what it fences others. */
  readonly fencing: FenceWorld;
  readonly views: View[] = [];
  isJoined = false;
  isOver = false;
  /** What becomes of its calls of the storage. */
  fault: (call: FaultCall) => Fault | undefined = () => undefined;
  /** Registers whose names hold this are not there for it. */
  hidden: string | undefined;
  readonly #start: () => Promise<View>;

  constructor(world: MemberWorld, number: number, life: number, how: Difference = {}) {
    const { host, network, trace, scheduler } = world;
    this.name = `m${number}`;
    this.incarnation = `${number}${String(life).padStart(31, "0")}`;
    this.process = host.spawn();
    this.process.station = this.name;
    this.process.pidNamespace = how.pidNamespace ?? 1;
    const disk = new SimStorage(this.process);
    const storage = withFaults(disk, (call) => this.fault(call));
    const readRegister = storage.readRegister.bind(storage);
    storage.readRegister = (path, options) =>
      this.hidden !== undefined && path.includes(this.hidden) ? undefined : readRegister(path, options);
    const owner = storage.fence.identify(this.incarnation);
    if (owner instanceof Promise) throw new TypeError("the simulated fence answers at once");
    const clock = new SimClock(this.process), observer = new SimObserver(trace, () => scheduler.now);
    this.fencing = { storage, clock, observer, self: owner, patienceMs: 1_000 };
    const entropy = new SimEntropy(new Prng(world.seed, this.incarnation));
    const link = {
      cluster: "",
      name: this.name,
      incarnation: this.incarnation,
      epoch: 0,
      secret: new Uint8Array(0) as Uint8Array,
      versions: { least: 1, most: 1 },
    };
    const directory = how.directory ?? PIJ;
    this.membership = new Membership({
      clock,
      entropy,
      storage,
      observer,
      post: new Post(network.interconnect(this.process)),
      link,
      directory,
      owner,
      votes: 1,
      storageVotes: "auto",
      journal: `/j/${this.incarnation}`,
      settings: settingsOf(storage, how.settings ?? {}),
      confirmGone: how.confirmGone ?? false,
      timings: { ...TIMINGS, joinMs: how.joinMs ?? TIMINGS.joinMs },
      onView: (view) => world.entered(this, view),
      onState: (state, why) => trace.note("stands", this.incarnation, state, why),
      onBroken: (error) => world.problems.push(`${this.incarnation} is broken: ${error}`),
      recover: (view, isCurrent) => world.recover(this, view, isCurrent),
    });
    this.#start = async () => {
      const pij = await openPij({ storage, clock, entropy }, directory);
      link.cluster = pij.cluster;
      link.secret = how.secret ?? await clusterSecret(storage, entropy, pij);
      return await this.membership.join();
    };
  }

  /** Finds its cluster and joins it. */
  join(): Promise<View> {
    return this.#start();
  }

  /** Whether its process runs and it has not ended by itself. */
  get isAlive(): boolean {
    return this.process.alive && !this.isOver;
  }
}

/** The whole world of one seed. */
export class MemberWorld {
  readonly seed: number;
  readonly trace: Trace = new Trace();
  readonly scheduler: Scheduler;
  readonly host: SimHost;
  readonly network: SimNetwork;
  readonly chance: Prng;
  readonly problems: string[] = [];
  readonly lives: Life[];
  /** Every view anybody was in, by number. */
  readonly views: Map<number, View> = new Map<number, View>();
  evictions = 0;
  /** False where the evicted are to live on: they are called recovered all the same. */
  fences = true;
  readonly #how: Disturbances;
  readonly #lives: number[];
  readonly #recovered = new Set<string>();

  constructor(seed: number, drain: (() => void) | undefined, how: Disturbances, members: number) {
    this.seed = seed;
    this.#how = how;
    this.chance = new Prng(seed, "members");
    this.scheduler = new Scheduler(seed, this.trace, drain);
    const { scheduler, trace } = this;
    this.host = new SimHost({ seed, scheduler, trace, latencies: ALWAYS_VALUES });
    const manner = how.evilNetwork ? drawNetwork(new Prng(seed, "manner")) : CALM_NETWORK;
    this.network = new SimNetwork(seed, scheduler, trace, manner);
    this.#lives = Array.from({ length: members }, () => 1);
    this.lives = this.#lives.map((_, i) => new Life(this, i + 1, 1));
  }

  /** Somebody goes over to a view: all who do see the same one, and it follows from the one before. */
  entered(life: Life, view: View): void {
    const known = this.views.get(view.number);
    if (known === undefined) this.#decided(view);
    else if (encodeView(known).join() !== encodeView(view).join()) {
      this.problems.push(`two views ${view.number}`);
    }
    const last = life.views.at(-1);
    if (last !== undefined && last.number >= view.number) this.problems.push("a view that is older");
    life.views.push(view);
  }

  #decided(view: View): void {
    this.views.set(view.number, view);
    if (view.cause === "evicted") this.evictions++;
    const before = this.views.get(view.number - 1);
    if (before === undefined) return;
    const owed = new Set([...before.members, ...before.pending].map((it) => it.incarnation));
    for (const { incarnation } of [...view.members, ...view.pending]) owed.delete(incarnation);
    const leaver = view.cause === "left" ? view.creator : undefined;
    for (const incarnation of owed) {
      if (incarnation !== leaver && !this.#recovered.has(incarnation)) {
        this.problems.push(`view ${view.number} forgets ${incarnation}`);
      }
    }
    if (before.members.length > 0 && before.session === view.session) return;
    if (view.cause !== "formed") this.problems.push(`view ${view.number} begins a session by ${view.cause}`);
  }

  /** Fences each who is pending; takes its time, and may fail. */
  async recover(master: Life, view: View, isCurrent: () => boolean): Promise<void> {
    for (const { name, incarnation, owner, journal } of view.pending) {
      await this.scheduler.sleep(this.chance.below(200_000), master.process);
      if (!isCurrent()) throw new CohortError("VIEW_CHANGED", "a newer view");
      if (this.#how.kills && this.chance.chance(1, 10)) throw new CohortError("IO", "not this time");
      if (this.fences) {
        const living = view.members.map((it) => it.owner);
        const order = { name, owner, directories: [journal], living, confirmGone: false };
        const report = await fenceOwner(master.fencing, order);
        if (!report.over) throw new CohortError("IO", report.reason);
        const alive = this.host.processes.find((it) => it.pid === owner.pid && !it.isOver);
        if (alive !== undefined) {
          this.problems.push(`${incarnation} is fenced and process ${alive.pid} lives`);
        }
      }
      this.#recovered.add(incarnation);
    }
  }

  /** Somebody more, not started. */
  newcomer(number: number, how: Difference = {}, life = 9): Life {
    return new Life(this, number, life, how);
  }

  /** Starts all, and waits until they are members of one view. */
  async begin(): Promise<void> {
    for (const life of this.lives) await this.#start(life);
    await this.scheduler.sleep(1_000_000);
  }

  async #start(life: Life): Promise<void> {
    try {
      await life.join();
      life.isJoined = true;
    } catch (error) {
      if (life.process.alive) this.problems.push(`${life.incarnation} could not join: ${error}`);
    }
  }

  async #again(at: number): Promise<void> {
    const life = new Life(this, at + 1, ++this.#lives[at]!);
    this.lives[at] = life;
    await this.#start(life);
  }

  async #leave(life: Life): Promise<void> {
    if (!life.isJoined || !life.isAlive) return;
    await life.membership.leave();
    life.isOver = true;
    const { state } = life.membership;
    if (life.process.alive && state !== "left" && state !== "evicted") this.problems.push(`left as ${state}`);
    this.host.kill(life.process);
  }

  async #disturb(): Promise<void> {
    const how = this.#how;
    await this.scheduler.sleep(this.chance.between(10_000, 1_500_000));
    const at = this.chance.below(this.lives.length);
    const life = this.lives[at]!;
    switch (this.chance.below(6)) {
      case 0:
      case 1:
        if (how.kills && life.process.alive) this.host.kill(life.process);
        break;
      case 2:
        if (how.pauseUs > 0 && life.process.alive) {
          this.host.pause(life.process, this.chance.below(how.pauseUs));
        }
        break;
      case 3:
        if (how.leaves) await this.#leave(life);
        break;
      case 4:
        if (how.cuts) this.network.cut(life.name, this.chance.pick(this.lives).name);
        break;
      default:
        this.network.heal();
    }
    // A supervisor starts again what has died.
    const dead = this.lives.findIndex((it) => !it.isAlive || it.membership.state === "evicted");
    if (dead >= 0 && this.chance.chance(1, 2)) {
      if (this.lives[dead]!.process.alive) this.host.kill(this.lives[dead]!.process);
      void this.#again(dead);
    }
  }

  async run(seconds: number): Promise<void> {
    for (const life of this.lives) void this.#start(life);
    const until = this.scheduler.now + seconds * 1_000_000;
    while (this.scheduler.now < until) await this.#disturb();
    this.network.active = false;
    this.network.heal();
    await this.#calm();
  }

  /** After all that: whoever lives is a member, the same view everywhere, and nothing is owed. */
  async #calm(): Promise<void> {
    await this.scheduler.sleep(90_000_000);
    for (let at = 0; at < this.lives.length; at++) {
      const { process, isAlive, membership } = this.lives[at]!;
      if (isAlive && membership.state !== "evicted") continue;
      if (process.alive) this.host.kill(process);
      void this.#again(at);
    }
    await this.scheduler.sleep(120_000_000);
    const newest = Math.max(...this.views.keys());
    for (const { incarnation, membership } of this.lives) {
      const { state, view } = membership;
      if (state !== "active" || view?.number !== newest) {
        this.problems.push(`at last ${incarnation} is ${state} in view ${view?.number} of ${newest}`);
      }
    }
    const { pending = [], members = [] } = this.views.get(newest) ?? {};
    if (pending.length > 0) this.problems.push(`${pending.length} are pending at last`);
    if (members.length !== this.lives.length) this.problems.push(`${members.length} are members at last`);
  }
}

const BOUNDS = { eventsMax: 3_000_000, timeMax: Number.MAX_SAFE_INTEGER };

/** Runs one seed to its end. */
export function runMembers(
  seed: number,
  drain: (() => void) | undefined,
  how: Disturbances,
  { members = 3, seconds = 30 }: { members?: number; seconds?: number } = {},
): Promise<MemberWorld> {
  return stage(new MemberWorld(seed, drain, how, members), (world) => world.run(seconds));
}

const NOTHING: Disturbances = { kills: false, pauseUs: 0, cuts: false, leaves: false, evilNetwork: false };

/** Three members in one view, to whom happens what the script says. */
export function playMembers(
  drain: (() => void) | undefined,
  script: (world: MemberWorld) => Promise<void>,
): Promise<MemberWorld> {
  return stage(new MemberWorld(1, drain, NOTHING, 3), async (world) => {
    await world.begin();
    await script(world);
  });
}

async function stage(
  world: MemberWorld,
  script: (world: MemberWorld) => Promise<void>,
): Promise<MemberWorld> {
  let over = false;
  world.scheduler.after(0, () => {
    script(world).then(() => (over = true), (error) => {
      world.problems.push(String(error));
      over = true;
    });
  });
  const end = await world.scheduler.run(() => over, BOUNDS);
  if (end !== "done") world.problems.push(`it ended by ${end}`);
  return world;
}
