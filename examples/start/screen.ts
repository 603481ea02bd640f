/** What the demonstration shows: headings, lines, a progress bar on a terminal, and the table at the end. */
import process from "node:process";

const BAR_COLUMNS = 30;
const BAR_MS = 80;
/** Operations a second that are one column of a live bar. */
const LIVE_A_COLUMN = 25;
const isTerminal: boolean = process.stdout.isTTY === true;
const inColor: boolean = isTerminal && process.env["NO_COLOR"] === undefined;

function styled(code: number, text: string): string {
  return inColor ? `\x1b[${code}m${text}\x1b[0m` : text;
}

/** A number with its thousands apart. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Begins a part of the demonstration. */
export function heading(text: string): void {
  console.log(`\n${styled(1, text)}`);
}

/** A line of a part. */
export function line(text: string): void {
  console.log(`  ${text}`);
}

/** A line that says that something was checked and found true. */
export function good(text: string): void {
  console.log(`  ${styled(32, "✓")} ${text}`);
}

/** A line of a live table. */
export interface LiveLine {
  readonly name: string;
  readonly count: number;
  readonly note: string;
}

/** A table that is redrawn in place on a terminal; elsewhere it says nothing. */
export class LiveTable {
  #lines = 0;
  readonly #last = new Map<string, number>();
  #drawnAt = performance.now();

  /** Shows what each has done, and how fast since it was shown last. */
  show(lines: readonly LiveLine[]): void {
    const now = performance.now();
    const ms = now - this.#drawnAt;
    if (!isTerminal || ms < BAR_MS) return;
    this.#drawnAt = now;
    if (this.#lines > 0) process.stdout.write(`\x1b[${this.#lines}A`);
    this.#lines = lines.length;
    for (const { name, count, note } of lines) {
      const rate = (count - (this.#last.get(name) ?? 0)) / ms * 1000;
      this.#last.set(name, count);
      const bar = "█".repeat(Math.min(BAR_COLUMNS, Math.ceil(rate / LIVE_A_COLUMN)));
      const text = `${name.padEnd(14)} ${grouped(count).padStart(8)} ${`${grouped(rate)}/s`.padStart(8)}`;
      process.stdout.write(`\r\x1b[K  ${text} ${note === "" ? bar : styled(31, note)}\n`);
    }
  }

  /** What is shown next begins below. */
  end(): void {
    this.#lines = 0;
  }
}

/** A rate for the table at the end. */
export interface Rate {
  readonly what: string;
  readonly count: number;
  readonly seconds: number;
}

/** Measures one kind of operation; `work` answers how many it did. */
export async function measured(what: string, work: () => Promise<number>): Promise<Rate> {
  const begun = performance.now();
  const count = await work();
  return { what, count, seconds: (performance.now() - begun) / 1000 };
}

/** The table of rates. */
export function table(rates: readonly Rate[]): void {
  const width = Math.max(...rates.map(({ what }) => what.length));
  for (const { what, count, seconds } of rates) {
    const columns = [
      what.padEnd(width),
      grouped(count).padStart(9),
      `${seconds.toFixed(2)} s`.padStart(8),
      `${grouped(count / seconds)}/s`.padStart(11),
    ];
    line(columns.join("  "));
  }
}
