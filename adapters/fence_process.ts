/**
 * Fence of the processes of one host: who owns something, judged by what the kernel says of its process
 * (DESIGN D8).
 *
 * Linux only in earnest. Elsewhere `ps` is asked instead, which is untested; there the storage must call its
 * fencing
 * `unproven`. Deno shows `/proc` only under `--allow-all`: with less, a process knows its pid and no more,
 * and can judge nobody but its own nodes.
 */
import { dirname, resolve } from "node:path";
import process from "node:process";
import { CohortError, isCode } from "../src/ground/errors.ts";
import { checkOptions, checkType, type OptionNames } from "../src/ground/options.ts";
import type {
  Fence,
  Gate,
  OwnerIdentity,
  OwnerReport,
  SharingReport,
  StopOptions,
  StopReport,
} from "../src/ports/fence.ts";
import { fileSystemKind } from "./common/file_system_kind.ts";
import { aimAt } from "./common/process_aim.ts";
import { isGateOver, isolateRoleOf, openProcessGate, shutProcessGate } from "./common/process_gate.ts";
import {
  killByPid,
  lookAtSelf,
  lookByProc,
  lookByPs,
  type ProcessView,
  proveByProc,
  type SelfView,
} from "./common/process_look.ts";
import { stopByGates } from "./common/stop_by_gates.ts";
import { type ProcessTable, stopProcess } from "./common/stop_process.ts";
import { fileSystemType } from "./file/calls.ts";

export type { ProcessView, SelfView, Sight } from "./common/process_look.ts";

const SUCCEEDED = "it is a node of the program that a reload has put in place of this one";

/** Options of {@linkcode createProcessFence}. */
export interface ProcessFenceOptions {
  /** Stands in for the look at another process of this pid namespace, for tests. */
  readonly lookAt?: (pid: number, startTime: string) => ProcessView | Promise<ProcessView>;
  /**
   * Type numbers (`statfs`) of file systems that only this kernel writes to, though they are not known for
   * it: 0x65735546 for FUSE, say, when what is behind it is a disk of this host. None by default. Wrong, a
   * write of a member that was killed may still arrive from elsewhere, and blocks that others have changed
   * are read as they were.
   */
  readonly localFileSystems?: readonly number[];
}

const PROCESS_FENCE_OPTIONS: OptionNames<ProcessFenceOptions> = { lookAt: true, localFileSystems: true };

/** The processes of this pid namespace. */
const PROCESSES: ProcessTable = { self: process.pid, aim: aimAt, prove: proveByProc, kill: killByPid };

/**
 * Makes a fence for this process. It holds nothing until a gate is opened, and may be made more than once.
 */
export function createProcessFence(options: ProcessFenceOptions = {}): ProcessFence {
  checkOptions(options, PROCESS_FENCE_OPTIONS);
  checkType("lookAt", options.lookAt, "function");
  for (const type of options.localFileSystems ?? []) {
    if (!Number.isInteger(type)) {
      throw new TypeError(`localFileSystems are type numbers, got ${String(type)}`);
    }
  }
  return new ProcessFence(options);
}

/** Fence over the processes of one host. */
export class ProcessFence implements Fence {
  readonly #lookAt: ((pid: number, startTime: string) => ProcessView | Promise<ProcessView>) | undefined;
  readonly #localFileSystems: readonly number[];
  #self: Promise<SelfView> | undefined;

  /** @internal Made by `createProcessFence`. */
  constructor(options: ProcessFenceOptions) {
    this.#lookAt = options.lookAt;
    this.#localFileSystems = [...options.localFileSystems ?? []];
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
    return await this.#judge(await this.look(), owner);
  }

  async #judge(self: SelfView, owner: OwnerIdentity): Promise<OwnerReport> {
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

  async stop(owner: OwnerIdentity, options: StopOptions): Promise<StopReport> {
    const role = isolateRoleOf(owner.nonce);
    if (role === "successor") return { over: false, why: "spared", reason: SUCCEEDED };
    if (role === "neighbour") return await stopByGates(this, owner.nonce, options);
    // Looked at anew: what this process was when it began is no proof of where it runs now.
    const self = await lookAtSelf();
    const { state, reason } = await this.#judge(self, owner);
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
    // What `ps` saw is old by the time a signal could be sent, and its start times are whole seconds.
    if (self.sight !== "proc" || this.#lookAt !== undefined) {
      return {
        over: false,
        why: "unproven",
        reason: `${reason}; it is not killed on this word, end it by hand`,
      };
    }
    return await stopProcess(PROCESSES, owner, options);
  }

  async sharing(directory: string): Promise<SharingReport> {
    const { sight, blindness } = await this.look();
    if (sight === "none") return { allowed: false, reason: blindness };
    if (sight === "ps") {
      return { allowed: true, reason: "what kind of file system holds it cannot be told on this system" };
    }
    const type = await typeOfNearest(directory);
    const { name, isLocal } = fileSystemKind(type);
    if (isLocal) return { allowed: true, reason: `it is on ${name}, which only this host writes to` };
    if (this.#localFileSystems.some((it) => it >>> 0 === type >>> 0)) {
      return {
        allowed: true,
        reason: `it is on ${name}, which localFileSystems says only this host writes to`,
      };
    }
    return {
      allowed: false,
      reason: `it is on ${name}, which others than the processes of this host may write to; ` +
        "members share a directory on a disk of their host",
    };
  }

  async #seesGates(): Promise<boolean> {
    return (await this.look()).sight === "proc";
  }
}

/** The type of the file system that holds a directory, or would once it is made. */
async function typeOfNearest(directory: string): Promise<number> {
  for (let path = resolve(directory);; path = dirname(path)) {
    try {
      return await fileSystemType("read a file system's type", path);
    } catch (error) {
      if (!isCode(error, "NOT_FOUND") || path === dirname(path)) throw error;
    }
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
