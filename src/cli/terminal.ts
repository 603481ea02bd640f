/**
 * Terminal: what a command writes to: results to standard output at the reader's pace, notes and the progress
 * line to standard error.
 *
 * The progress line is one line over a carriage return. A library for it (cli-progress) would bring six
 * packages and their licences into the published files for these few lines.
 */
import process from "node:process";
import type { Writable } from "node:stream";
import type { CohortError } from "../../mod.ts";
import { errnoOf, systemError } from "../../adapters/file/system_error.ts";

const PROGRESS_MS = 100;
const COLUMNS_DEFAULT = 80;

/** Output of one run of the program. */
export class Terminal {
  /** Set once the reader of standard output is gone: there is no use in going on. */
  isGone = false;
  /** What is wrong with standard output beyond that: a full disk, say. */
  #fault: CohortError | undefined;
  /** Set when standard error takes nothing: then nobody is told. */
  #isMute = false;
  readonly #isLive = process.stderr.isTTY === true;
  #progressAt = 0;
  #progress = "";

  constructor() {
    // Without a listener a closed pipe would end the process with a stack trace.
    process.stdout.on("error", (error) => this.#refused(error));
    process.stderr.on("error", () => this.#isMute = true);
  }

  /** Writes to standard output; resolves when there is room for more. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.isGone) return;
    try {
      // Deno throws here what Bun and Node tell as an event.
      if (this.#fault === undefined && !process.stdout.write(chunk)) await drained(process.stdout);
    } catch (error) {
      this.#refused(error);
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  #refused(error: unknown): void {
    if (errnoOf(error) === "EPIPE") this.isGone = true;
    else this.#fault ??= systemError("write", "standard output", error);
  }

  /** Writes a line to standard output. */
  print(line: string): Promise<void> {
    return this.write(line + "\n");
  }

  /** Writes a line to standard error. */
  note(line: string): void {
    this.#clear();
    this.#tell(line + "\n");
    if (this.#progress !== "") this.#tell(this.#progress);
  }

  /** Shows how far something is, some times a second and on a terminal only. */
  progress(text: () => string): void {
    if (!this.#isLive) return;
    const now = performance.now();
    if (now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    this.#clear();
    const columns = process.stderr.columns || COLUMNS_DEFAULT;
    this.#progress = text().slice(0, columns - 1);
    this.#tell(this.#progress);
  }

  /** Takes the progress line away. */
  endProgress(): void {
    this.#clear();
    this.#progress = "";
  }

  /**
   * Resolves when all that was written has been handed over; rejects when standard output did not take it.
   */
  async flush(): Promise<void> {
    this.endProgress();
    if (!this.#isMute) await handedOver(process.stderr);
    // What has failed once on Deno never answers again.
    if (!this.isGone && this.#fault === undefined) await handedOver(process.stdout);
    if (this.#fault !== undefined) throw this.#fault;
  }

  #clear(): void {
    if (this.#progress !== "") this.#tell("\r\x1b[K");
  }

  #tell(text: string): void {
    if (this.#isMute) return;
    try {
      process.stderr.write(text);
    } catch {
      this.#isMute = true;
    }
  }
}

/** Resolves when a stream has handed over what it was given, or never will. */
function handedOver(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ["close", "error"]) stream.once(event, () => resolve());
    stream.write("", () => resolve());
  });
}

/** Resolves when a stream takes more, or never will again. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const events = ["drain", "close", "error"];
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

/** A bar of progress: `[#####     ]  50%`; `part` from 0 to 1. */
export function bar(part: number): string {
  const width = 24;
  const filled = Math.min(width, Math.floor(part * width));
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `[${"#".repeat(filled)}${" ".repeat(width - filled)}] ${percent}%`;
}

/** A whole number with its digits in groups of three. */
export function grouped(n: number | bigint): string {
  return String(n).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** Rows in columns: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ").trimEnd()
  );
}
