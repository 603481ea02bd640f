/**
 * The fence of a simulated host: it knows for certain who runs, and whether anything of the dead can still
 * land.
 */
import { lookUntil } from "../../../adapters/common/look_until.ts";
import { stopByGates } from "../../../adapters/common/stop_by_gates.ts";
import type { Answer } from "../../ports/answer.ts";
import type {
  Fence,
  Gate,
  OwnerIdentity,
  OwnerReport,
  SharingReport,
  StopOptions,
  StopReport,
} from "../../ports/fence.ts";
import type { SimHost, SimProcess } from "./host.ts";

/** Milliseconds between two looks at a process that was killed. */
const LOOK_MS = 2;

/** Liveness by the host's process table; gates by a table of the kernel. */
export class SimFence implements Fence {
  readonly #host: SimHost;
  readonly #process: SimProcess;

  constructor(process: SimProcess) {
    this.#host = process.host;
    this.#process = process;
  }

  identify(nonce: string): Answer<OwnerIdentity> {
    return {
      host: this.#host.name,
      boot: this.#host.boot,
      pidNamespace: this.#process.pidNamespace,
      pid: this.#process.pid,
      startTime: this.#process.startTime,
      nonce,
    };
  }

  examine(owner: OwnerIdentity): Answer<OwnerReport> {
    return this.#examine(owner);
  }

  #examine(owner: OwnerIdentity): OwnerReport {
    const report = this.#judge(owner);
    this.#host.trace.note("examine", owner.pid, report.state);
    return report;
  }

  #judge(owner: OwnerIdentity): OwnerReport {
    if (owner.host !== this.#host.name) return { state: "unproven", reason: `${owner.host} is another host` };
    if (owner.boot !== this.#host.boot) return { state: "gone", reason: `${owner.boot} was an earlier boot` };
    if (owner.pidNamespace !== this.#process.pidNamespace) {
      return { state: "unreachable", reason: `process ${owner.pid} lives in another pid namespace` };
    }
    if (owner.pid === this.#process.pid && owner.startTime === this.#process.startTime) {
      return { state: "self", reason: `process ${owner.pid} is this one` };
    }
    const process = this.#find(owner);
    if (process === undefined) return { state: "gone", reason: `no process ${owner.pid}` };
    const what = process.alive ? "runs" : "is ending, a write of it is still on its way";
    return { state: "alive", reason: `process ${owner.pid} ${what}` };
  }

  openGate(directory: string, nonce: string): Answer<Gate> {
    const state = { pid: this.#process.pid, open: true, inFlight: 0 };
    this.#host.gates.set(`${directory}\n${nonce}`, state);
    return {
      enter() {
        if (!state.open) return false;
        state.inFlight++;
        return true;
      },
      leave() {
        state.inFlight--;
      },
      inFlight() {
        return state.inFlight;
      },
      close() {
        state.open = false;
      },
    };
  }

  /** Nodes of one simulated process live and end together. */
  isOver(_directory: string, _nonce: string): Answer<boolean> {
    return false;
  }

  shutGate(directory: string, nonce: string): Answer<"over" | "busy" | "unknown"> {
    const state = this.#host.gates.get(`${directory}\n${nonce}`);
    if (state === undefined || state.pid !== this.#process.pid) return "unknown";
    state.open = false;
    return state.inFlight === 0 ? "over" : "busy";
  }

  async stop(owner: OwnerIdentity, options: StopOptions): Promise<StopReport> {
    const { state, reason } = this.#examine(owner);
    switch (state) {
      case "gone":
        return { over: true, means: "gone", reason };
      case "self":
        return await stopByGates(this, owner.nonce, options);
      case "unreachable":
      case "unproven":
        return { over: false, why: state, reason };
      case "alive":
        break;
    }
    if (this.#find(owner)?.isShielded === true) {
      return { over: false, why: "denied", reason: `process ${owner.pid} is another user's` };
    }
    this.#host.kill(this.#find(owner)!);
    const isOver = await lookUntil(options, LOOK_MS, () => this.#find(owner) === undefined);
    this.#host.trace.note("stopped", owner.pid, isOver ? "over" : "ending");
    return isOver
      ? { over: true, means: "kill", reason: `process ${owner.pid} was killed` }
      : { over: false, why: "ending", reason: `a write of process ${owner.pid} is still on its way` };
  }

  /** One host, one kernel. */
  sharing(_directory: string): Answer<SharingReport> {
    return { allowed: true, reason: "it is on the disk of this host" };
  }

  /** The process of an owner, until nothing of it can land any more. */
  #find({ pid, startTime }: OwnerIdentity): SimProcess | undefined {
    return this.#host.processes.find((it) => it.pid === pid && it.startTime === startTime && !it.isOver);
  }
}
