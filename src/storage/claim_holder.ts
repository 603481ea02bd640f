/**
 * Holders in the way: whether one is gone for certain, and if not, the error that says who it is and what to
 * do (DESIGN D8).
 */
import { CohortError, type ErrorCode } from "../ground/errors.ts";
import type { Clock, Observer, OwnerReport, Storage } from "../ports/mod.ts";
import { leaseName, pause, watchLease } from "./claim_lease.ts";
import type { ClaimRecord } from "./claim_record.ts";

/** Who looks at a holder, and from where. */
export interface HolderContext {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly observer: Observer | undefined;
  /** Directory of the claims. */
  readonly directory: string;
  /** Nonce of the node that wants the volume. */
  readonly nonce: string;
  readonly leaseMs: number;
  readonly signal: AbortSignal | undefined;
  /** A person's word that a holder is gone: that of this nonce, or whichever there is. */
  readonly confirmGone: string | boolean;
}

/** Milliseconds between two looks at a gate that is busy. */
const GATE_LOOK_MS = 10;

/**
 * Resolves to true once the holder of `record` is out of the way for good, its writes over; to false when it
 * moved meanwhile and the claims are to be read again. Rejects with `IN_USE` or `FOREIGN_OWNER` when it
 * stays.
 */
export async function settleHolder(context: HolderContext, record: ClaimRecord): Promise<boolean> {
  if (record.owner.nonce === context.nonce) {
    throw holderError("IN_USE", context, record, "this node holds it already");
  }
  const report = await refuseHolder(context, record);
  switch (report.state) {
    case "self":
      return await settleNeighbour(context, record);
    case "unreachable":
    case "unproven":
      context.observer?.event("claim.confirmed_gone", "warn", holderFacts(context, record, report.reason));
      return true;
    case "gone":
    case "alive":
      return true;
  }
}

/** The error for a volume that a cluster holds: a member that lives keeps no lease, and is no silent one. */
export function heldByCluster(context: HolderContext, record: ClaimRecord): CohortError {
  const reason = `it was not closed by cluster ${record.cluster}, a member of which must recover it`;
  return holderError("FOREIGN_OWNER", context, record, reason);
}

/** Throws when the holder of `record` stays, as far as one look can tell; else answers what was seen. */
export async function refuseHolder(context: HolderContext, record: ClaimRecord): Promise<OwnerReport> {
  const report = await context.storage.fence.examine(record.owner);
  if (report.state === "alive") throw holderError("IN_USE", context, record, report.reason);
  if (report.state === "unreachable" || report.state === "unproven") expectConfirmed(context, record, report);
  return report;
}

/** A holder that nobody can judge goes by a person's word, and by nothing else. */
function expectConfirmed(context: HolderContext, record: ClaimRecord, report: OwnerReport): void {
  const { confirmGone } = context;
  if (confirmGone === true || confirmGone === record.owner.nonce) return;
  const remedy = `when you know that it is gone, mount with confirmGone: "${record.owner.nonce}"`;
  throw holderError("FOREIGN_OWNER", context, record, `${report.reason}; ${remedy}`);
}

/** Another node of this process: ended by the kernel's word, or silent for a lease and its gates shut. */
async function settleNeighbour(context: HolderContext, record: ClaimRecord): Promise<boolean> {
  const { storage, clock, directory, leaseMs, signal } = context;
  const { fence } = storage;
  const { nonce } = record.owner;
  const gates = [directory, record.journalDirectory].filter((path) => path !== "");
  const isOver = async (): Promise<boolean> => {
    for (const path of gates) if (!await fence.isOver(path, nonce)) return false;
    return true;
  };
  const path = `${directory}/${leaseName(nonce)}`;
  const neighbour = "it is another node of this process";
  switch (await watchLease({ storage, clock, path, leaseMs, signal, isOver })) {
    case "over":
      return true;
    case "renewed":
      throw holderError("IN_USE", context, record, neighbour);
    case "removed":
      return false;
    case "unseen":
      throw holderError("IN_USE", context, record, `${neighbour}, and its lease cannot be read`);
    case "still":
      break;
  }
  for (const path of gates) await shut(context, record, path);
  return true;
}

/** Shuts a gate of a silent neighbour and waits for the writes inside, a lease long at most. */
async function shut(context: HolderContext, record: ClaimRecord, path: string): Promise<void> {
  const { clock, storage, leaseMs, signal } = context;
  const begun = clock.monotonicMs();
  for (;;) {
    const state = await storage.fence.shutGate(path, record.owner.nonce);
    if (state === "over") return;
    const why = state === "unknown"
      ? "it is a silent node of this process and nothing here can tell whether its writes are over"
      : "it is a silent node of this process and its writes in flight are not known to be over";
    if (state === "unknown" || clock.monotonicMs() - begun > leaseMs) {
      throw holderError(
        "IN_USE",
        context,
        record,
        `${why}; the volume is free again once process ${record.owner.pid} ends`,
      );
    }
    await pause(clock, GATE_LOOK_MS, signal);
  }
}

/** The error for a holder that stays, naming it. */
export function holderError(
  code: ErrorCode,
  context: HolderContext,
  record: ClaimRecord,
  reason: string,
): CohortError {
  const { owner } = record;
  const host = owner.hostName === undefined || owner.hostName === "" ? owner.host : owner.hostName;
  const where = host === "" ? "" : ` on host ${host}`;
  const seconds = Math.max(0, Math.round((context.clock.wallMs() - record.wallMs) / 1000));
  const how = record.mode === "read" ? "open read-only by" : "held by";
  return new CohortError(
    code,
    `Mount ${context.directory}: it is ${how} process ${owner.pid}${where} for ${seconds} s (${reason})`,
    holderFacts(context, record, reason),
  );
}

function holderFacts(
  context: HolderContext,
  record: ClaimRecord,
  reason: string,
): Record<string, string | number> {
  const { owner } = record;
  return {
    path: context.directory,
    claim: record.number,
    mode: record.mode,
    pid: owner.pid,
    host: owner.host,
    hostName: owner.hostName ?? "",
    nonce: owner.nonce,
    sinceMs: record.wallMs,
    reason,
  };
}
