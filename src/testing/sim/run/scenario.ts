/**
 * A full seed from beginning to end: fill, then epochs of work that each end in a crash or a close and a
 * check of everything, then a healed world in which all must end, then the volumes' bytes, then perhaps a
 * betrayal.
 */
import { type ErrorCode, isCode } from "../../../ground/errors.ts";
import type { SimProcess } from "../host.ts";
import { Prng } from "../prng.ts";
import type { ClientContext } from "../workload/calls.ts";
import { messageOf } from "../workload/calls.ts";
import { Client } from "../workload/client.ts";
import type { History } from "../workload/history.ts";
import { type Place, Region } from "../workload/region.ts";
import { type SharedPlaces, sharedPlaces } from "../workload/shared.ts";
import { SideLine } from "../workload/side.ts";
import { betray, type BetrayalScene } from "./betrayal.ts";
import { barriers, disturb } from "./disturb.ts";
import { reopenLoud, walkClosed } from "./ending.ts";
import { judgeShared, NOTHING, type SharedState } from "./epoch_state.ts";
import type { EpochPlan } from "./seed_options.ts";
import { checkStructure, readShared, verifyRegions } from "./verify.ts";
import { globalsOf, type Running, signal, World, type WorldParts } from "./world.ts";

/** Virtual microseconds after which work that should have ended is stuck. */
const PATIENCE_US = 900_000_000;
/** What a node answers that a failed sync has ended. */
const ENDED: readonly ErrorCode[] = ["STOPPED", "OUTCOME_UNKNOWN", "SYNC_FAILED"];
/** Ends the run: a problem has been noted. */
export class Abort extends Error {}

/** What a scenario counted. */
export interface ScenarioCounts {
  crashes: number;
  recoveries: number;
  blocksMax: number;
}

/** One seed's life. */
export class Scenario {
  readonly world: World;
  readonly history: History;
  readonly counts: ScenarioCounts = { crashes: 0, recoveries: 0, blocksMax: 0 };
  readonly #parts: WorldParts;
  readonly #clients: Client[];
  readonly #places: SharedPlaces;
  readonly #side: SideLine | undefined;
  readonly #chance: Prng;
  #running: Running | undefined;
  #shared: SharedState = NOTHING;
  /** Effects of each region that a `sync` of the node has covered. */
  readonly #synced = new Map<Region, number>();

  constructor(parts: WorldParts, history: History) {
    this.#parts = parts;
    this.history = history;
    this.world = new World(parts);
    const { options } = parts;
    this.#chance = new Prng(options.seed, "scenario");
    this.#places = sharedPlaces(options.databases, options.keys);
    this.#clients = Array.from({ length: options.clients }, (_, i) => this.#makeClient(i));
    const chance = new Prng(options.seed, "side");
    if (options.side) this.#side = new SideLine(chance, options.sizes);
  }

  #makeClient(i: number): Client {
    const { options } = this.#parts;
    const chance = new Prng(options.seed, `client ${i}`);
    const own = (): Place => ({ database: chance.below(options.databases), global: `Own${i}`, prefix: [] });
    const among = (): Place => ({
      database: chance.below(options.databases),
      global: "Shared",
      prefix: [`c${i}`],
    });
    const places = chance.pick([[own()], [among()], [own(), among()]]);
    return new Client(new Region(`c${i}`, places), chance, options.mix, options.sizes, this.#places);
  }

  /** Lives the seed. Rejects `Abort` when a problem makes going on pointless. */
  async run(): Promise<void> {
    await this.#start(undefined, false);
    await this.#fill();
    const { epochs, operationsMin } = this.#parts.options;
    for (const plan of epochs) {
      const missing = plan === epochs.at(-1) ? operationsMin - this.history.operations : 0;
      let left: EpochPlan | undefined = { ...plan, operations: Math.max(plan.operations, missing) };
      while (left !== undefined) {
        const from = this.history.operations;
        const { mayForget, ended } = await this.#epoch(left);
        await this.#check(mayForget);
        // A node that stopped by itself has not met its planned end yet.
        const operations = Math.max(20, left.operations - (this.history.operations - from));
        left = ended ? undefined : { ...left, operations, pauseMs: 0, jumpMs: 0, fullMs: 0 };
      }
    }
    await this.#liveness();
    await this.#closeAndWalk();
  }

  /** Opens a node; what strikes the recovery once is told by `again`. */
  async #start(process: SimProcess | undefined, recovering: boolean, plan?: EpochPlan): Promise<void> {
    const { world } = this;
    let again = plan?.again ?? 0;
    for (;;) {
      world.crashed = signal();
      world.onSpawn = (fresh) => {
        if (again === 0 || plan === undefined) return;
        this.#arm(fresh, again, plan, plan.againBy);
        again = 0;
      };
      const opened = await world.open(process);
      if (opened === "crashed") {
        this.counts.crashes++;
        process = undefined;
        continue;
      }
      if (opened === undefined) throw new Abort("the node could not be opened");
      opened.process.watch = undefined;
      this.#running = opened;
      if (recovering) this.counts.recoveries++;
      void this.#follow(opened);
      return;
    }
  }

  /** Puts the states that the node tells into the trace. */
  async #follow({ node }: Running): Promise<void> {
    for await (const state of node.states()) this.#parts.trace.note("state", state);
  }

  /** Lets a crash strike at the n-th port call from now on. */
  #arm(process: SimProcess, calls: number, plan: EpochPlan, end: "kill" | "power"): void {
    const target = process.calls + calls;
    process.watch = (inside, fact) => {
      if (fact.number < target || (fact.number === target && fact.moment !== plan.moment)) return;
      this.world.crash(end, plan.style, inside);
    };
  }

  #context(goOn: () => boolean, onStopped: (code: string) => void): ClientContext {
    const { process, node, databases } = this.#running as Running;
    const { host } = this.world;
    const directory = (database: number) => this.world.directory(database);
    const mayFail = (code: ErrorCode) => this.world.mayFail(code);
    return {
      host,
      process,
      node,
      history: this.history,
      databases,
      directory,
      global: globalsOf(databases),
      goOn,
      onStopped,
      mayFail,
    };
  }

  /** Sets nodes until the volumes have the blocks that were drawn; a node that stops is opened anew. */
  async #fill(): Promise<void> {
    const { fillBlocks } = this.#parts.options;
    while (this.#blocks() < fillBlocks) {
      let stopped = false;
      const context = this.#context(
        () => !stopped && this.#blocks() < fillBlocks,
        () => {
          stopped = true;
        },
      );
      const work = this.#clients.map(async (client) => {
        while (context.goOn()) await client.fill(context);
      });
      await this.#patiently(Promise.all(work), "fill");
      if (stopped) await this.#restart();
    }
    await this.#check(this.#parts.options.subject.durability === "relaxed");
  }

  /**
   * Works until the plan's end, or until the node stops; `mayForget`: the latest effects may be gone after
   * it.
   */
  async #epoch(plan: EpochPlan): Promise<{ mayForget: boolean; ended: boolean }> {
    const { world } = this;
    const running = this.#running as Running;
    const until = this.history.operations + plan.operations;
    const stopped = signal<string>();
    let over = false;
    world.crashed = signal();
    const context = this.#context(
      () => !over && this.history.operations < until + 200,
      (code) => stopped.resolve(code),
    );
    const work = this.#work(context).then(() => "worked");
    disturb(this.world, plan, running.process, this.#chance);
    if (this.#parts.options.subject.durability === "relaxed") {
      void barriers(context, this.#clients.map(({ region }) => region), this.#synced, this.#chance);
    }
    this.history.alarm(until, () => {
      if (over || !running.process.alive) return;
      if (plan.end === "close") over = true;
      else this.#arm(running.process, plan.calls, plan, plan.end);
    });
    const end = await this.#patiently(Promise.race([work, world.crashed.promise, stopped.promise]), "epoch");
    over = true;
    const relaxed = this.#parts.options.subject.durability === "relaxed";
    if (end === "kill" || end === "power") {
      this.counts.crashes++;
      await this.#start(undefined, true, plan);
      return { mayForget: relaxed && (end === "power" || this.#lostSync()), ended: true };
    }
    if (end !== "worked") {
      await this.#patiently(Promise.race([work, world.crashed.promise]), "stop");
      await this.#restart();
      return { mayForget: relaxed, ended: false };
    }
    if (plan.end === "close") {
      await this.#close(true, plan.closeMs);
      return { mayForget: false, ended: true };
    }
    world.crash(plan.end, plan.style, running.process);
    this.counts.crashes++;
    await this.#start(undefined, true, plan);
    return { mayForget: relaxed && (plan.end === "power" || this.#lostSync()), ended: true };
  }

  /** True when a sync failed, or the power went while the recovery of a killed process ran. */
  #lostSync(): boolean {
    const counts = this.world.host.plan.counts();
    return counts.has("sync_error_drop") || counts.has("sync_error_keep") || this.counts.crashes > 0;
  }

  /** All who work, until they should stop. */
  #work(context: ClientContext): Promise<unknown> {
    return Promise.all(
      [...this.#clients, ...(this.#side === undefined ? [] : [this.#side])].map((it) => it.work(context)),
    );
  }

  /** The node stopped by itself: it is closed, or its process killed, and opened again. */
  async #restart(): Promise<void> {
    const { process, node } = this.#running as Running;
    const { host } = this.world;
    const closes = this.#chance.chance(2, 3);
    if (closes) {
      const closed = node.close().catch((error) => this.#parts.trace.say(messageOf(error)));
      // The crash that was planned for the epoch may strike here.
      await this.#patiently(Promise.race([closed, this.world.crashed.promise]), "close");
    }
    if (!closes || this.#chance.chance(1, 2)) host.kill(process);
    await this.#start(process.alive ? process : undefined, true);
  }

  async #close(reopen: boolean, timeoutMs = 0): Promise<void> {
    const { process, node } = this.#running as Running;
    const closed = node.close(timeoutMs > 0 ? { timeoutMs } : {}).then(() => undefined, (error) => error);
    const error = await this.#patiently(closed, "close");
    if (error !== undefined) {
      this.#parts.trace.say(`close: ${messageOf(error)}`);
      if (!this.world.host.plan.active) this.history.problems.add("errors", `close: ${messageOf(error)}`);
    }
    if (!reopen) return;
    if (this.#chance.chance(1, 2)) this.world.host.kill(process);
    await this.#start(process.alive ? process : undefined, true);
  }

  /**
   * Reads everything and holds it against every model. No faults strike the checkers; one that struck just
   * before may still end the node, once: then `again` it is looked at.
   */
  async #check(mayForget: boolean, again = false): Promise<void> {
    const { host } = this.world;
    if (mayForget) this.#side?.forget();
    const { node, databases } = this.#running as Running;
    const active = host.plan.active;
    this.world.heal();
    let stopped = false;
    const work = async () => {
      await node.sync();
      for (let i = 0; i < databases.length; i++) {
        await checkStructure(() => node.check(this.world.directory(i)), `database ${i}`, this.world);
      }
      const global = globalsOf(databases);
      const shared = await readShared(global, this.#places, this.history);
      const floorOf = mayForget ? (region: Region) => this.#synced.get(region) ?? 0 : undefined;
      await verifyRegions(this.#clients, global, this.history, shared.lists, floorOf);
      judgeShared(this.history, this.#shared, shared, mayForget);
      this.#shared = shared;
    };
    const ended = work().catch((error) => {
      stopped = active && !again && !this.history.problems.any && ENDED.some((code) => isCode(error, code));
      if (!stopped) this.history.problems.add("errors", `check: ${messageOf(error)}`);
    });
    await this.#patiently(ended, "check");
    if (stopped) {
      await this.#restart();
      await this.#check(mayForget || this.#parts.options.subject.durability === "relaxed", true);
    }
    this.#synced.clear();
    this.history.beginEpoch();
    for (const complaint of host.complaints.splice(0)) this.history.problems.add("contract", complaint);
    if (this.history.problems.any) throw new Abort("the check found problems");
    host.plan.active = active;
  }

  #blocks(): number {
    let blocks = 0;
    for (const file of this.world.host.disk.files()) {
      if (file.use === "volume") blocks += Math.floor(file.cache.size / 8192);
    }
    this.counts.blocksMax = Math.max(this.counts.blocksMax, blocks);
    return blocks;
  }

  /** The world is healed: everything that is asked now is done. */
  async #liveness(): Promise<void> {
    this.world.heal();
    this.world.crashed = signal();
    const { problems } = this.history;
    let failed = "";
    for (let tries = 0; tries < 2; tries++) {
      failed = "";
      const until = this.history.operations + 5 * this.#clients.length;
      const context = this.#context(() => this.history.operations < until, (code) => (failed = code));
      await this.#patiently(this.#work(context), "liveness");
      if (failed === "" && await this.#visitSide(context)) break;
      if (failed === "") failed = "the side line's database could not be mounted";
      await this.#restart();
    }
    if (failed !== "") problems.add("liveness", `the node stops in a healed world: ${failed}`);
    await this.#check(false);
  }

  async #visitSide(context: ClientContext): Promise<boolean> {
    if (this.#side === undefined) return true;
    return await this.#patiently(this.#side.visit({ ...context, onStopped: () => {} }), "the side line");
  }

  async #closeAndWalk(): Promise<void> {
    this.world.heal();
    await this.#close(false);
    const { history, world } = this;
    walkClosed({
      world,
      clients: this.#clients,
      shared: this.#shared,
      places: this.#places,
      side: this.#side,
      history,
    });
    if (history.problems.any) throw new Abort("the walk found problems");
    await this.#start(undefined, false);
    await this.#check(false);
    await this.#betrayal();
  }

  async #betrayal(): Promise<void> {
    const { betrayal } = this.#parts.options;
    if (betrayal === undefined) return;
    this.world.rules.active = false;
    const client = this.#clients[0] as Client;
    const scene: BetrayalScene = {
      host: this.world.host,
      chance: this.#chance,
      region: client.region,
      problems: this.history.problems,
      draw: () => client.draw(),
      reopen: (end) => reopenLoud(this.world, this.#running as Running, end),
    };
    await this.#patiently(betray(betrayal, this.#running as Running, scene), betrayal);
  }

  /** Waits for work that must end; what does not is noted with what is still in flight. */
  async #patiently<T>(work: Promise<T>, what: string): Promise<T> {
    const bell = signal<"late">();
    const cancel = this.#parts.scheduler.after(PATIENCE_US, () => bell.resolve("late"));
    const end = await Promise.race([work, bell.promise]);
    cancel();
    if (end !== "late") return end as T;
    const stuck = [...this.history.inFlight.values()].slice(0, 6).join("; ");
    const status = this.#running?.node.status() ?? "";
    const late = `${what} did not end in ${PATIENCE_US / 1e6} s`;
    this.history.problems.add("liveness", `${late}; in flight: ${stuck}; ${status}`);
    throw new Abort(`${what} is stuck`);
  }
}
