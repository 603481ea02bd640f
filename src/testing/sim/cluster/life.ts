/** One life of a member: its process, its node, and the clients that work by way of it. */
import { CohortError, type ErrorCode, isCode } from "../../../ground/errors.ts";
import type { Facts, Severity } from "../../../ports/observer.ts";
import { withFaults } from "../../fault_storage.ts";
import type { SimProcess } from "../host.ts";
import { Prng } from "../prng.ts";
import { globalsOf, type Signal, signal } from "../run/world.ts";
import { SimClock, SimEntropy, SimObserver } from "../small_ports.ts";
import { SimStorage } from "../sim_storage.ts";
import type { Trace } from "../trace.ts";
import { type ClientContext, messageOf } from "../workload/calls.ts";
import type { SubjectDatabase } from "../workload/subject.ts";
import type { ClusterSubject } from "./cluster_subject.ts";
import type { ClusterWorld } from "./cluster_world.ts";

/** Virtual microseconds after which a node that was to be closed is killed. */
const CLOSE_US = 120_000_000;
const RIGHTS = { user: "1000", group: "1000", umask: "0022" };

/** Tells the life of what it hears. */
class LifeObserver extends SimObserver {
  readonly #heard: (name: string, facts: Facts) => void;

  constructor(trace: Trace, now: () => number, heard: (name: string, facts: Facts) => void) {
    super(trace, now);
    this.#heard = heard;
  }

  override event(name: string, severity: Severity, facts: Facts): void {
    super.event(name, severity, facts);
    this.#heard(name, facts);
  }
}

/** How a life stands. */
export type LifeState = "opening" | "serving" | "leaving" | "stopped" | "ended";

/** One life. */
export class Life {
  /** Which member, and which of its lives. */
  readonly label: string;
  /** Where it stands in the network. */
  readonly station: string;
  readonly process: SimProcess;
  readonly ended: Signal<string> = signal<string>();
  readonly #world: ClusterWorld;
  readonly #name: string;
  #incarnation: string | undefined;
  state: LifeState = "opening";
  node: ClusterSubject | undefined;
  /** Changed in place: whoever works by way of it finds what was mounted again. */
  databases: SubjectDatabase[] = [];
  /** A database that it has dismounted for a while; its clients wait meanwhile. */
  absence: number | undefined;
  /** Operations of its clients that are under way. */
  busy = 0;
  /** Resolves when no client works by way of it; never, when it died under them. */
  work: Promise<unknown> = Promise.resolve();
  /** Clients at work. */
  readonly working: Set<string> = new Set();
  /** By which code its node ended by itself. */
  stopCause: string | undefined;
  #stalled: Promise<void> | undefined;
  #stallsTill = 0;

  constructor(world: ClusterWorld, number: number, life: number) {
    this.#world = world;
    this.label = `m${number}.${life}`;
    this.station = `m${number}`;
    this.#name = world.options.keepsNames ? this.station : this.label;
    this.process = world.host.spawn();
    this.process.station = this.station;
    if (world.options.wrongClocks) this.process.clockRate = world.chance.between(900, 1100) / 1000;
    this.process.onKilled.push(() => this.#end("killed"));
  }

  get isServing(): boolean {
    return this.state === "serving" && this.process.alive;
  }

  /** The power is off: its process is gone already. */
  lost(): void {
    this.#end("power");
  }

  #end(why: string): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.#world.parts.trace.note("life ended", this.label, why);
    this.ended.resolve(why);
  }

  /** Opens its node, mounts everything and lets its clients work. */
  async begin(): Promise<void> {
    const { parts, options, network, chance } = this.#world;
    const world = {
      storage: this.#storage(),
      clock: new SimClock(this.process),
      entropy: new SimEntropy(new Prng(options.seed, `entropy ${this.label}`)),
      observer: new LifeObserver(
        parts.trace,
        () => parts.scheduler.now,
        (name, facts) => this.#heard(name, facts),
      ),
      interconnect: () => network.interconnect(this.process),
      rights: RIGHTS,
    };
    try {
      const { subject, rhythm, checkpointMs } = options;
      this.node = await parts.open(world, { ...subject, name: this.#name, rhythm, checkpointMs });
      this.#incarnation = this.node.incarnation;
      parts.trace.note("incarnation", this.label, this.#incarnation);
      this.databases = await this.#mountAll(this.node, chance.chance(1, 2));
    } catch (error) {
      if (!this.process.alive) return;
      return this.#failed(error);
    }
    if (!this.process.alive || this.state !== "opening") return;
    this.state = "serving";
    parts.trace.note("serving", this.label);
    this.#world.opened(this);
  }

  async #mountAll(node: ClusterSubject, atOnce: boolean): Promise<SubjectDatabase[]> {
    const places = Array.from({ length: this.#world.options.databases }, (_, i) => this.#world.directory(i));
    if (atOnce) return await Promise.all(places.map((it) => node.mount(it)));
    const databases: SubjectDatabase[] = [];
    for (const place of places) databases.push(await node.mount(place));
    return databases;
  }

  #storage(): ReturnType<typeof withFaults> {
    const { rules } = this.#world;
    const disk = new SimStorage(this.process, rules.watchOf(() => this.#incarnation, this.label));
    return withFaults(disk, ({ operation, path }) => {
      if (operation === "createRegister" || operation === "write") rules.touched(this.#incarnation, path);
      return this.#stalled === undefined ? undefined : { kind: "stall", until: this.#stalled };
    });
  }

  #heard(name: string, facts: Facts): void {
    if (name === "cluster.recovered") this.#world.recoveries++;
    if (name === "checkpoint.round") this.#world.rounds++;
    if (name !== "node.stopped") return;
    const code = String(facts["code"]);
    this.stopCause = code;
    this.#world.judgeModes();
    // A broken invariant is a problem whatever the disk did.
    if (!this.#world.mayStop(code) || /invariant/.test(String(facts["cause"]))) {
      this.#world.parts.problems.add("contract", `${this.label} stopped: ${code}: ${facts["cause"]}`);
    }
    this.#world.scheduler.after(0, () => this.stopped(code), this.process);
  }

  #failed(error: unknown): void {
    const { parts, host } = this.#world;
    parts.trace.note("open failed", this.label, error instanceof CohortError ? error.code : "error");
    parts.trace.say(messageOf(error));
    if (!(error instanceof CohortError) || !this.#world.mayNotOpen(error.code)) {
      const isStopped = error instanceof CohortError && this.stopCause !== undefined;
      if (!isStopped) parts.problems.add("errors", `${this.label} cannot open: ${messageOf(error)}`);
    }
    this.#world.notOpened(this.station, error);
    host.kill(this.process);
  }

  /** Whether one of its calls may end with this code. */
  mayFail(code: ErrorCode): boolean {
    if (ENDED.includes(code)) return this.stopCause !== undefined || this.state !== "serving";
    return this.#world.mayFail(code);
  }

  /** What its clients share. */
  context(goOn: () => boolean): ClientContext {
    const { host, history } = this.#world;
    return {
      host,
      process: this.process,
      node: this.node!,
      history,
      databases: this.databases,
      directory: (database) => this.#world.directory(database),
      global: globalsOf(this.databases),
      goOn: () => this.isServing && goOn(),
      onStopped: (code) => this.stopped(code),
      mayFail: (code) => this.mayFail(code),
      mayCome: () => (this.node?.cluster()?.incrementsOpen ?? 0) > 0,
    };
  }

  /** Its node ended by itself: it is closed, or killed at once, and a new life begins. */
  stopped(code: string): void {
    if (this.state === "ended" || this.state === "stopped" || this.state === "leaving") return;
    this.state = "stopped";
    this.#world.parts.trace.note("stopped", this.label, code);
    if (this.#world.chance.chance(1, 2)) return this.#world.host.kill(this.process);
    void this.#close(false);
  }

  /** Dismounts a database, and mounts it again after a while. */
  async away(database: number, forUs: number): Promise<void> {
    if (this.absence !== undefined) return;
    this.absence = database;
    const { scheduler, parts, host } = this.#world;
    const place = this.#world.directory(database);
    parts.trace.note("away", this.label, place);
    while (this.busy > 0 && this.isServing) await scheduler.sleep(1_000, this.process);
    if (!this.isServing) return;
    try {
      await this.databases[database]!.dismount();
    } catch (error) {
      // What it could not bring home another recovers.
      this.#notAway(error);
      if (this.isServing) host.kill(this.process);
      return;
    }
    await scheduler.sleep(forUs, this.process);
    while (this.isServing) {
      try {
        this.databases[database] = await this.node!.mount(place);
        parts.trace.note("back", this.label, place);
        this.absence = undefined;
        return;
      } catch (error) {
        this.#notAway(error);
      }
      await scheduler.sleep(20_000, this.process);
    }
  }

  /** A dismount or a mount failed, which a fault of the disk may have done, or a view. */
  #notAway(error: unknown): void {
    if (!this.isServing || this.stopCause !== undefined) return;
    const { problems, trace } = this.#world.parts;
    trace.say(messageOf(error));
    if (error instanceof CohortError && this.#world.mayNotOpen(error.code)) return;
    problems.add("errors", `${this.label} cannot let go of a database: ${messageOf(error)}`);
  }

  /** Leaves in good order. */
  async leave(): Promise<void> {
    if (!this.isServing) return;
    this.state = "leaving";
    await this.#close(this.#world.isHealed);
  }

  /**
   * Closes its node, and ends its process whatever becomes of that. What went wrong before the world was
   * healed is told at the end of it, and so is a sync that failed before: each file hears of it at its next.
   */
  async #close(isHealed: boolean): Promise<void> {
    const { scheduler, host, parts } = this.#world;
    let isOld = !isHealed;
    const closed = this.node!.close().then(() => "closed", (error) => {
      isOld ||= isCode(error, "SYNC_FAILED") && this.#world.mayStop("SYNC_FAILED");
      return messageOf(error);
    });
    const late = scheduler.sleep(CLOSE_US, this.process).then(() => "late");
    // Whom a slow disk keeps silent for too long the others may evict and kill, also while it leaves.
    const how = await Promise.race([closed, late, this.ended.promise]);
    if (!this.process.alive) return;
    parts.trace.note("left", this.label, how === "closed");
    parts.trace.say(`${this.label} left: ${how}`);
    if (this.state === "leaving") this.#world.left(this, how, !isOld);
    host.kill(this.process);
  }

  /** Its storage does not answer for a while. */
  stall(forUs: number): void {
    const { scheduler } = this.#world;
    const heals = signal<void>();
    this.#stalled = heals.promise;
    const till = scheduler.now + forUs;
    this.#stallsTill = Math.max(this.#stallsTill, till);
    scheduler.after(forUs, () => {
      if (this.#stallsTill <= scheduler.now) this.#stalled = undefined;
      heals.resolve();
    }, this.process);
  }
}

/** What a node answers that has ended. */
const ENDED: readonly ErrorCode[] = [
  "STOPPED",
  "OUTCOME_UNKNOWN",
  "SYNC_FAILED",
  "FENCED",
  "CLOSED",
  "NOT_MOUNTED",
];
