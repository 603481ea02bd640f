/**
 * Fencing: who was evicted is brought to where its writes are over, before anything of it is recovered; and
 * nobody becomes a member whom that could not be done to (DESIGN D8).
 */
import { CohortError } from "../ground/errors.ts";
import type {
  Clock,
  Fence,
  Observer,
  OwnerIdentity,
  OwnerReport,
  StopHindrance,
  StopMeans,
  Storage,
} from "../ports/mod.ts";

/** Who is to be fenced, and what is known of it. */
export interface FenceOrder {
  /** Its name as a member, for people. */
  readonly name: string;
  readonly owner: OwnerIdentity;
  /** Every directory it writes to: its journals' and those of its volumes. */
  readonly directories: readonly string[];
  /**
   * Members that live. Who shares a process with one of them is not killed from outside: that member has to
   * shut its gates.
   */
  readonly living: readonly OwnerIdentity[];
  /** A person's word that it is gone: that of this incarnation, or of whichever cannot be proven. */
  readonly confirmGone: string | boolean;
}

/** With what it is done. */
export interface FenceWorld {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly observer: Observer;
  /** This member's own identity. */
  readonly self: OwnerIdentity;
  /** Longest wait for writes inside a gate, or for a killed process to be gone. */
  readonly patienceMs: number;
  /** Whether its process has said that an incarnation is over (`over.ts`). */
  readonly isOver: (incarnation: string) => Promise<boolean>;
  readonly signal?: AbortSignal;
}

/** What became of it; `reason` is one sentence for a person. */
export type FenceReport =
  | { readonly over: true; readonly means: StopMeans | "confirmed"; readonly reason: string }
  | { readonly over: false; readonly why: StopHindrance | "shared"; readonly reason: string };

/**
 * Brings an evicted owner to where its writes are over, and says how, or why not; every outcome is an event.
 * Who cannot be proven gone goes by a person's word and by nothing else, and never one that is seen to live.
 * Costs nothing for a process that is gone; a kill takes as long as the kernel needs to end a process, about
 * a millisecond, more for one with much memory or in the middle of a write. Ask again after a report that it
 * is not over: nothing of the owner may be recovered or granted until then.
 */
export async function fenceOwner(world: FenceWorld, order: FenceOrder): Promise<FenceReport> {
  const report = await attempt(world, order);
  const { name, owner: { nonce, pid, host, hostName = "" } } = order;
  const facts = { name, incarnation: nonce, pid, host, hostName, reason: report.reason };
  if (!report.over) world.observer.event("cluster.not_fenced", "warn", { ...facts, why: report.why });
  else if (report.means === "confirmed") world.observer.event("cluster.fence_confirmed", "warn", facts);
  else world.observer.event("cluster.fenced", "info", { ...facts, means: report.means });
  return report;
}

async function attempt(world: FenceWorld, order: FenceOrder): Promise<FenceReport> {
  const { storage: { fence }, clock, self, patienceMs, signal } = world;
  const { owner, directories, confirmGone } = order;
  if (await world.isOver(owner.nonce)) {
    return { over: true, means: "gate", reason: "its process says that this node of it is over" };
  }
  const others = order.living.filter((it) => it.nonce !== owner.nonce && isSameProcess(it, owner));
  if (others.length > 0 && !isSameProcess(self, owner)) {
    const { state, reason } = await fence.examine(owner);
    if (state === "gone") return { over: true, means: "gone", reason };
    const nonces = others.map((it) => it.nonce).join(", ");
    return { over: false, why: "shared", reason: `${reason}, and in it live ${nonces}, who shut its gates` };
  }
  const waits = signal === undefined ? {} : { signal };
  const report = await fence.stop(owner, { directories, clock, patienceMs, ...waits });
  if (report.over || report.why !== "unreachable" && report.why !== "unproven") return report;
  const { reason } = report;
  if (isConfirmed(confirmGone, owner)) {
    return { over: true, means: "confirmed", reason: `${reason}; a person says that it is gone` };
  }
  return { ...report, reason: `${reason}; ${remedyFor(owner)}` };
}

/** Whether two owners are nodes of one process, and of one program in it as far as that is known. */
export function isSameProcess(a: OwnerIdentity, b: OwnerIdentity): boolean {
  const { exec: left = "" } = a, { exec: right = "" } = b;
  // One boot is one kernel, whatever its containers call their host.
  const isOneKernel = a.boot === b.boot && (a.boot !== "" || a.host === b.host);
  return isOneKernel && a.pidNamespace === b.pidNamespace && a.pid === b.pid &&
    a.startTime === b.startTime && (left === "" || right === "" || left === right);
}

/** Whether a person has said that this owner is gone. */
export function isConfirmed(confirmGone: string | boolean, owner: OwnerIdentity): boolean {
  return confirmGone === true || confirmGone === owner.nonce;
}

/** Rejects with `UNFENCEABLE` when a cluster must not share a directory, as seen from here. */
export async function refuseUnshareable(fence: Fence, directory: string): Promise<void> {
  const { allowed, reason } = await fence.sharing(directory);
  if (allowed) return;
  throw new CohortError("UNFENCEABLE", `Could not share ${directory}: ${reason}`, {
    path: directory,
    reason,
  });
}

/**
 * The error for a member or newcomer that this member could neither stop nor prove gone if it had to;
 * undefined for one that it could. A storage that fences by itself (`native`) needs no proof of processes.
 */
export function unfenceable(
  storage: Storage,
  name: string,
  owner: OwnerIdentity,
  { state, reason }: OwnerReport,
): CohortError | undefined {
  if (storage.traits.fencing === "native") return undefined;
  if (state !== "unreachable" && state !== "unproven") return undefined;
  const { nonce, pid, host } = owner;
  const message = `Could not be in one cluster with ${name}, which could not be fenced: ${reason}`;
  return new CohortError("UNFENCEABLE", message, { name, incarnation: nonce, pid, host, reason });
}

/** What a person can do about an owner that nobody here can judge. */
export function remedyFor({ nonce }: OwnerIdentity): string {
  return `when you know that it is gone, say so with confirmGone: "${nonce}"`;
}
