/**
 * One simulated host with a node on it: opened, crashed and opened again, with everything around it counted.
 */
import { CohortError, type ErrorCode, isCode } from "../../../ground/errors.ts";
import { DiskRules } from "../check/disk_rules.ts";
import type { Problems } from "../check/problems.ts";
import { FaultPlan } from "../faults.ts";
import { SimHost, type SimProcess } from "../host.ts";
import { Prng } from "../prng.ts";
import type { Scheduler } from "../scheduler.ts";
import { SimClock, SimEntropy, SimObserver } from "../small_ports.ts";
import { SimStorage } from "../sim_storage.ts";
import type { Trace } from "../trace.ts";
import { messageOf } from "../workload/calls.ts";
import type { Place } from "../workload/region.ts";
import type {
  OpenSubject,
  SubjectDatabase,
  SubjectGlobal,
  SubjectNode,
  SubjectWorld,
} from "../workload/subject.ts";
import type { SeedOptions } from "./seed_options.ts";

/** A promise with its resolve. */
export interface Signal<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

/** Makes a promise with its resolve. */
export function signal<T>(): Signal<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, resolve };
}

/** A node that is open. */
export interface Running {
  readonly process: SimProcess;
  readonly node: SubjectNode;
  readonly databases: readonly SubjectDatabase[];
  readonly observer: SimObserver;
}

/** Puts something between the node and its world: where bugs are planted. */
export type WrapWorld = (world: SubjectWorld, process: SimProcess) => SubjectWorld;

/** What a world is made of. */
export interface WorldParts {
  readonly options: SeedOptions;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly problems: Problems;
  readonly open: OpenSubject;
  readonly wrap?: WrapWorld | undefined;
}

/** Codes that no honest world may cause. */
const NEVER: readonly ErrorCode[] = [
  "JOURNAL_GAP",
  "QUARANTINED",
  "NOT_A_VOLUME",
  "FORMAT_NEWER",
  "BLOCK_SIZE",
  "FOREIGN_OWNER",
  "READ_ONLY",
  "NOT_NUMERIC",
  "PRECISION",
  "PERMISSION",
  "FENCED",
  "EXISTS",
  "NO_M_FORM",
  "SYNTAX",
];
/** Codes that need a fault to have struck. */
const FAULTY: readonly ErrorCode[] = [
  "IO",
  "FULL",
  "FROZEN",
  "CORRUPT",
  "SYNC_FAILED",
  "STOPPED",
  "OUTCOME_UNKNOWN",
];
/** Times a node is opened anew before it is given up: together longer than a write can be on its way. */
const OPENINGS_MAX = 40;
/** Virtual microseconds between two openings, doubled each time up to the longest. */
const REST_US = [50_000, 15_000_000] as const;
/** Openings after which the world is healed. */
const OPENINGS_HEALED = 15;

/** One host with a node. */
export class World {
  readonly parts: WorldParts;
  readonly host: SimHost;
  /** Set when the disk was made smaller: `FULL` may come of it. */
  wasFull = false;
  /** Resolved with what struck, once the process is gone. */
  crashed: Signal<string> = signal();
  /** What is watched at the disk itself. */
  readonly rules: DiskRules;
  #entropy = 0;
  #process: SimProcess | undefined;

  constructor(parts: WorldParts) {
    this.parts = parts;
    const { seed, latencies, rules } = parts.options;
    const plan = new FaultPlan(new Prng(seed, "faults"), rules);
    this.host = new SimHost({ seed, scheduler: parts.scheduler, trace: parts.trace, latencies, plan });
    this.rules = new DiskRules(this.host.disk, parts.problems, parts.options.databases);
  }

  /** Where the database of a number lies. */
  directory(database: number): string {
    return `/data/db${database}`;
  }

  /** Whether an operation may end with this code, now. */
  mayFail(code: ErrorCode): boolean {
    if (NEVER.includes(code)) return false;
    if (!FAULTY.includes(code)) return true;
    const counts = this.host.plan.counts();
    if (code === "CORRUPT") return counts.has("short_read");
    return counts.size > 0 || this.wasFull;
  }

  /** The process dies, or the power goes. */
  crash(kind: "kill" | "power", style: Parameters<SimHost["powerCut"]>[0], process: SimProcess): void {
    if (!process.alive) return;
    if (kind === "kill") this.host.kill(process);
    else this.host.powerCut(style);
    this.crashed.resolve(kind);
  }

  /**
   * Opens a node, as often as it takes; undefined when a crash came first, or it could not be opened at all.
   */
  async open(process?: SimProcess): Promise<Running | "crashed" | undefined> {
    const { scheduler, problems } = this.parts;
    let last: unknown;
    this.#process = process;
    for (let i = 0; i < OPENINGS_MAX; i++) {
      if (i === OPENINGS_HEALED) this.heal();
      const inside: SimProcess = this.#process?.alive === true ? this.#process : this.host.spawn();
      this.#process = inside;
      if (i === 0) this.onSpawn?.(inside);
      const hits = this.host.plan.hits.length;
      const opened = await Promise.race([this.openOnce(inside), this.crashed.promise]);
      if (typeof opened === "string") return "crashed";
      if (!(opened instanceof Failure)) return opened;
      last = opened.error;
      this.parts.trace.note("open failed", last instanceof CohortError ? last.code : "error");
      this.parts.trace.say(messageOf(last));
      if (!(last instanceof CohortError) || !this.mayFail(last.code)) {
        problems.add(last instanceof CohortError ? "quarantine" : "errors", `open: ${messageOf(last)}`);
        return undefined;
      }
      if (this.host.plan.hits.length === hits && isCode(last, "CORRUPT")) {
        problems.add("quarantine", `open: no fault struck: ${messageOf(last)}`);
        return undefined;
      }
      // A process that lives on closes what it could not use: only then may it try again.
      if (this.host.chance.chance(1, 2)) this.host.kill(inside);
      else if ((await Promise.race([closed(opened.node), this.crashed.promise])) !== "closed") {
        return "crashed";
      }
      await scheduler.sleep(Math.min(REST_US[1], this.host.chance.below(REST_US[0] * 2 ** Math.min(i, 10))));
    }
    problems.add("liveness", `the node could not be opened ${OPENINGS_MAX} times: ${messageOf(last)}`);
    return undefined;
  }

  /** Called with the first process of an opening. */
  onSpawn: ((process: SimProcess) => void) | undefined;

  /** No faults from now on, and space enough. */
  heal(): void {
    this.host.plan.active = false;
    this.host.disk.capacityBytes = Number.MAX_SAFE_INTEGER;
  }

  /** Opens a node in a process and mounts all databases. */
  async openOnce(process: SimProcess): Promise<Running | Failure> {
    const { options, trace, scheduler, open, wrap } = this.parts;
    const observer = new SimObserver(trace, () => scheduler.now);
    const plain: SubjectWorld = {
      storage: new SimStorage(process, this.rules),
      clock: new SimClock(process),
      entropy: new SimEntropy(new Prng(options.seed, `entropy ${++this.#entropy}`)),
      observer,
    };
    let node: SubjectNode | undefined;
    try {
      node = await open(wrap?.(plain, process) ?? plain, options.subject);
      const databases: SubjectDatabase[] = [];
      for (let i = 0; i < options.databases; i++) databases.push(await node.mount(this.directory(i)));
      for (const { name, facts } of observer.grave) {
        if (this.rules.active && name === "volume.mismatch") {
          const what = "a released block is not home";
          this.parts.problems.add("home", `open: ${what}: block ${facts["block"]} of ${facts["path"]}`);
        }
      }
      return { process, node, databases, observer };
    } catch (error) {
      return new Failure(error, node);
    }
  }
}

/** An opening that failed, with the node that it left. */
export class Failure {
  readonly error: unknown;
  readonly node: SubjectNode | undefined;

  constructor(error: unknown, node: SubjectNode | undefined) {
    this.error = error;
    this.node = node;
  }
}

async function closed(node: SubjectNode | undefined): Promise<string> {
  try {
    await node?.close();
  } catch {
    // It could not be opened; what its close says of that is known.
  }
  return "closed";
}

/** The global of a place. */
export function globalsOf(databases: readonly SubjectDatabase[]): (place: Place) => SubjectGlobal {
  return (place) => (databases[place.database] as SubjectDatabase).global(place.global);
}
