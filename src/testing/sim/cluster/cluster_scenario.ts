/**
 * A cluster's seed from beginning to end: phases of work and trouble that each end in a healed world, in
 * which every operation ends, and a check of everything; then all leave, and the volumes' bytes are walked.
 */
import { walkVolume } from "../check/raw_volume.ts";
import { Prng } from "../prng.ts";
import { judgeShared, NOTHING, type SharedState } from "../run/epoch_state.ts";
import { Abort } from "../run/scenario.ts";
import { checkStructure, compareRaw, readShared, verifyRegions } from "../run/verify.ts";
import { globalsOf, signal } from "../run/world.ts";
import { messageOf } from "../workload/calls.ts";
import { Client } from "../workload/client.ts";
import type { History } from "../workload/history.ts";
import { type Place, Region } from "../workload/region.ts";
import { type SharedPlaces, sharedPlaces } from "../workload/shared.ts";
import type { ClusterPhase } from "./cluster_options.ts";
import { type ClusterParts, ClusterWorld } from "./cluster_world.ts";
import type { Life } from "./life.ts";
import { strike } from "./trouble.ts";

/** Virtual microseconds in which everything ends once the world is healed: stalls and patience included. */
const PATIENCE_US = 300_000_000;
/** Virtual microseconds between two looks. */
const LOOK_US = 50_000;
/** Blocks beyond its pool that a member may remember something of when nothing is under way. */
const HELD_SLACK = 32;

/** One seed's life. */
export class ClusterScenario {
  readonly world: ClusterWorld;
  readonly history: History;
  readonly #parts: ClusterParts;
  readonly #places: SharedPlaces;
  /** Clients by member. */
  readonly #clients: readonly (readonly Client[])[];
  readonly #chance: Prng;
  #shared: SharedState = NOTHING;
  #goesOn = false;
  #keeps = true;
  /** Operations left in this window, and when the next one begins. */
  #budget = 0;
  #nextWindow = 0;

  constructor(parts: ClusterParts, history: History) {
    this.#parts = parts;
    this.history = history;
    this.world = new ClusterWorld(parts, history);
    const { options } = parts;
    this.#chance = new Prng(options.seed, "cluster scenario");
    this.#places = sharedPlaces(options.databases, options.keys);
    this.#clients = Array.from(
      { length: options.members },
      (_, member) => Array.from({ length: options.clients }, (_, i) => this.#makeClient(member, i)),
    );
    this.world.onServing = (life) => this.#employ(life);
  }

  #makeClient(member: number, i: number): Client {
    const { options } = this.#parts;
    const name = `c${member + 1}${"abcdef"[i]}`;
    const chance = new Prng(options.seed, `client ${name}`);
    const place = (global: string, prefix: string[]): Place => ({
      database: chance.below(options.databases),
      global,
      prefix,
    });
    const own = place(`Own${member + 1}${"abcdef"[i]}`, []);
    const among = place("Shared", [name]);
    const places = chance.pick([[own], [among], [own, among]]);
    return new Client(new Region(name, places), chance, options.mix, options.sizes, this.#places);
  }

  /** Lives the seed. Rejects `Abort` when a problem makes going on pointless. */
  async run(): Promise<void> {
    const { members, phases } = this.#parts.options;
    const kept = Array.from({ length: members }, (_, i) => this.world.keep(i, () => this.#keeps));
    let operations = 0;
    for (const phase of phases) {
      this.world.unheal();
      await this.#phase(phase);
      this.world.heal();
      operations += phase.windows.reduce((all, it) => all + it, 0);
      await this.#settle(operations);
      await this.#check();
    }
    await this.#end();
    await Promise.all(kept);
    this.#walk();
  }

  /** The clients of a member work by way of its new life. */
  #employ(life: Life): void {
    const clients = this.#clients[Number(life.station.slice(1)) - 1]!;
    const context = life.context(() => this.#goesOn);
    life.work = Promise.all(clients.map(async (client) => {
      life.working.add(client.name);
      while (context.goOn()) {
        if (life.absence !== undefined) {
          await this.world.scheduler.sleep(1_000, life.process);
          continue;
        }
        this.world.judgeModes();
        life.busy++;
        await client.one(context);
        life.busy--;
        await this.#pace(client, life);
      }
      life.working.delete(client.name);
    }));
  }

  /** Work comes in bursts: so much in each window of time. */
  async #pace(client: Client, { process }: Life): Promise<void> {
    const { scheduler } = this.world;
    const { restUs } = this.#parts.options;
    if (this.#budget-- > 0) {
      if (restUs > 0) await scheduler.sleep(client.chance.below(restUs), process);
      return;
    }
    await scheduler.sleep(
      Math.max(1_000, this.#nextWindow - scheduler.now + client.chance.below(500)),
      process,
    );
  }

  /** Works through all windows, with what befalls in each. */
  async #phase({ windows, troubles }: ClusterPhase): Promise<void> {
    const { scheduler } = this.world;
    const windowUs = this.#parts.options.windowMs * 1000;
    this.#goesOn = true;
    for (const life of this.world.serving) this.#employ(life);
    for (const [number, operations] of windows.entries()) {
      this.#budget = operations;
      this.#nextWindow = scheduler.now + windowUs;
      for (const trouble of troubles.filter((it) => it.window === number)) {
        scheduler.after(trouble.atUs, () => {
          if (!this.world.isHealed) strike(this.world, trouble);
        });
      }
      while (scheduler.now < this.#nextWindow) {
        await scheduler.sleep(Math.min(LOOK_US, this.#nextWindow - scheduler.now));
        this.world.lookWide();
        this.#stopAtProblem();
      }
    }
  }

  /** Every operation ends, everybody is a member again, and nobody is owed anything. */
  async #settle(operations: number): Promise<void> {
    const { scheduler } = this.world;
    // What could not be done in its window, for want of members or by a slow disk, is done now. A slow
    // network takes its time: stuck is where nothing goes on.
    let until = scheduler.now + PATIENCE_US;
    for (let done = 0; this.history.operations < operations;) {
      if (this.history.operations > done) until = scheduler.now + PATIENCE_US;
      done = this.history.operations;
      if (scheduler.now > until) return this.#stuck("the work that was left over");
      this.#budget = 50;
      await scheduler.sleep(LOOK_US);
      this.#stopAtProblem();
    }
    until = scheduler.now + PATIENCE_US;
    this.#goesOn = false;
    const { networkMs, storageMs } = this.#parts.options.rhythm;
    // Whoever slept before all was healed may be evicted only when it wakes.
    for (let since = scheduler.now; scheduler.now - since < 2000 * Math.max(networkMs, storageMs);) {
      await scheduler.sleep(LOOK_US);
      this.#stopAtProblem();
      if (!this.#isSettled()) since = scheduler.now;
      if (scheduler.now > until) return this.#stuck("coming together again");
    }
    const serving = this.world.serving;
    const worked = Promise.all(serving.map((it) => Promise.race([it.work, it.ended.promise])));
    await this.#patiently(worked, "what was in flight");
    if (serving.some((it) => !it.isServing)) return await this.#settle(operations);
  }

  #isSettled(): boolean {
    const { serving, options } = this.world;
    if (serving.length < options.members) return false;
    if (serving.some((it) => it.absence !== undefined)) return false;
    if (serving.some((it) => it.process.pausedUntil > this.world.scheduler.now)) return false;
    const all = serving.map((it) => it.node?.cluster());
    return all.every((it) =>
      it !== undefined && it.state === "active" && it.pending === 0 && it.members === options.members &&
      it.view === all[0]?.view
    );
  }

  /** Reads everything by way of one member, the shared keys by way of all, and holds it against models. */
  async #check(): Promise<void> {
    const { world, history } = this;
    const serving = world.serving;
    const first = this.#chance.pick(serving);
    const work = async (): Promise<void> => {
      world.judgeModes();
      const global = globalsOf(first.databases);
      const shared = await readShared(global, this.#places, history);
      for (const other of serving) {
        if (other === first) continue;
        const seen = await readShared(globalsOf(other.databases), this.#places, history);
        this.#compare(first, shared, other, seen);
      }
      const clients = this.#clients.flat();
      await verifyRegions(clients, global, history, shared.lists, undefined);
      judgeShared(history, this.#shared, shared, false);
      this.#shared = shared;
      for (let i = 0; i < first.databases.length; i++) {
        const directory = world.directory(i);
        await checkStructure(() => first.node!.check(directory), `database ${i} at ${first.label}`, world);
      }
      await this.#checkLog(first);
    };
    const checked = work().catch((error) => history.problems.add("errors", `check: ${messageOf(error)}`));
    await this.#patiently(checked, "check");
    this.#bounded();
    history.beginEpoch();
    for (const complaint of world.host.complaints.splice(0)) history.problems.add("contract", complaint);
    this.#stopAtProblem();
  }

  #compare(first: Life, shared: SharedState, other: Life, seen: SharedState): void {
    for (const part of ["registers", "counters", "lists", "slots"] as const) {
      const here = JSON.stringify([...shared[part]]), there = JSON.stringify([...seen[part]]);
      if (here === there) continue;
      const text = `${first.label} sees ${here.slice(0, 200)}, ${other.label} sees ${there.slice(0, 200)}`;
      this.history.problems.add("registers", `${part} in a quiet cluster: ${text}`);
    }
  }

  /** The cluster journal log names the files that there are, unless the disk refused to write it. */
  async #checkLog(by: Life): Promise<void> {
    const faults = await by.node!.journalFaults();
    if (faults.length === 0 || this.world.mayFail("IO")) return;
    this.history.problems.add("errors", `the journal log: ${faults.slice(0, 4).join("; ")}`);
  }

  /** When nothing is under way, nobody remembers more than what is in pools. */
  #bounded(): void {
    const { subject, members } = this.#parts.options;
    for (const { label, node } of this.world.serving) {
      const { held = 0, kept = 0 } = node?.cluster() ?? {};
      const most = subject.poolBlocks + HELD_SLACK;
      if (held > most) this.history.problems.add("memory", `${label} remembers ${held} blocks of ${most}`);
      if (kept > most * members) this.history.problems.add("memory", `${label} keeps ${kept} blocks`);
    }
  }

  /** All leave, one after the other or at once. */
  async #end(): Promise<void> {
    this.#keeps = false;
    const order = this.#chance.shuffle(this.world.serving);
    const atOnce = this.#chance.chance(1, 2);
    const leave = async (): Promise<void> => {
      if (atOnce) return void await Promise.all(order.map((it) => it.leave()));
      for (const life of order) await life.leave();
    };
    await this.#patiently(Promise.race([leave(), this.#allEnded(order)]), "leaving");
    this.#stopAtProblem();
  }

  async #allEnded(lives: readonly Life[]): Promise<void> {
    for (const { ended } of lives) await ended.promise;
  }

  /** Walks the bytes of all volumes, which were let go, and holds them against the models. */
  #walk(): void {
    const { options, problems } = this.#parts;
    const { extentBlocks } = options.subject;
    const reports = Array.from({ length: options.databases }, (_, i) => {
      const directory = this.world.directory(i);
      const file = this.world.host.disk.find(`${directory}/cohort.dat`);
      if (file === undefined) throw new Error(`there is no volume in ${directory}`);
      if (!file.isDurable) problems.add("volume", `${directory}: all have left, not all of it is durable`);
      return walkVolume(file.durable, { blockSize: 8192, extentBlocks });
    });
    compareRaw(reports, this.#clients.flat(), this.#shared, this.#places, this.history);
  }

  #stopAtProblem(): void {
    if (this.history.problems.any) throw new Abort("a problem was found");
  }

  #stuck(what: string): never {
    const working = new Set(this.world.living.flatMap((it) => [...it.working]));
    const inFlight = [...this.history.inFlight.values()].filter((it) => working.has(it.split(":", 1)[0]!));
    const stuck = inFlight.slice(-8).join("; ");
    const lives = this.world.lives.map((it) => {
      const { state, view, pending } = it?.node?.cluster() ?? {};
      const works = [...it?.working ?? []].join(" and ");
      return `${it?.label} ${it?.state}: ${state} in view ${view}, ${pending} pending, ${works} at work`;
    });
    const text = `${what} took ${PATIENCE_US / 1e6} s; ${lives.join("; ")}; in flight: ${stuck}`;
    this.history.problems.add("liveness", text);
    for (const life of this.world.serving) this.#parts.trace.say(`${life.label} ${life.node?.status()}`);
    throw new Abort(`${what} is stuck`);
  }

  async #patiently<T>(work: Promise<T>, what: string): Promise<T> {
    const bell = signal<"late">();
    const cancel = this.#parts.scheduler.after(PATIENCE_US, () => bell.resolve("late"));
    const end = await Promise.race([work, bell.promise]);
    cancel();
    return end === "late" ? this.#stuck(what) : end as T;
  }
}
