/** What clients did and were told, in one order; what checkers judge. */
import type { IncrementOp } from "../check/counters.ts";
import type { Problems } from "../check/problems.ts";
import type { RegisterOp } from "../check/registers.ts";
import type { ListStep } from "../check/serial.ts";

/** An operation on a shared key while it may still be answered. */
export type Open<T> = { -readonly [K in keyof T]: T[K] };

/** A transaction on lists, and what else it did. */
export interface ListRecord {
  steps: ListStep[];
  readonly called: number;
  returned: number | undefined;
  outcome: "done" | "failed" | "unknown";
}

/** A claim on the next free slot. */
export interface SlotRecord {
  readonly id: string;
  /** Which slot the last run took. */
  slot: number | undefined;
  readonly called: number;
  returned: number | undefined;
  outcome: "done" | "failed" | "unknown";
}

/** How an operation ended. */
export type Ended<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "failed"; readonly code: string }
  | { readonly kind: "unknown"; readonly code: string };

/** The history of one epoch: from one check of everything to the next. */
export class History {
  readonly problems: Problems;
  #tick = 0;
  #operations = 0;
  #alarm: { readonly at: number; readonly ring: () => void } | undefined;
  /** Operations called, by name. */
  readonly counts: Map<string, number> = new Map();
  /** Operations that failed, by code. */
  readonly failures: Map<string, number> = new Map();
  /** Shared keys. */
  registers: Map<string, Open<RegisterOp>[]> = new Map();
  counters: Map<string, Open<IncrementOp>[]> = new Map();
  lists: ListRecord[] = [];
  slots: SlotRecord[] = [];
  /** Operations in flight, for the check of liveness. */
  readonly inFlight: Map<number, string> = new Map();

  constructor(problems: Problems) {
    this.problems = problems;
  }

  /** The next instant. */
  tick(): number {
    return ++this.#tick;
  }

  /** Operations called so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Counts a call. */
  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    if (++this.#operations === this.#alarm?.at) this.#alarm.ring();
  }

  /** Calls `ring` when so many operations have been called; only the latest such wish counts. */
  alarm(at: number, ring: () => void): void {
    this.#alarm = { at, ring };
  }

  /** Counts a failure. */
  failed(code: string): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }

  /** Forgets the shared operations: they have been judged. */
  beginEpoch(): void {
    this.registers = new Map();
    this.counters = new Map();
    this.lists = [];
    this.slots = [];
    this.inFlight.clear();
  }
}

/** The list under a key of a map, made when it is missing. */
export function listAt<T>(map: Map<string, T[]>, key: string): T[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}
