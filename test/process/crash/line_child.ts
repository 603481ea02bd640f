/** A child process heard line by line, with a deadline for everything that is waited for. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";

/** Longest that anything of a child may take, in milliseconds: what takes longer hangs. */
export const DEADLINE_MS = 30_000;

/** A fact that a child said. */
export type Fact = Readonly<Record<string, unknown>>;

/** A running child. */
export class LineChild {
  readonly pid: number;
  /** Resolves when it is gone and all it said was heard. */
  readonly exited: Promise<void>;
  /** The end of what it wrote to standard error. */
  errors = "";
  readonly #process: ChildProcess;
  readonly #onLine: (line: string) => void;
  readonly #facts: Fact[] = [];
  #over = false;
  #wake: () => void = () => {};

  /** Starts it; `onLine` is told every line in turn, facts included. */
  constructor([file, ...args]: readonly string[], onLine: (line: string) => void = () => {}) {
    this.#onLine = onLine;
    this.#process = spawn(file!, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.pid = this.#process.pid!;
    createInterface({ input: this.#process.stdout! }).on("line", (line) => this.#hearLine(line));
    this.#process.stderr!.on("data", (chunk) => this.errors = (this.errors + chunk).slice(-4000));
    this.exited = new Promise((resolve) => this.#process.on("close", () => resolve()));
    this.exited.then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#over;
  }

  /**
   * The next fact of this name; others before it go to `other`. undefined when the child ended without it.
   */
  async fact(what: string, other: (fact: Fact) => void = () => {}): Promise<Fact | undefined> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      for (let fact = this.#facts.shift(); fact !== undefined; fact = this.#facts.shift()) {
        if (fact["what"] === what) return fact;
        other(fact);
      }
      if (this.#over) return undefined;
      await this.#wakened(deadline, `heard nothing of ${what}`);
    }
  }

  /** Facts heard and not asked for. */
  rest(): Fact[] {
    return this.#facts.splice(0);
  }

  /** Waits until it has ended by itself. */
  async end(): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!this.#over) await this.#wakened(deadline, "has not ended");
  }

  /** Sends a signal, if it is still there. */
  signal(signal: "SIGKILL" | "SIGTERM" | "SIGINT"): void {
    try {
      process.kill(this.pid, signal);
    } catch {
      // It is gone.
    }
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.#over) this.signal("SIGKILL");
    await this.exited;
  }

  async #wakened(deadline: number, complaint: string): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
    });
    clearTimeout(timer);
    if (performance.now() < deadline || this.#over) return;
    await this.kill();
    throw new Error(`Hang: after ${DEADLINE_MS} ms the child ${complaint}; ${this.errors}`);
  }

  #hearLine(line: string): void {
    this.#onLine(line);
    if (!line.startsWith("{")) return;
    this.#facts.push(JSON.parse(line));
    this.#wake();
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
