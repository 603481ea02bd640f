/** The whole world of one seed of a cluster: a host, its disk, a network, and the lives of the members. */
import type { ErrorCode } from "../../../ground/errors.ts";
import { CohortError } from "../../../ground/errors.ts";
import { DiskRules } from "../check/disk_rules.ts";
import type { Problems } from "../check/problems.ts";
import { FaultPlan } from "../faults.ts";
import { SimHost } from "../host.ts";
import { Prng } from "../prng.ts";
import type { Scheduler } from "../scheduler.ts";
import { SimNetwork } from "../sim_network.ts";
import type { Trace } from "../trace.ts";
import { messageOf } from "../workload/calls.ts";
import type { History } from "../workload/history.ts";
import { ClusterRules } from "./cluster_rules.ts";
import type { ClusterOptions } from "./cluster_options.ts";
import type { OpenClusterSubject } from "./cluster_subject.ts";
import { Life } from "./life.ts";

/** What a world is made of. */
export interface ClusterParts {
  readonly options: ClusterOptions;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly problems: Problems;
  readonly open: OpenClusterSubject;
}

/** Codes by which an operation may end in a world without faults of the disk. */
const MAY_FAIL: readonly ErrorCode[] = ["TIMEOUT", "ABORTED", "CONFLICT", "TRANSACTION_TOO_LARGE"];
/** Codes that need a fault of the disk to have struck. */
const FAULTY: readonly ErrorCode[] = ["IO", "FULL", "FROZEN", "SYNC_FAILED", "STOPPED", "OUTCOME_UNKNOWN"];
/** Codes by which a node may not come up, and is tried again. */
const MAY_NOT_OPEN: readonly ErrorCode[] = [
  "TIMEOUT",
  "UNREACHABLE",
  "FENCED",
  "IN_USE",
  "NAME_TAKEN",
  "VIEW_CHANGED",
];
/** Openings of one member in a healed world, one after the other, that may fail. */
const OPENINGS_MAX = 20;

/** The world. */
export class ClusterWorld {
  readonly parts: ClusterParts;
  readonly options: ClusterOptions;
  readonly history: History;
  readonly scheduler: Scheduler;
  readonly host: SimHost;
  readonly network: SimNetwork;
  readonly chance: Prng;
  readonly rules: ClusterRules;
  /** The present life of each member; undefined between two. */
  readonly lives: Array<Life | undefined>;
  /** Members that were killed or stopped. */
  losses = 0;
  /** Recoveries that came to their end. */
  recoveries = 0;
  /** Rounds of checkpoints that came to their end. */
  rounds = 0;
  /** Lives begun. */
  begun = 0;
  leaves = 0;
  /** Looks at which somebody beside others had a database as a whole. */
  wides = 0;
  /** True while nothing evil happens any more. */
  isHealed = false;
  /** Gets each life that can be worked with. */
  onServing: (life: Life) => void = () => {};
  readonly #failures = new Map<string, number>();

  constructor(parts: ClusterParts, history: History) {
    this.parts = parts;
    this.history = history;
    const { options, scheduler, trace, problems } = parts;
    const { seed, latencies, rules } = options;
    this.options = options;
    this.scheduler = scheduler;
    this.chance = new Prng(seed, "cluster");
    const plan = new FaultPlan(new Prng(seed, "faults"), rules);
    this.host = new SimHost({ seed, scheduler, trace, latencies, plan });
    this.network = new SimNetwork(seed, scheduler, trace, options.manner);
    this.rules = new ClusterRules(problems, new DiskRules(this.host.disk, problems, options.databases, true));
    this.lives = Array.from({ length: options.members }, () => undefined);
  }

  /** Where the database of a number lies. */
  directory(database: number): string {
    return `/data/db${database}`;
  }

  /** Lives whose processes run and that have not ended. */
  get living(): Life[] {
    return this.lives.filter((it): it is Life =>
      it !== undefined && it.process.alive && it.state !== "ended"
    );
  }

  /** Those that can be worked with. */
  get serving(): Life[] {
    return this.living.filter((it) => it.isServing);
  }

  /** The power goes: every process ends, and what was not synced is lost in part. */
  powerCut(): void {
    this.losses++;
    this.host.powerCut();
    for (const life of this.lives) life?.lost();
  }

  /** Nothing evil happens from now on. */
  heal(): void {
    this.isHealed = true;
    this.host.plan.active = false;
    this.network.calm();
    for (const life of this.living) life.process.watch = undefined;
  }

  /** It may happen again. */
  unheal(): void {
    this.isHealed = false;
    this.host.plan.active = true;
    this.network.active = true;
    this.#failures.clear();
  }

  /** A life can be worked with. */
  opened(life: Life): void {
    this.#failures.delete(life.station);
    this.onServing(life);
  }

  /** A node could not be opened: in a healed world not for ever. */
  notOpened(station: string, error: unknown): void {
    if (!this.isHealed) return;
    const failures = (this.#failures.get(station) ?? 0) + 1;
    this.#failures.set(station, failures);
    if (failures < OPENINGS_MAX) return;
    this.parts.problems.add("liveness", `${station} could not open ${failures} times: ${messageOf(error)}`);
  }

  /** A node has left, or could not; `isHealed`: whether it began to in a healed world. */
  left(life: Life, how: string, isHealed: boolean): void {
    this.leaves++;
    if (!isHealed || how === "closed") return;
    this.parts.problems.add("errors", `${life.label} could not leave in a healed world: ${how}`);
  }

  /** Whether a code may come of a fault of the disk that struck. */
  #isFaulty(code: string): boolean {
    const counts = this.host.plan.counts();
    if (code === "CORRUPT") return counts.has("short_read");
    return (FAULTY as readonly string[]).includes(code) && [...counts.keys()].some((it) => it !== "stall");
  }

  /** Whether an operation may end with a code. */
  mayFail(code: ErrorCode): boolean {
    return MAY_FAIL.includes(code) || this.#isFaulty(code);
  }

  /** Whether a node may end by itself with a code: whoever was stopped or cut off is evicted. */
  mayStop(code: string): boolean {
    return code === "FENCED" || this.#isFaulty(code);
  }

  /** Whether a node may not come up, now. */
  mayNotOpen(code: ErrorCode): boolean {
    return MAY_NOT_OPEN.includes(code) || this.#isFaulty(code);
  }

  /** Notes whether somebody who is not alone has a database as a whole. */
  lookWide(): void {
    const all = this.serving.map(({ node }) => node?.cluster());
    if (all.some((it) => it !== undefined && it.members > 1 && it.wide > 0)) this.wides++;
  }

  /** Holds the modes of all who serve against each other. */
  judgeModes(): void {
    const serving = this.serving.flatMap(({ label, node }) => node === undefined ? [] : [{ label, node }]);
    this.rules.modes(serving);
  }

  /** Keeps a member alive: a new life after each that ends, until `goOn` says no. */
  async keep(at: number, goOn: () => boolean): Promise<void> {
    for (let life = 1; goOn(); life++) {
      this.begun++;
      const present = new Life(this, at + 1, life);
      this.lives[at] = present;
      present.begin().catch((error) => this.#broke(present, error));
      await present.ended.promise;
      const restMs = this.isHealed ? 100 : this.options.restartMs;
      await this.scheduler.sleep(1000 * this.chance.between(1, restMs));
    }
    this.lives[at] = undefined;
  }

  #broke(life: Life, error: unknown): void {
    if (!(error instanceof CohortError) || life.process.alive) {
      this.parts.problems.add("contract", `${life.label} broke: ${messageOf(error)}`);
    }
  }
}
