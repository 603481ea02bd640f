/** A place among the members, as the driver sees it: one process after the other, and what each said. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { scriptCommand } from "../support/runtimes.mjs";

/** What a process says. */
export type Fact = Readonly<Record<string, unknown>>;

/** What becomes of a place. */
export type Standing = "down" | "starting" | "ready" | "working";

/** One process of a member. */
export class MemberProcess {
  readonly life: string;
  readonly runtime: string;
  readonly pid: number;
  standing: Standing = "starting";
  /** Set by the driver: it was stopped, or was killed, on purpose. */
  isStopped = false;
  /** When it last went on after a stop. */
  wentOnAt = 0;
  isKilled = false;
  incarnation: string | undefined;
  /** Operations answered, when that was last heard to have risen, and when it began. */
  answered = 0;
  roseAt: number = Date.now();
  readonly startedAt: number = Date.now();
  /** How it ended, when it did; everything it had said was heard. */
  readonly exited: Promise<string>;
  end: string | undefined;
  /** The end of what it wrote to standard error. */
  errors = "";
  readonly #child: ChildProcess;
  readonly #onFact: (fact: Fact, from: MemberProcess) => void;
  readonly #waits = new Map<string, Array<() => void>>();

  constructor(
    runtime: string,
    script: string,
    options: { readonly life: string },
    onFact: (fact: Fact, from: MemberProcess) => void,
    lead: readonly string[] = [],
  ) {
    this.runtime = runtime;
    this.life = options.life;
    this.#onFact = onFact;
    const [file, ...args] = [...lead, ...scriptCommand(runtime, script, [JSON.stringify(options)])];
    this.#child = spawn(file!, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.pid = this.#child.pid!;
    this.#child.stdin!.on("error", () => {});
    this.#child.stderr!.on("data", (chunk) => this.errors = (this.errors + chunk).slice(-4000));
    createInterface({ input: this.#child.stdout! }).on("line", (line) => this.#hear(line));
    this.exited = new Promise((resolve) =>
      this.#child.on("close", (code, signal) => resolve(this.end = signal ?? `code ${code}`))
    );
    this.exited.then(() => {
      this.standing = "down";
      for (const go of [...this.#waits.values()].flat()) go();
    });
  }

  get isOver(): boolean {
    return this.end !== undefined;
  }

  /** Tells it something. */
  tell(command: string): void {
    this.#child.stdin!.write(`${command}\n`);
  }

  /** Whether it says a fact before it ends, and in time. */
  async says(what: string, timeoutMs: number): Promise<boolean> {
    let heard = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (this.isOver) return false;
    await new Promise<void>((resolve) => {
      const hearing = (): void => {
        heard = !this.isOver;
        resolve();
      };
      this.#waits.set(what, [...this.#waits.get(what) ?? [], hearing]);
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    return heard;
  }

  /** Sends a signal, if it is still there. */
  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (this.isOver) return;
    if (signal === "SIGKILL") this.isKilled = true;
    else {
      if (this.isStopped) this.wentOnAt = Date.now();
      this.isStopped = signal === "SIGSTOP";
    }
    try {
      process.kill(this.pid, signal);
    } catch {
      // It is gone.
    }
  }

  #hear(line: string): void {
    if (!line.startsWith("{")) return;
    const fact = JSON.parse(line) as Fact;
    const what = String(fact["what"]);
    if (what === "mounted") this.incarnation = String(fact["incarnation"]);
    if (what === "ready") this.standing = "ready";
    if (what === "tick" && Number(fact["answered"]) > this.answered) {
      this.answered = Number(fact["answered"]);
      this.roseAt = Date.now();
    }
    this.#onFact(fact, this);
    const waits = this.#waits.get(what) ?? [];
    this.#waits.delete(what);
    for (const go of waits) go();
  }
}

/** Whether a process is there and can run: neither gone nor waiting to be collected. */
export function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return false;
  try {
    const stat = readFileSync(path, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
