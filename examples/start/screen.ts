/** What the demonstration shows: headings, lines, a progress bar on a terminal, and the table at the end. */
import process from "node:process";

const BAR_COLUMNS = 30;
const BAR_MS = 80;
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

/** A bar that is redrawn some times a second; without a terminal it says nothing. */
export class Bar {
  readonly #what: string;
  readonly #total: number;
  readonly #begun: number = performance.now();
  #drawnAt = 0;

  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
  }

  /** Shows how many are done. */
  show(done: number): void {
    const now = performance.now();
    if (!isTerminal || now - this.#drawnAt < BAR_MS) return;
    this.#drawnAt = now;
    const filled = Math.round(BAR_COLUMNS * done / this.#total);
    const bar = "█".repeat(filled) + "░".repeat(BAR_COLUMNS - filled);
    const rate = done / (now - this.#begun) * 1000;
    process.stdout.write(`\r\x1b[K  ${this.#what} ${bar} ${grouped(done)} (${grouped(rate)}/s)`);
  }

  /** Takes the bar away. */
  end(): void {
    if (isTerminal) process.stdout.write("\r\x1b[K");
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
