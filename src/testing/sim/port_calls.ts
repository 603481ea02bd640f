/**
 * One port call of a simulated process: counted, traced, perhaps struck by a fault, answered by value or by
 * promise.
 *
 * Each call is a yield for the caller whichever way it is answered, so the way is drawn per call (DESIGN D12,
 * D13).
 */
import { CohortError } from "../../ground/errors.ts";
import type { Answer } from "../../ports/answer.ts";
import type { FileClass } from "./disk.ts";
import type { FaultKind, PortCall } from "./faults.ts";
import type { SimProcess } from "./host.ts";

/** What a call does and how it may fail. */
export interface CallPlan<T> {
  readonly call: PortCall;
  /** Name of the operation, for the trace and errors. */
  readonly operation: string;
  readonly path: string;
  readonly use: FileClass;
  /** Numbers for the trace. */
  readonly at: number;
  readonly length: number;
  /** How many ordinary calls of its kind it takes as long as; one by default. */
  readonly pieces?: number;
  /** Does it; runs once, at the instant the call takes effect. A fault other than a stall is given to it. */
  readonly perform: (fault: FaultKind | undefined) => T;
  /**
   * Changes that reach the cache one by one before `perform`, in any order when the call is answered by
   * promise.
   */
  readonly landings?: (fault: FaultKind | undefined) => readonly (() => void)[];
}

/** Virtual microseconds of the shortest and longest stall. */
const STALL_US = [1_000_000, 60_000_000] as const;

/** Calls that cost a sync. */
const SYNC_LIKE: readonly PortCall[] = ["sync", "register", "remove"];

/** Makes the call. */
export function portCall<T>(process: SimProcess, plan: CallPlan<T>): Answer<T> {
  const { host } = process;
  if (!process.alive) return never();
  const number = ++process.calls;
  host.trace.note(plan.operation, process.pid, plan.path, plan.at, plan.length);
  const fact = { number, call: plan.call, path: plan.path, use: plan.use };
  process.watch?.(process, { ...fact, moment: "before" });
  if (!process.alive) return never();
  const fault = host.plan.draw(plan.call, plan.use);
  if (fault !== undefined) {
    host.plan.struck(fault, plan.path, host.scheduler.now);
    host.trace.note("fault", fault, plan.path);
  }
  const byValue = fault !== "stall" && host.chance.below(100) < host.latencies.valuePercent[plan.call];
  if (byValue) {
    for (const land of plan.landings?.(fault) ?? []) land();
    return finish(process, plan, fault, fact);
  }
  return later(process, plan, fault, fact);
}

type Fact = Omit<Parameters<NonNullable<SimProcess["watch"]>>[1], "moment">;

function finish<T>(
  process: SimProcess,
  plan: CallPlan<T>,
  fault: FaultKind | undefined,
  fact: Fact,
): Answer<T> {
  let failure: unknown;
  let answer: T | undefined;
  try {
    answer = plan.perform(fault === "stall" ? undefined : fault);
  } catch (error) {
    failure = error;
  }
  process.watch?.(process, { ...fact, moment: "after" });
  if (!process.alive) return never();
  if (failure === undefined) return answer as T;
  process.host.trace.note("failed", plan.operation, failure instanceof CohortError ? failure.code : "error");
  if (process.host.chance.chance(1, 2)) throw failure;
  return Promise.reject(failure);
}

function later<T>(
  process: SimProcess,
  plan: CallPlan<T>,
  fault: FaultKind | undefined,
  fact: Fact,
): Promise<T> {
  const { scheduler, chance, latencies } = process.host;
  const typical = SYNC_LIKE.includes(plan.call)
    ? latencies.syncUs
    : plan.call === "write" || plan.call === "grow"
    ? latencies.writeUs
    : latencies.readUs;
  const stall = fault === "stall" ? chance.between(STALL_US[0], STALL_US[1]) : 0;
  const delay = 1 + chance.tailed(typical, typical * 50) * (plan.pieces ?? 1) + stall;
  const landings = plan.landings?.(fault === "stall" ? undefined : fault) ?? [];
  for (const land of landings) landLater(process, chance.below(delay), land);
  return new Promise((resolve, reject) => {
    scheduler.after(
      delay,
      () => {
        try {
          const answer = finish(process, plan, fault, fact);
          if (answer instanceof Promise) answer.then(resolve, reject);
          else resolve(answer);
        } catch (error) {
          reject(error);
        }
      },
      process,
    );
  });
}

/** A write that is on its way: a power cut stops it, the end of its process may not. */
function landLater(process: SimProcess, delayUs: number, land: () => void): void {
  const { host } = process;
  const { boot } = host;
  process.landing++;
  host.scheduler.after(delayUs, () => {
    if (host.boot !== boot) return;
    process.landing--;
    if (!process.alive && host.chance.chance(1, 2)) return host.trace.note("in flight dropped", process.pid);
    land();
    host.trace.note("landed", process.pid);
  });
}

/** An answer that never comes. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

/** The error of a struck call. */
export function ioError(code: "IO" | "FULL", operation: string, path: string, why: string): CohortError {
  return new CohortError(code, `${operation} of ${path}: ${why}`, { operation, path });
}
