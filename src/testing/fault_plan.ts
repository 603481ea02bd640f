/**
 * What may go wrong with a storage call, and plans that say when.
 *
 * A plan is asked once for each call and answers what becomes of it. It sees nothing but the call, so the
 * same calls in the same order meet the same faults.
 */
import type { ErrorCode } from "../ground/errors.ts";
import { Prng } from "./sim/prng.ts";

/** Every call a plan is asked about. */
export type FaultOperation =
  | "openVolume"
  | "openStream"
  | "createRegister"
  | "readRegister"
  | "list"
  | "remove"
  | "resolve"
  | "read"
  | "write"
  | "sync"
  | "size"
  | "identity"
  | "grow"
  | "reserve";

/** One call, before it is made. */
export interface FaultCall {
  /** What is called. */
  readonly operation: FaultOperation;
  /** On which path. */
  readonly path: string;
  /** How many calls of this operation were made on this path before, by any handle. */
  readonly nth: number;
  /** How many calls of any kind were made before. */
  readonly index: number;
}

/** What becomes of a call. */
export type Fault =
  /** It is made, and answers as the storage does. */
  | { readonly kind: "pass" }
  /** It is made, and answers a promise that settles `turns` turns of the microtask queue later. */
  | { readonly kind: "delay"; readonly turns: number }
  /** It is made once `until` settles; a handle closed by then answers `CLOSED`. */
  | { readonly kind: "stall"; readonly until: Promise<unknown> }
  /** It is not made, and fails with this code; `errno` is told among the facts (`EIO`). */
  | { readonly kind: "error"; readonly code: ErrorCode; readonly errno: string }
  /** A read answers at most so many bytes. */
  | { readonly kind: "shortRead"; readonly bytes: number }
  /** A read answers what stood there before the last write, if the storage was told to remember. */
  | { readonly kind: "staleRead" }
  /** A read answers with this bit of the bytes it answers (counted round) the other way. */
  | { readonly kind: "bitFlip"; readonly bit: number }
  /** A write is answered and not made. */
  | { readonly kind: "lostWrite" }
  /** A write lands so many blocks (of a volume) or bytes (of a stream) further on. */
  | { readonly kind: "misdirectedWrite"; readonly by: number }
  /** A write puts down its first bytes only, then fails with `IO`. */
  | { readonly kind: "tornWrite"; readonly bytes: number }
  /** A sync fails with `SYNC_FAILED`, and so does every later one of the same handle. */
  | { readonly kind: "syncFailure" };

/** Kind of a fault. */
export type StorageFaultKind = Fault["kind"];

/** Says what becomes of a call; undefined lets it pass. */
export type FaultPlan = (call: FaultCall) => Fault | undefined;

/** One line of a plan: which call, and its fault. */
export interface PlannedFault {
  /** Which calls it is about. */
  readonly operation: FaultOperation;
  /** Any path when left out. */
  readonly path?: string;
  /** Which call of those, 0 for the first; every one when left out. */
  readonly nth?: number;
  /** What becomes of it. */
  readonly fault: Fault;
}

/** A plan from a list: the first line that fits a call decides. */
export function faultList(lines: readonly PlannedFault[]): FaultPlan {
  const seen = new Array<number>(lines.length).fill(0);
  return (call) => {
    let decided: Fault | undefined;
    for (let index = 0; index < lines.length; index++) {
      const { operation, path, nth, fault } = lines[index]!;
      if (operation !== call.operation || path !== undefined && path !== call.path) continue;
      const count = seen[index]!++;
      if (decided === undefined && (nth === undefined || nth === count)) decided = fault;
    }
    return decided;
  };
}

/** A plan that draws, per call, whether the answer is the storage's own or a promise some turns later. */
export function drawnDelays(seed: number): FaultPlan {
  const prng = new Prng(seed, "delays");
  return () => prng.chance(1, 2) ? { kind: "delay", turns: prng.below(4) } : undefined;
}

/** How often, in a thousand calls it could strike, each kind of fault does. */
export type FaultRates = Partial<Record<Exclude<StorageFaultKind, "pass" | "stall">, number>>;

const STRIKES: Readonly<Record<keyof FaultRates, readonly FaultOperation[] | undefined>> = {
  delay: undefined,
  error: undefined,
  shortRead: ["read"],
  staleRead: ["read"],
  bitFlip: ["read"],
  lostWrite: ["write"],
  misdirectedWrite: ["write"],
  tornWrite: ["write"],
  syncFailure: ["sync"],
};

/** A plan that draws faults at these rates from a seed. */
export function drawnFaults(seed: number, rates: FaultRates): FaultPlan {
  const prng = new Prng(seed, "faults");
  const kinds = (Object.keys(STRIKES) as (keyof FaultRates)[]).filter((kind) => (rates[kind] ?? 0) > 0);
  return ({ operation }) => {
    for (const kind of kinds) {
      const strikes = STRIKES[kind]?.includes(operation) ?? true;
      if (strikes && prng.chance(rates[kind]!, 1000)) return drawn(kind, operation, prng);
    }
    return undefined;
  };
}

function drawn(kind: keyof FaultRates, operation: FaultOperation, prng: Prng): Fault {
  switch (kind) {
    case "delay":
      return { kind, turns: prng.below(8) };
    case "error": {
      const grows = operation === "write" || operation === "grow" || operation === "reserve";
      return grows && prng.chance(1, 2)
        ? { kind, code: "FULL", errno: "ENOSPC" }
        : { kind, code: "IO", errno: "EIO" };
    }
    case "shortRead":
    case "tornWrite":
      return { kind, bytes: 512 * prng.below(16) };
    case "bitFlip":
      return { kind, bit: prng.next32() };
    case "misdirectedWrite":
      return { kind, by: prng.between(1, 3) };
    default:
      return { kind };
  }
}
