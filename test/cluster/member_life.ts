/** One life of a member in a simulated world: its process, its way to the storage, and its membership. */
import type { FenceWorld } from "../../src/cluster/fencing.ts";
import { Membership } from "../../src/cluster/membership.ts";
import type { SharedSettings } from "../../src/cluster/member_message.ts";
import type { MembershipTimings } from "../../src/cluster/membership_world.ts";
import { isSaidOver } from "../../src/cluster/over.ts";
import { openPij } from "../../src/cluster/pij.ts";
import { Post } from "../../src/cluster/post.ts";
import { clusterSecret } from "../../src/cluster/secret.ts";
import { sharedSettings } from "../../src/cluster/shared_settings.ts";
import type { View } from "../../src/ground/view.ts";
import type { Interconnect, Storage } from "../../src/ports/mod.ts";
import type { Fault, FaultCall } from "../../src/testing/fault_plan.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";
import type { SimProcess } from "../../src/testing/sim/host.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimEntropy, SimObserver } from "../../src/testing/sim/small_ports.ts";
import type { MemberWorld } from "./member_world.ts";

const PIJ = "/pij";
/** Rhythms of everybody, but for what is said otherwise. */
export const TIMINGS: MembershipTimings = {
  pulseMs: 100,
  networkMs: 1_500,
  storageMs: 1_500,
  settleMs: 300,
  leaseMs: 1_000,
  leaseMarginMs: 500,
  joinMs: 60_000,
};

/** Settings of everybody, but for what is said otherwise. */
function settingsOf(storage: Storage, timings: MembershipTimings, others: SharedSettings): SharedSettings {
  const rights = { user: "1000", group: "1000", umask: "0022" };
  const cluster = { version: 1, values: {} };
  const { traits } = storage;
  return { ...sharedSettings({ durability: "sync", timings, rights, traits, cluster }), ...others };
}

/** How a newcomer differs from the others. */
export interface Difference {
  readonly settings?: SharedSettings;
  readonly secret?: Uint8Array;
  /** Where it thinks the PIJ directory is. */
  readonly directory?: string;
  readonly joinMs?: number;
  readonly votes?: number;
  readonly pidNamespace?: number;
  readonly confirmGone?: string | boolean;
  readonly evictSilent?: boolean;
  /** The process it lives in, when others do so, too. */
  readonly process?: SimProcess;
  /** Where its calls of an address lead. */
  readonly redirect?: (address: string) => string;
}

function redirected(links: Interconnect, redirect: Difference["redirect"]): Interconnect {
  const connect = links.connect.bind(links);
  if (redirect !== undefined) links.connect = (address) => connect(redirect(address));
  return links;
}

/** One life of a member. */
export class Life {
  readonly name: string;
  readonly incarnation: string;
  readonly process: SimProcess;
  readonly membership: Membership;
  /** With what it fences others. */
  readonly fencing: FenceWorld;
  /** Whose end a person has told it, that nobody can prove. */
  readonly confirmGone: string | boolean;
  readonly views: View[] = [];
  /** What others told it: incarnation and text. */
  readonly told: [from: string, text: string][] = [];
  isJoined = false;
  isOver = false;
  /** Whether it is the wall clock that may lie, or the monotonic one. */
  readonly hasWrongWall: boolean;
  /** What becomes of its calls of the storage. */
  fault: (call: FaultCall) => Fault | undefined = () => undefined;
  /** Registers whose names hold this are not there for it. */
  hidden: string | undefined;
  readonly #start: () => Promise<View>;

  constructor(world: MemberWorld, number: number, life: number, how: Difference = {}) {
    const { host, network, trace, scheduler } = world;
    this.name = `m${number}`;
    this.incarnation = `${number}${String(life).padStart(31, "0")}`;
    this.process = how.process ?? host.spawn();
    this.process.station = this.name;
    this.process.pidNamespace = how.pidNamespace ?? 1;
    this.confirmGone = how.confirmGone ?? false;
    this.process.clockRate = world.drawClockRate();
    this.hasWrongWall = world.chance.chance(1, 2);
    const disk = new SimStorage(this.process);
    const storage = withFaults(disk, (call) => this.fault(call));
    const readRegister = storage.readRegister.bind(storage);
    storage.readRegister = (path, options) =>
      this.hidden !== undefined && path.includes(this.hidden) ? undefined : readRegister(path, options);
    const owner = storage.fence.identify(this.incarnation);
    if (owner instanceof Promise) throw new TypeError("the simulated fence answers at once");
    const clock = new SimClock(this.process), observer = new SimObserver(trace, () => scheduler.now);
    this.fencing = {
      storage,
      clock,
      observer,
      self: owner,
      patienceMs: 1_000,
      isOver: (it) => isSaidOver(storage, PIJ, it),
    };
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
      post: new Post(redirected(network.interconnect(this.process), how.redirect)),
      link,
      directory,
      owner,
      votes: how.votes ?? 1,
      storageVotes: "auto",
      journal: `/j/${this.incarnation}`,
      directoriesOf: () => Promise.resolve([]),
      settings: settingsOf(storage, world.timings, how.settings ?? {}),
      confirmGone: this.confirmGone,
      evictSilent: how.evictSilent ?? true,
      timings: { ...world.timings, joinMs: how.joinMs ?? TIMINGS.joinMs },
      onView: (view) => world.entered(this, view),
      onState: (state, why) => trace.note("stands", this.incarnation, state, why),
      onTold: (from, bytes) => this.told.push([from, new TextDecoder().decode(bytes)]),
      onBroken: (error) => world.problems.push(`${this.incarnation} is broken: ${error}`),
      recover: (view, isCurrent) => world.recover(this, view, isCurrent),
      resume: () => world.resumed(this),
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

  /** Answers by what it knows, again and again, whenever it may; a stop may fall between any two. */
  async serve(world: MemberWorld): Promise<void> {
    while (this.isAlive) {
      await world.scheduler.sleep(world.chance.between(1_000, 40_000), this.process);
      const { membership } = this;
      if (membership.view !== undefined && membership.mayAnswer(membership.view.number)) world.answered(this);
    }
  }

  /** Whether its process runs and it has not ended by itself. */
  get isAlive(): boolean {
    return this.process.alive && !this.isOver;
  }
}
