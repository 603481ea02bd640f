/**
 * A simulated cluster of memberships on one host: processes that die, stop and come back, a network that is
 * cut, and what must hold of the views that each of them sees.
 */
import { fenceOwner } from "../../src/cluster/fencing.ts";
import type { MembershipTimings } from "../../src/cluster/membership_world.ts";
import { encodeView } from "../../src/cluster/view_record.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import type { View } from "../../src/ground/view.ts";
import type { Fault } from "../../src/testing/fault_plan.ts";
import { SimHost } from "../../src/testing/sim/host.ts";
import { ALWAYS_VALUES } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { CALM_NETWORK, drawNetwork, SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { type Difference, Life, TIMINGS } from "./member_life.ts";

/** How a world is disturbed. */
export interface Disturbances {
  readonly kills: boolean;
  /** Longest stop of a process, in virtual microseconds; 0 for none. */
  readonly pauseUs: number;
  readonly cuts: boolean;
  readonly leaves: boolean;
  /** Monotonic clocks that run up to a tenth too fast or slow, or stand still; wall clocks that are set. */
  readonly clocks?: boolean;
  /** Calls of one member's storage that fail or do not answer for a while. */
  readonly disks?: boolean;
  /** A network that breaks links by itself. */
  readonly evilNetwork: boolean;
}

/** The whole world of one seed. */
export class MemberWorld {
  readonly seed: number;
  readonly timings: MembershipTimings;
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
  /** Answers that were released in all. */
  answers = 0;
  /** False where the evicted are to live on: they are called recovered all the same. */
  fences = true;
  readonly #how: Disturbances;
  readonly #lives: number[];
  readonly #recovered = new Set<string>();
  /** Numbers of the views in which a member grants again what the lost had. */
  readonly #resumed = new Set<number>();
  /** Incarnations of which everything may have been granted to others. */
  readonly #cleared = new Set<string>();

  constructor(
    seed: number,
    drain: (() => void) | undefined,
    how: Disturbances,
    members: number,
    timings: Partial<MembershipTimings> = {},
    difference: Difference = {},
  ) {
    this.seed = seed;
    this.timings = { ...TIMINGS, ...timings };
    this.#how = how;
    this.chance = new Prng(seed, "members");
    this.scheduler = new Scheduler(seed, this.trace, drain);
    const { scheduler, trace } = this;
    this.host = new SimHost({ seed, scheduler, trace, latencies: ALWAYS_VALUES });
    const manner = how.evilNetwork ? drawNetwork(new Prng(seed, "manner")) : CALM_NETWORK;
    this.network = new SimNetwork(seed, scheduler, trace, manner);
    this.#lives = Array.from({ length: members }, () => 1);
    this.lives = this.#lives.map((_, i) => new Life(this, i + 1, 1, difference));
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

  /** A tenth too fast or slow at most, where clocks are wrong. */
  drawClockRate(): number {
    return this.#how.clocks === true ? (900 + this.chance.below(201)) / 1000 : 1;
  }

  /** Somebody answers by what it holds: nobody else may have been granted that. */
  answered({ incarnation }: Life): void {
    this.answers++;
    if (this.#cleared.has(incarnation)) this.problems.push(`${incarnation} answers though it is forgotten`);
  }

  #decided(view: View): void {
    this.views.set(view.number, view);
    if (view.cause === "evicted") this.evictions++;
    const before = this.views.get(view.number - 1);
    if (before === undefined) return;
    if (this.#how.clocks === true && view.cause === "evicted") this.#stopEvicted(view);
    for (const { incarnation } of before.pending) {
      if (view.pending.every((it) => it.incarnation !== incarnation)) this.#cleared.add(incarnation);
    }
    for (const { incarnation } of view.members) {
      if (this.#cleared.has(incarnation)) this.problems.push(`${incarnation} is a member again`);
    }
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

  /** A member grants again, in the view that it is in, what the lost had. */
  resumed({ views }: Life): void {
    this.#resumed.add(views.at(-1)!.number);
  }

  /** Fences each who is pending; takes its time, and may fail. */
  async recover(master: Life, view: View, isCurrent: () => boolean): Promise<void> {
    // What the living reported is old by then: images of the lost would go over what they changed since.
    if (this.#resumed.has(view.number)) this.problems.push(`view ${view.number} is recovered once more`);
    for (const { name, incarnation, owner, journal } of view.pending) {
      await this.scheduler.sleep(this.chance.below(200_000), master.process);
      if (!isCurrent()) throw new CohortError("VIEW_CHANGED", "a newer view");
      if (this.#how.kills && this.chance.chance(1, 10)) throw new CohortError("IO", "not this time");
      if (this.fences) {
        const living = view.members.map((it) => it.owner);
        const { fencing, confirmGone } = master;
        const order = { name, owner, directories: [journal], living, confirmGone };
        const report = await fenceOwner(fencing, order);
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
      void life.serve(this);
    } catch (error) {
      // It slept while it was taken in and evicted again: a supervisor begins anew.
      if (isCode(error, "FENCED")) this.host.kill(life.process);
      else if (life.process.alive) this.problems.push(`${life.incarnation} could not join: ${error}`);
    }
  }

  async #again(at: number): Promise<void> {
    const life = new Life(this, at + 1, ++this.#lives[at]!);
    this.lives[at] = life;
    await this.#start(life);
  }

  async #leave(life: Life): Promise<void> {
    if (!life.isJoined || !life.isAlive) return;
    const left = life.membership.leave().then(() => undefined, (error) => error);
    // Whoever is evicted before it has left is killed, and says nothing more.
    const killed = new Promise<void>((resolve) => life.process.onKilled.push(resolve));
    const refused = await Promise.race([left, killed]);
    life.isOver = true;
    const { state } = life.membership;
    const isKnown = state === "left" || state === "evicted" || refused instanceof CohortError;
    if (life.process.alive && !isKnown) this.problems.push(`left as ${state}`);
    this.host.kill(life.process);
  }

  async #disturb(): Promise<void> {
    const how = this.#how;
    await this.scheduler.sleep(this.chance.between(10_000, 1_500_000));
    if (how.clocks === true && this.chance.chance(1, 3)) this.#disturbClocks();
    if (how.disks === true && this.chance.chance(1, 3)) this.#disturbDisk();
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

  /** The worst moment: who is evicted, and still holds a lease, is stopped before it can know. */
  #stopEvicted(view: View): void {
    for (const life of this.lives) {
      if (!life.process.alive || view.pending.every((it) => it.incarnation !== life.incarnation)) continue;
      this.#stop(life, this.chance.below(3_000_000), -this.chance.below(3_000));
    }
  }

  #disturbClocks(): void {
    const life = this.chance.pick(this.lives);
    const hours = this.chance.chance(1, 2) ? 0 : this.chance.between(-3_600_000, 3_600_000);
    if (life.process.alive) this.#stop(life, this.chance.below(6_000_000), hours);
  }

  /** One of its clocks lies meanwhile, always the same: against two there is no help. */
  #stop({ process, hasWrongWall }: Life, forUs: number, setMs: number): void {
    if (!hasWrongWall) return this.host.suspend(process, forUs);
    this.host.pause(process, forUs);
    process.wallOffsetMs += setMs;
  }

  /** One member's calls of the storage fail, or are not answered, for a while. */
  #disturbDisk(): void {
    const life = this.chance.pick(this.lives);
    if (!life.isJoined) return;
    const heals = Promise.withResolvers<void>();
    const stalls = this.chance.chance(1, 2);
    this.spoil(
      life,
      stalls ? { kind: "stall", until: heals.promise } : { kind: "error", code: "IO", errno: "EIO" },
    );
    this.scheduler.after(this.chance.below(5_000_000), () => {
      life.fault = () => undefined;
      heals.resolve();
    });
  }

  /** What becomes of all calls of a member's storage for slots and views from now on. */
  spoil(life: Life, fault: Fault, part: RegExp = /\/(?:slot|view)\.|\/pij$/): void {
    life.fault = ({ path }) => part.test(path) ? fault : undefined;
  }

  async run(seconds: number): Promise<void> {
    for (const life of this.lives) void this.#start(life);
    const until = this.scheduler.now + seconds * 1_000_000;
    while (this.scheduler.now < until) await this.#disturb();
    this.network.active = false;
    this.network.heal();
    for (const life of this.lives) life.fault = () => undefined;
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
  prepare: (world: MemberWorld) => void = (): void => {},
): Promise<MemberWorld> {
  const world = new MemberWorld(seed, drain, how, members);
  prepare(world);
  return stage(world, (it) => it.run(seconds));
}

const NOTHING: Disturbances = { kills: false, pauseUs: 0, cuts: false, leaves: false, evilNetwork: false };

/** Three members in one view, to whom happens what the script says. */
export function playMembers(
  drain: (() => void) | undefined,
  script: (world: MemberWorld) => Promise<void>,
  timings: Partial<MembershipTimings> = {},
  difference: Difference = {},
): Promise<MemberWorld> {
  return stage(new MemberWorld(1, drain, NOTHING, 3, timings, difference), async (world) => {
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
