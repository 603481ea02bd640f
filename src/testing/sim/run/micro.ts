/**
 * Micro runs: a small program, cut off at every write and sync, and for each cut every subset of what was not
 * synced (bounded), each recovered and checked. What is random in full seeds is complete here.
 */
import { atEnd } from "../../../ground/at_end.ts";
import { DiskRules } from "../check/disk_rules.ts";
import { type Problem, Problems } from "../check/problems.ts";
import { walkVolume } from "../check/raw_volume.ts";
import { textOfKey } from "../model/collation.ts";
import type { SimDisk } from "../disk.ts";
import { drawTear, DROPPED, enumerateSubsets, type Fate, WHOLE } from "../fates.ts";
import type { PortCall } from "../faults.ts";
import { SimHost, type SimProcess } from "../host.ts";
import { ALWAYS_PROMISES, ALWAYS_VALUES, type Latencies } from "../latencies.ts";
import { Prng } from "../prng.ts";
import { type Drain, Scheduler } from "../scheduler.ts";
import { SimStorage } from "../sim_storage.ts";
import { SimClock, SimEntropy, SimObserver } from "../small_ports.ts";
import { Trace } from "../trace.ts";
import { messageOf } from "../workload/calls.ts";
import { Region } from "../workload/region.ts";
import type { OpenSubject, SubjectOptions, SubjectWorld } from "../workload/subject.ts";
import {
  baseNodes,
  drawProgram,
  drawStagedProgram,
  MICRO_BASES,
  type MicroBase,
  type MicroOperation,
} from "./micro_program.ts";
import { signal, type WrapWorld } from "./world.ts";

/** How to do micro runs. */
export interface MicroOptions {
  readonly open: OpenSubject;
  readonly drain?: Drain | undefined;
  readonly wrap?: WrapWorld | undefined;
  readonly print?: ((line: string) => void) | undefined;
  /** Most subsets a crash point. */
  readonly subsets?: number;
  /** Only this run of the seed: for looking at one. */
  readonly only?: number | undefined;
}

/** What came of the runs of a seed. */
export interface MicroResult {
  readonly seed: number;
  readonly hash: string;
  readonly problems: readonly Problem[];
  /** Images recovered and checked. */
  readonly runs: number;
  readonly program: string;
}

const DIRECTORY = "/data/db0";
const GEOMETRY = { blockSize: 8192, extentBlocks: 64 };
const CHANGING: readonly PortCall[] = ["write", "sync", "grow", "register", "remove", "open"];
/** One in so many seeds has a merge larger than its pool. */
const STAGED_EVERY = 8;
const STAGED_POOL_BLOCKS = 24;
const BOUNDS = { eventsMax: 2_000_000, timeMax: Number.MAX_SAFE_INTEGER };

/** The disk at one instant of a program. */
interface Cut {
  readonly disk: SimDisk;
  readonly acknowledged: number;
  readonly begun: number;
  readonly name: string;
}

/** Runs every crash of one drawn program. Never rejects. */
export async function runMicro(seed: number, options: MicroOptions): Promise<MicroResult> {
  return await new Micro(seed, options).run();
}

class Micro {
  readonly #seed: number;
  readonly #options: MicroOptions;
  readonly #chance: Prng;
  readonly #problems = new Problems();
  readonly #trace: Trace;
  readonly #region = new Region("m", [{ database: 0, global: "Micro", prefix: [] }]);
  readonly #base: MicroBase;
  readonly #subject: SubjectOptions;
  readonly #latencies: Latencies;
  #program: MicroOperation[] = [];
  #runs = 0;

  constructor(seed: number, options: MicroOptions) {
    this.#seed = seed;
    this.#options = options;
    this.#chance = new Prng(seed, "micro");
    this.#trace = new Trace(options.print);
    const drawn = this.#chance.pick(MICRO_BASES);
    this.#base = seed % STAGED_EVERY === STAGED_EVERY - 1 ? "staged" : drawn;
    this.#latencies = this.#chance.chance(1, 4) ? ALWAYS_PROMISES : ALWAYS_VALUES;
    this.#subject = {
      directory: "/data/journals",
      durability: this.#chance.chance(3, 4) ? "sync" : "relaxed",
      syncIntervalMs: 5,
      poolBlocks: this.#base === "staged" ? STAGED_POOL_BLOCKS : this.#chance.pick([16, 64]),
      extentBlocks: GEOMETRY.extentBlocks,
      segmentBytes: 65_536,
      checkpointBytes: 65_536,
      cycleBlocks: this.#chance.pick([1, 4, 16]),
      leaseMs: 50,
      idleMs: this.#chance.pick([1, 2000]),
    };
  }

  async run(): Promise<MicroResult> {
    let described = "";
    try {
      const base = await this.#prepare();
      this.#program = this.#base === "staged"
        ? drawStagedProgram(this.#chance, this.#region)
        : drawProgram(this.#chance, this.#region, this.#base);
      described = `${this.#base}, ${this.#subject.durability}: ${
        this.#program.map((op) => op.name).join("; ")
      }`;
      this.#trace.note("program", described);
      for (const cut of await this.#record(base)) await this.#recoverAll(cut);
    } catch (error) {
      this.#problems.add("errors", `the run broke: ${messageOf(error)}`);
    }
    for (const { checker, text } of this.#problems.list) this.#trace.note("problem", checker, text);
    return {
      seed: this.#seed,
      hash: this.#trace.hash(),
      problems: this.#problems.list,
      runs: this.#runs,
      program: described,
    };
  }

  #host(disk: SimDisk | undefined, latencies: Latencies): SimHost {
    const scheduler = new Scheduler(this.#seed, this.#trace, this.#options.drain);
    const pidAbove = 100 * ++this.#hosts;
    const options = { seed: this.#seed, scheduler, trace: this.#trace, latencies, pidAbove };
    return new SimHost(disk === undefined ? options : { ...options, disk });
  }

  #world(process: SimProcess): SubjectWorld {
    const { scheduler, trace } = process.host;
    const plain: SubjectWorld = {
      storage: new SimStorage(process, new DiskRules(process.host.disk, this.#problems, 1)),
      clock: new SimClock(process),
      entropy: new SimEntropy(new Prng(this.#seed, `entropy ${process.pid} ${++this.#entropy}`)),
      observer: new SimObserver(trace, () => scheduler.now),
    };
    return this.#options.wrap?.(plain, process) ?? plain;
  }

  #entropy = 0;
  #hosts = 0;

  /** A closed volume with the base's nodes in it. */
  async #prepare(): Promise<SimDisk> {
    const host = this.#host(undefined, ALWAYS_VALUES);
    await this.#drive(host, async (process) => {
      const node = await this.#options.open(this.#world(process), this.#subject);
      const global = (await node.mount(DIRECTORY)).global("Micro");
      for (const [subscripts, value] of baseNodes(this.#base)) {
        await global.set(subscripts, value);
        const key = this.#region.key(0, subscripts);
        this.#region.begin({
          apply: (model) => model.set(key, value),
          called: 0,
          acknowledged: undefined,
          name: "",
          elements: [],
        });
        this.#region.settle(0);
      }
      await node.close();
    });
    const found = new Map(
      this.#region.model.all.map(({ key, text }) => [textOfKey(key), text]),
    );
    const explained = this.#region.explain(this.#region.effects.length, found);
    if (typeof explained !== "string") this.#region.adopt(explained);
    return host.disk;
  }

  /** Runs the program once, and takes the disk after every change of it. */
  async #record(base: SimDisk): Promise<Cut[]> {
    const cuts: Cut[] = [];
    const host = this.#host(base.clone(), this.#latencies);
    let acknowledged = 0;
    let begun = 0;
    await this.#drive(host, async (process) => {
      process.watch = (_, fact) => {
        if (fact.moment !== "after" || !CHANGING.includes(fact.call)) return;
        const name = `after call ${fact.number} ${fact.call} ${fact.path}`;
        cuts.push({ disk: host.disk.clone(), acknowledged, begun, name });
      };
      const node = await this.#options.open(this.#world(process), this.#subject);
      const global = (await node.mount(DIRECTORY)).global("Micro");
      for (const operation of this.#program) {
        begun++;
        await operation.run({ node, global, region: this.#region });
        acknowledged++;
      }
      await host.scheduler.sleep(20_000);
      await node.close();
      process.watch = undefined;
      cuts.push({ disk: host.disk.clone(), acknowledged, begun, name: "after close" });
    });
    return cuts;
  }

  /** Runs a body in a process of a host until it ends; rejects when it does not. */
  async #drive(host: SimHost, body: (process: SimProcess) => Promise<void>): Promise<void> {
    const over = signal<undefined>();
    let failure: unknown;
    let ended = false;
    const process = host.spawn();
    host.scheduler.after(0, () => {
      void atEnd(body(process).catch((error) => (failure = error ?? new Error("rejected"))), () => {
        ended = true;
        over.resolve(undefined);
      });
    });
    const end = await host.scheduler.run(() => ended, BOUNDS);
    if (end !== "done") throw new Error(`it did not end (${end})`);
    if (failure !== undefined) throw failure;
  }

  async #recoverAll(cut: Cut): Promise<void> {
    const changed = cut.disk.files().filter((file) => file.unsynced.length > 0);
    const count = changed.reduce((sum, file) => sum + file.unsynced.length, 0);
    const names = cut.disk.unkeptNames();
    await this.#recover(cut, undefined, "kill");
    const subsets = enumerateSubsets(count, this.#options.subsets ?? 8, this.#chance);
    for (const subset of subsets) {
      await this.#recoverCut(cut, subset.map((kept) => (kept ? WHOLE : DROPPED)), names);
    }
    if (count === 0) return;
    for (let torn = 0; torn < 2; torn++) {
      const all = changed.flatMap((file) => file.unsynced);
      const fates = all.map((change) => this.#chance.chance(1, 2) ? drawTear(this.#chance, change) : WHOLE);
      await this.#recoverCut(cut, fates, names);
    }
  }

  async #recoverCut(cut: Cut, fates: readonly Fate[], names: readonly string[]): Promise<void> {
    const disk = cut.disk.clone();
    const byPath = new Map<string, Fate[]>();
    let at = 0;
    for (const file of disk.files()) {
      if (file.unsynced.length === 0) continue;
      byPath.set(file.path, fates.slice(at, at + file.unsynced.length));
      at += file.unsynced.length;
    }
    disk.powerCutExactly(byPath, new Set(names.filter(() => this.#chance.chance(1, 2))));
    await this.#recover(cut, disk, fates.map((fate) => fate.kind[0]).join(""));
  }

  /**
   * Opens what is left, reads all of it, closes it and walks its bytes. `disk` undefined: only the process
   * died.
   */
  async #recover(cut: Cut, disk: SimDisk | undefined, how: string): Promise<void> {
    const run = ++this.#runs;
    if (this.#options.only !== undefined && this.#options.only !== run) return;
    const host = this.#host(disk ?? cut.disk.clone(), ALWAYS_VALUES);
    if (disk !== undefined) host.reboot();
    const relaxed = disk !== undefined && this.#subject.durability === "relaxed";
    const say = (text: string) => `run ${run}, ${cut.name}, ${how}: ${text}`;
    this.#trace.say(`run ${run}, ${cut.name}, ${how}`);
    try {
      await this.#drive(host, async (process) => {
        const node = await this.#options.open(this.#world(process), this.#subject);
        const global = (await node.mount(DIRECTORY)).global("Micro");
        for (const text of await this.#check(host, node)) this.#problems.add("structure", say(text));
        await this.#judge(cut, relaxed ? 0 : cut.acknowledged, await this.#region.read(() => global), say);
        await node.close();
      });
      this.#walk(host, say);
    } catch (error) {
      this.#problems.add("errors", say(messageOf(error)));
    }
    this.#trace.note("run", run, this.#problems.list.length);
  }

  async #check(
    host: SimHost,
    node: { check(directory: string): Promise<readonly string[]> },
  ): Promise<readonly string[]> {
    let found: readonly string[] = [];
    for (let tries = 0; tries < 3; tries++) {
      found = await node.check(DIRECTORY);
      if (found.length === 0) break;
      await host.scheduler.sleep(1_000_000);
    }
    return found;
  }

  async #judge(
    cut: Cut,
    floor: number,
    found: Map<string, string>,
    say: (text: string) => string,
  ): Promise<void> {
    await undefined;
    const { effects } = this.#region;
    for (const operation of this.#program.slice(0, cut.begun)) {
      effects.push({
        apply: operation.apply,
        called: 0,
        acknowledged: undefined,
        name: operation.name,
        elements: [],
      });
    }
    const explained = this.#region.explain(floor, found);
    if (typeof explained === "string") this.#problems.add("durability", say(explained));
    effects.length = 0;
  }

  #walk(host: SimHost, say: (text: string) => string): void {
    const file = host.disk.find(`${DIRECTORY}/cohort.dat`);
    if (file === undefined) return;
    if (!file.isDurable) {
      this.#problems.add("volume", say("it was closed, not all of it is durable"));
    }
    for (const text of walkVolume(file.durable, GEOMETRY).problems) this.#problems.add("volume", say(text));
  }
}
