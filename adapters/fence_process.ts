/**
 * Fence of the processes of one host: who owns something, judged by what the kernel says of its process
 * (DESIGN D8).
 *
 * Linux only in earnest. Elsewhere `ps` is asked instead, which is untested; there the storage must call its
 * fencing
 * `unproven`. Deno shows `/proc` only under `--allow-all`: with less, a process knows its pid and no more,
 * and can judge nobody but its own nodes.
 */
import { checkOptions, checkType, type OptionNames } from "../src/ground/options.ts";
import process from "node:process";
import { CohortError } from "../src/ground/errors.ts";
import type { Fence, Gate, OwnerIdentity, OwnerReport } from "../src/ports/fence.ts";
import { isGateOver, isolateRoleOf, openProcessGate, shutProcessGate } from "./common/process_gate.ts";
import { lookAtSelf, lookByProc, lookByPs, type ProcessView, type SelfView } from "./common/process_look.ts";

export type { ProcessView, SelfView, Sight } from "./common/process_look.ts";

const SUCCEEDED = "it is a node of the program that a reload has put in place of this one";

/** Options of {@linkcode createProcessFence}. */
export interface ProcessFenceOptions {
  /** Stands in for the look at another process of this pid namespace, for tests. */
  readonly lookAt?: (pid: number, startTime: string) => ProcessView | Promise<ProcessView>;
}

const PROCESS_FENCE_OPTIONS: OptionNames<ProcessFenceOptions> = { lookAt: true };

/**
 * Makes a fence for this process. It holds nothing until a gate is opened, and may be made more than once.
 */
export function createProcessFence(options: ProcessFenceOptions = {}): ProcessFence {
  checkOptions(options, PROCESS_FENCE_OPTIONS);
  checkType("lookAt", options.lookAt, "function");
  return new ProcessFence(options);
}

/** Fence over the processes of one host. */
export class ProcessFence implements Fence {
  readonly #lookAt: ((pid: number, startTime: string) => ProcessView | Promise<ProcessView>) | undefined;
  #self: Promise<SelfView> | undefined;

  /** @internal Made by `createProcessFence`. */
  constructor(options: ProcessFenceOptions) {
    this.#lookAt = options.lookAt;
  }

  /** How this process sees the others, and why it does not if so. */
  look(): Promise<SelfView> {
    return this.#self ??= lookAtSelf();
  }

  async identify(nonce: string): Promise<OwnerIdentity> {
    const { host, hostName, boot, pidNamespace, pid, startTime, exec } = await this.look();
    return { host, hostName, boot, pidNamespace, pid, startTime, exec, nonce };
  }

  async examine(owner: OwnerIdentity): Promise<OwnerReport> {
    const role = isolateRoleOf(owner.nonce);
    if (role === "successor") return { state: "alive", reason: SUCCEEDED };
    if (role === "neighbour") {
      return { state: "self", reason: `it is open in this process (${process.pid})` };
    }
    const self = await this.look();
    const judged = judgeOwner(self, owner);
    if (judged !== "look") return judged;
    const lookAt = this.#lookAt ?? (self.sight === "proc" ? lookByProc : lookByPs);
    return await lookAt(owner.pid, owner.startTime);
  }

  async openGate(directory: string, nonce: string): Promise<Gate> {
    return openProcessGate(directory, nonce, await this.#seesGates());
  }

  async isOver(directory: string, nonce: string): Promise<boolean> {
    const findable = await this.#seesGates();
    return told("look at a gate", directory, () => isGateOver(directory, nonce, findable));
  }

  async shutGate(directory: string, nonce: string): Promise<"over" | "busy" | "unknown"> {
    const findable = await this.#seesGates();
    return told("shut a gate", directory, () => shutProcessGate(directory, nonce, findable));
  }

  async #seesGates(): Promise<boolean> {
    return (await this.look()).sight === "proc";
  }
}

/** Runs a look at the kernel's files; what they refuse is told as an error of that operation. */
function told<T>(operation: string, path: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CohortError("IO", `${operation} failed: ${path}: ${why}`, { operation, path }, error);
  }
}

/** What the two identities alone say of an owner; `look` when its process has to be looked at. */
export function judgeOwner(self: SelfView, owner: OwnerIdentity): OwnerReport | "look" {
  if (self.sight === "none") return { state: "unproven", reason: self.blindness };
  if (owner.startTime === "" || owner.host === "") {
    return {
      state: "unproven",
      reason: `process ${owner.pid} could not tell enough about itself to be looked up`,
    };
  }
  if (owner.boot !== self.boot) {
    return owner.host === self.host
      ? { state: "gone", reason: `host ${nameOf(owner)} was started anew since` }
      : { state: "unproven", reason: `host ${nameOf(owner)} cannot be looked at from here` };
  }
  // One boot id is one kernel, whatever a container calls its host; without boot ids the host must do.
  if (self.boot === "" && owner.host !== self.host) {
    return { state: "unproven", reason: `host ${nameOf(owner)} cannot be looked at from here` };
  }
  if (owner.pidNamespace !== self.pidNamespace) {
    return {
      state: "unreachable",
      reason: `process ${owner.pid} lives in another pid namespace (container) of this host`,
    };
  }
  if (owner.pid !== self.pid || owner.startTime !== self.startTime) return "look";
  const { exec = "" } = owner;
  return exec !== "" && self.exec !== "" && exec !== self.exec
    ? { state: "gone", reason: `process ${owner.pid} has replaced its program since` }
    : { state: "self", reason: `it is in this process (${owner.pid})` };
}

function nameOf(owner: OwnerIdentity): string {
  return owner.hostName === undefined || owner.hostName === "" ? owner.host : owner.hostName;
}
