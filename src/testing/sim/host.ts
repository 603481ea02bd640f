/**
 * Hosts and processes of a simulated world.
 *
 * A killed process leaves the page cache behind, and perhaps a write that is still on its way; a power cut
 * takes the page cache and everything on its way. A dead process is never answered again: its promises stay
 * open for ever.
 */
import { SimDisk } from "./disk.ts";
import type { FileClass } from "./disk.ts";
import type { CutStyle } from "./fates.ts";
import { FaultPlan, type PortCall } from "./faults.ts";
import type { SimOwner } from "./heap.ts";
import type { Latencies } from "./latencies.ts";
import { Prng } from "./prng.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** Where in a port call a crash strikes. */
export type CrashMoment = "before" | "after";

/** A port call as it is made, for those who count or crash. */
export interface CallFact {
  /** Number of the call in this process, from 1. */
  readonly number: number;
  readonly call: PortCall;
  readonly path: string;
  readonly use: FileClass;
  readonly moment: CrashMoment;
}

/** Told of each port call, before and after its effect; it may kill the process or cut the power. */
export type CallWatch = (process: SimProcess, fact: CallFact) => void;

/** One process of a host. */
export class SimProcess implements SimOwner {
  readonly host: SimHost;
  readonly pid: number;
  readonly startTime: string;
  /** By which networks cut it off: that of its host, unless it has its own way out. */
  station: string;
  /** Processes of another namespace can neither see nor kill it. */
  pidNamespace = 1;
  /** Another user's: no signal reaches it. */
  isShielded = false;
  alive = true;
  pausedUntil = 0;
  /** How fast its monotonic clock runs; fixed before it begins. */
  clockRate = 1;
  /** Virtual microseconds for which its monotonic clock stood still. */
  clockLagUs = 0;
  /** Milliseconds by which its wall clock is off from that of its host. */
  wallOffsetMs = 0;
  /** Port calls made. */
  calls = 0;
  /** Writes on their way that land whatever becomes of the process. */
  landing = 0;
  /** Called at each port call. */
  watch: CallWatch | undefined;
  /** What its kernel does for it when it is killed: a power cut leaves no time for that. */
  readonly onKilled: Array<() => void> = [];

  constructor(host: SimHost, pid: number) {
    this.host = host;
    this.station = host.name;
    this.pid = pid;
    this.startTime = String(1000 + pid * 7);
  }

  /** True when it is gone and nothing of it can still land. */
  get isOver(): boolean {
    return !this.alive && this.landing === 0;
  }
}

/** What a whole host is made of. */
export interface HostOptions {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly latencies: Latencies;
  readonly plan?: FaultPlan;
  readonly disk?: SimDisk;
  readonly name?: string;
  /** Process ids begin above this: another one where a host goes on with another's disk. */
  readonly pidAbove?: number;
}

/** One kernel: a disk, processes, gates, and a clock that may be wrong. */
export class SimHost {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly latencies: Latencies;
  readonly chance: Prng;
  plan: FaultPlan;
  readonly disk: SimDisk;
  readonly processes: SimProcess[] = [];
  /** Write gates of nodes, by directory and nonce. */
  readonly gates: Map<string, { pid: number; open: boolean; inFlight: number }> = new Map();
  /** Breaches of a port's contract by its caller; a run with any has failed. */
  readonly complaints: string[] = [];
  /** Milliseconds the wall clock is off. */
  wallOffsetMs = 0;
  #boot = 1;
  #pid: number;

  constructor(options: HostOptions) {
    this.name = options.name ?? "host-1";
    this.scheduler = options.scheduler;
    this.trace = options.trace;
    this.latencies = options.latencies;
    this.chance = new Prng(options.seed, `host ${this.name}`);
    this.plan = options.plan ?? new FaultPlan(new Prng(options.seed, "no faults"), []);
    this.disk = options.disk ?? new SimDisk();
    this.#pid = options.pidAbove ?? 100;
  }

  /** Boot id; another after each power cut. */
  get boot(): string {
    return `${this.name}-boot-${this.#boot}`;
  }

  /** Notes that a caller broke a port's contract. */
  complain(text: string): void {
    this.trace.note("complaint", text);
    this.complaints.push(text);
  }

  /** Starts a process. */
  spawn(): SimProcess {
    const process = new SimProcess(this, ++this.#pid);
    this.processes.push(process);
    this.trace.note("spawn", process.pid);
    return process;
  }

  /** SIGKILL: the process ends; the page cache stays; writes on their way may still land. */
  kill(process: SimProcess): void {
    if (!process.alive) return;
    process.alive = false;
    this.trace.note("kill", process.pid, process.landing);
    for (const task of process.onKilled.splice(0)) task();
  }

  /** SIGSTOP for a while: nothing of the process runs, then everything is late at once. */
  pause(process: SimProcess, forUs: number): void {
    process.pausedUntil = Math.max(process.pausedUntil, this.scheduler.now + forUs);
    this.trace.note("pause", process.pid, forUs);
  }

  /** As `pause`, of a whole machine: the monotonic clock of the process stands still meanwhile. */
  suspend(process: SimProcess, forUs: number): void {
    const before = Math.max(process.pausedUntil, this.scheduler.now);
    this.pause(process, forUs);
    process.clockLagUs += Math.max(0, process.pausedUntil - before);
  }

  /** The power goes: every process ends, and of what was not synced a drawn part survives. */
  powerCut(style: CutStyle | "mixed" = "mixed"): void {
    this.reboot();
    this.disk.powerCut(this.chance, style);
    this.trace.note("power cut", style);
  }

  /** Ends every process and changes the boot id; the disk is left to the caller. */
  reboot(): void {
    for (const process of this.processes) {
      process.alive = false;
      process.landing = 0;
    }
    this.processes.length = 0;
    this.gates.clear();
    this.#boot++;
  }
}
