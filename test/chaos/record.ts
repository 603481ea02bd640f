/**
 * Records: what a member process writes of each operation of its clients, before and after it. A record is
 * one line of JSON and one write to a file: what was written is there however the process ends.
 *
 * Times are milliseconds of the host's wall clock, which all processes share; a call is rounded down and a
 * return up, so that what is said to come before really did.
 */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import type { ListStep } from "../../src/testing/sim/check/serial.ts";

/** What an operation was asked to do, or a read of it. */
export type Asked =
  /** A write of a key that holds one value at a time; the value is unique. */
  | { readonly op: "set"; readonly key: string; readonly value: string }
  | { readonly op: "increment"; readonly counter: string }
  /** A transaction that reads lists and appends to them; what it read is in its return. */
  | { readonly op: "lists"; readonly steps: readonly ListStep[] }
  /** Operation `n` of a lane: of its own database keys, which nobody else changes. */
  | { readonly op: "lane"; readonly lane: number; readonly n: number };

/** One line of a log. */
export type Record =
  | { readonly at: "call"; readonly id: string; readonly ms: number; readonly asked: Asked }
  | { readonly at: "return"; readonly id: string; readonly ms: number; readonly given?: unknown }
  /** It was certainly not done. */
  | { readonly at: "failed"; readonly id: string; readonly code: string }
  /** A read, which has no effect and so is told once, when it is over. */
  | {
    readonly at: "read";
    readonly key: string;
    readonly value: string;
    readonly called: number;
    readonly ms: number;
  };

/** The log of one life of a member, being written. */
export class RecordFile {
  readonly #file: number;
  /** Operations that were answered. */
  answered = 0;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  /** Writes a record; it is in the file when this returns. */
  write(record: Record): void {
    if (record.at === "return" || record.at === "read") this.answered++;
    const bytes = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** When a call begins that begins now. */
export function calledNow(): number {
  return Date.now();
}

/** When a call has returned that returns now: later than every call of the same millisecond. */
export function returnedNow(): number {
  return Date.now() + 1.5;
}

/** The records of a log; a last line that was not finished never was a record. */
export function* recordsOf(path: string): Generator<Record> {
  if (!existsSync(path)) return;
  const text = readFileSync(path, "utf8");
  for (let at = 0;;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return;
    yield JSON.parse(text.slice(at, end)) as Record;
    at = end + 1;
  }
}
