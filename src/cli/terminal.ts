/**
 * Terminal: what a command writes to: results to standard output at the reader's pace, notes and the progress
 * line to standard error.
 *
 * The progress line is one line over a carriage return. A library for it (cli-progress) would bring six
 * packages and their licences into the published files for these few lines.
 */
import process from "node:process";
import type { Writable } from "node:stream";

const PROGRESS_MS = 100;
const COLUMNS_DEFAULT = 80;

/** Output of one run of the program. */
export class Terminal {
  /** Set once the reader of standard output is gone: there is no use in going on. */
  isGone = false;
  readonly #isLive = process.stderr.isTTY === true;
  #progressAt = 0;
  #progress = "";

  constructor() {
    // Without a listener a closed pipe would end the process with a stack trace.
    process.stdout.on("error", () => this.isGone = true);
    process.stderr.on("error", () => {});
  }

  /** Writes to standard output; resolves when there is room for more. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.isGone) return;
    if (!process.stdout.write(chunk)) await drained(process.stdout);
  }

  /** Writes a line to standard output. */
  print(line: string): Promise<void> {
    return this.write(line + "\n");
  }

  /** Writes a line to standard error. */
  note(line: string): void {
    this.#clear();
    process.stderr.write(line + "\n");
    if (this.#progress !== "") process.stderr.write(this.#progress);
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
    process.stderr.write(this.#progress);
  }

  /** Takes the progress line away. */
  endProgress(): void {
    this.#clear();
    this.#progress = "";
  }

  /** Resolves when all that was written has been handed over. */
  async flush(): Promise<void> {
    this.endProgress();
    for (const stream of [process.stdout, process.stderr]) {
      if (!this.isGone) await new Promise<void>((done) => stream.write("", () => done()));
    }
  }

  #clear(): void {
    if (this.#progress !== "") process.stderr.write("\r\x1b[K");
  }
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
