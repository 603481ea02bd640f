/**
 * Fence of one memory storage: its owners are the nodes that share the object, known by nonce.
 *
 * A nonce is live from `identify` or `openGate` until the last of its gates is closed or shut.
 * Nothing outlives the object, so a nonce that is not live is gone.
 */
import { invariant } from "../../src/ground/errors.ts";
import type {
  Fence,
  Gate,
  OwnerIdentity,
  OwnerReport,
  SharingReport,
  StopOptions,
  StopReport,
} from "../../src/ports/fence.ts";
import { stopByGates } from "./stop_by_gates.ts";

class MemoryGate implements Gate {
  open = true;
  #inFlight = 0;
  readonly #onQuiet: () => void;

  constructor(onQuiet: () => void) {
    this.#onQuiet = onQuiet;
  }

  enter(): boolean {
    if (!this.open) return false;
    this.#inFlight++;
    return true;
  }

  leave(): void {
    invariant(this.#inFlight > 0, "A gate is left as often as it was entered");
    this.#inFlight--;
    if (!this.open && this.#inFlight === 0) this.#onQuiet();
  }

  inFlight(): number {
    return this.#inFlight;
  }

  close(): void {
    this.open = false;
    if (this.#inFlight === 0) this.#onQuiet();
  }
}

/** Fence over the nonces of one process; `directory` tells the gates of one nonce apart. */
export class MemoryFence implements Fence {
  /** Gates by nonce, then by directory. */
  readonly #gates = new Map<string, Map<string, MemoryGate>>();
  /** Nonces whose gates were shut by another: they never open one again. */
  readonly #shut = new Set<string>();

  identify(nonce: string): OwnerIdentity {
    if (!this.#gates.has(nonce)) this.#gates.set(nonce, new Map());
    return { host: "memory", boot: "memory", pidNamespace: 0, pid: 0, startTime: "0", nonce };
  }

  examine(owner: OwnerIdentity): OwnerReport {
    if (owner.host !== "memory") {
      return { state: "unproven", reason: `host ${owner.host} is not this storage in memory` };
    }
    return this.#gates.has(owner.nonce)
      ? { state: "self", reason: `nonce ${owner.nonce} has an open node on this storage in memory` }
      : { state: "gone", reason: `nonce ${owner.nonce} has no open node on this storage in memory` };
  }

  openGate(directory: string, nonce: string): Gate {
    const gates = this.#gates.get(nonce) ?? new Map<string, MemoryGate>();
    this.#gates.set(nonce, gates);
    const gate = new MemoryGate(() => this.#forget(directory, nonce, gate));
    if (this.#shut.has(key(directory, nonce))) {
      gate.open = false;
      if (gates.size === 0) this.#gates.delete(nonce);
    } else {
      gates.set(directory, gate);
    }
    return gate;
  }

  /** A node in this process has not ended while it is live, and is `gone` once it is not. */
  isOver(_directory: string, _nonce: string): boolean {
    return false;
  }

  shutGate(directory: string, nonce: string): "over" | "busy" {
    this.#shut.add(key(directory, nonce));
    const gate = this.#gates.get(nonce)?.get(directory);
    if (gate === undefined) {
      if (this.#gates.get(nonce)?.size === 0) this.#gates.delete(nonce);
      return "over";
    }
    gate.open = false;
    if (gate.inFlight() > 0) return "busy";
    this.#forget(directory, nonce, gate);
    return "over";
  }

  async stop(owner: OwnerIdentity, options: StopOptions): Promise<StopReport> {
    const { state, reason } = this.examine(owner);
    if (state === "unproven") return { over: false, why: state, reason };
    if (state === "gone") return { over: true, means: "gone", reason };
    return await stopByGates(this, owner.nonce, options);
  }

  /** Whoever writes has this storage as an object, and a gate to it. */
  sharing(_directory: string): SharingReport {
    return { allowed: true, reason: "it is in the memory of this process" };
  }

  #forget(directory: string, nonce: string, gate: MemoryGate): void {
    const gates = this.#gates.get(nonce);
    if (gates?.get(directory) !== gate) return;
    gates.delete(directory);
    if (gates.size === 0) this.#gates.delete(nonce);
  }
}

function key(directory: string, nonce: string): string {
  return `${nonce} ${directory}`;
}
