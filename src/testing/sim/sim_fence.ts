/**
 * The fence of a simulated host: it knows for certain who runs, and whether anything of the dead can still
 * land.
 */
import type { Answer } from "../../ports/answer.ts";
import type { Fence, Gate, OwnerIdentity, OwnerReport } from "../../ports/fence.ts";
import type { SimHost, SimProcess } from "./host.ts";

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
      pidNamespace: 1,
      pid: this.#process.pid,
      startTime: this.#process.startTime,
      nonce,
    };
  }

  examine(owner: OwnerIdentity): Answer<OwnerReport> {
    const report = this.#examine(owner);
    this.#host.trace.note("examine", owner.pid, report.state);
    return report;
  }

  #examine(owner: OwnerIdentity): OwnerReport {
    if (owner.host !== this.#host.name) return { state: "unproven", reason: `${owner.host} is another host` };
    if (owner.boot !== this.#host.boot) return { state: "gone", reason: `${owner.boot} was an earlier boot` };
    if (owner.pid === this.#process.pid && owner.startTime === this.#process.startTime) {
      return { state: "self", reason: `process ${owner.pid} is this one` };
    }
    const process = this.#host.processes.find((p) => p.pid === owner.pid && p.startTime === owner.startTime);
    if (process === undefined || process.isOver) return { state: "gone", reason: `no process ${owner.pid}` };
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
}
