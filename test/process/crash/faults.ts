/**
 * Faults: a worker whose writes or syncs fail on one kind of file, while it works on all lanes.
 *
 * A failed write freezes writes and shows its cause, reads go on, and all thaws when it is over. A failed
 * sync stops the node: whoever waits learns OUTCOME_UNKNOWN, later calls STOPPED, and a restart has every
 * acknowledged commit.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { startWorker } from "./campaign.ts";
import { Injection } from "./injection.ts";
import { Ledger } from "./ledger.ts";
import { type Fact, type LineChild, pause } from "./line_child.ts";
import type { Found, WorkerOptions } from "./worker.ts";

/** Which file. */
export type Target = "journal" | "image" | "volume";

/** One play. */
export interface FaultOptions {
  readonly target: Target;
  readonly calls: "write" | "sync";
  readonly error: "EIO" | "ENOSPC";
  /** Only so many calls fail; by default all until the play ends the fault. */
  readonly when?: string;
}

/** What a play gave. */
export interface FaultReport {
  readonly title: string;
  /** What the node said of itself. */
  readonly cause: string;
  /** Milliseconds from the fault to the word of it, and from its end to the next acknowledgement. */
  readonly noticedMs: number;
  readonly thawedMs: number;
  /** Acknowledged before, during and after the fault. */
  readonly operations: readonly [before: number, during: number, after: number];
  /** Reads answered while writes were frozen. */
  readonly looks: number;
  /** Refusals by code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

/** Longest a journal goes without a new segment in a play: so many names are watched. */
const SEGMENTS = 60;
/** Milliseconds of work before the fault, and of the fault. */
const BEFORE_MS = 150;
const DURING_MS = 400;

/** Plays one fault, restarts, and compares. */
export async function playFault(options: FaultOptions): Promise<FaultReport> {
  const root = mkdtempSync(`${tmpdir()}/cohort-fault-`);
  const play = new Play(root, options);
  try {
    await play.run();
    return play.report();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The files of a target. */
function pathsOf(root: string, incarnation: string, target: Target): string[] {
  const own = `${root}/node/${incarnation}`;
  if (target === "volume") return [`${root}/a/cohort.dat`, `${root}/b/cohort.dat`];
  if (target === "image") return [`${own}/image`];
  return Array.from({ length: SEGMENTS }, (_, at) => `${own}/journal.${String(at + 1).padStart(6, "0")}`);
}

class Play {
  readonly #root: string;
  readonly #options: FaultOptions;
  readonly #ledger = new Ledger();
  readonly #refused: Record<string, number> = {};
  readonly #operations: [number, number, number] = [0, 0, 0];
  #cause = "";
  #noticedMs = -1;
  #thawedMs = -1;
  #looks = 0;

  constructor(root: string, options: FaultOptions) {
    this.#root = root;
    this.#options = options;
  }

  async run(): Promise<void> {
    const child = this.#start("work");
    try {
      const ready = await child.fact("ready") as Found | undefined;
      if (ready === undefined) throw new Error(`The worker ended: ${child.errors}`);
      await pause(BEFORE_MS);
      const { target, calls, error, when } = this.#options;
      const paths = pathsOf(this.#root, ready.incarnation, target);
      this.#operations[0] = this.#ledger.operations;
      const begun = performance.now();
      const injection = await Injection.begin({
        pid: child.pid,
        paths,
        calls,
        error,
        ...(when === undefined ? {} : { when }),
      });
      try {
        await this.#hearOf(child, calls === "write" ? "frozen" : "stopped", begun);
        if (calls === "write") await this.#frozen(child, when === undefined ? injection : undefined);
        else await this.#stopped(child);
      } finally {
        await injection.end();
      }
    } catch (error) {
      this.#ledger.problems.push(error instanceof Error ? error.message : String(error));
    } finally {
      await child.kill();
    }
    if (this.#ledger.problems.length === 0) await this.#restart();
  }

  report(): FaultReport {
    const { target, calls, error, when } = this.#options;
    return {
      title: `${error} of every ${calls} to the ${target}${when === undefined ? "" : ` (calls ${when})`}`,
      cause: this.#cause,
      noticedMs: this.#noticedMs,
      thawedMs: this.#thawedMs,
      operations: this.#operations,
      looks: this.#looks,
      refused: this.#refused,
      problems: this.#ledger.problems,
    };
  }

  /** Waits for the word of the fault. */
  async #hearOf(child: LineChild, state: string, begun: number): Promise<void> {
    for (;;) {
      const status = await child.fact("status", (fact) => this.#count(fact));
      if (status === undefined) throw new Error(`The worker ended before it was ${state}: ${child.errors}`);
      if (status["state"] !== state) continue;
      this.#noticedMs = performance.now() - begun;
      this.#cause = String(status["cause"]);
      const { error, target } = this.#options;
      const name = target === "volume" ? "cohort.dat" : target;
      if (!this.#cause.includes(name)) {
        this.#ledger.problems.push(`the cause does not name ${name}: ${this.#cause}`);
      }
      if (!this.#cause.includes(error)) {
        this.#ledger.problems.push(`the cause does not name ${error}: ${this.#cause}`);
      }
      return;
    }
  }

  /** Writes stand still while the fault lasts, reads do not; then all goes on. */
  async #frozen(child: LineChild, injection: Injection | undefined): Promise<void> {
    const ledger = this.#ledger;
    if (injection !== undefined) {
      await pause(DURING_MS / 2); // what was under way may still come to its end
      const operations = ledger.operations, looks = ledger.looks;
      await pause(DURING_MS / 2);
      this.#looks = ledger.looks - looks;
      if (ledger.operations !== operations) ledger.problems.push("commits went on while writes were frozen");
      if (this.#looks === 0) ledger.problems.push("reads stood still while writes were frozen");
      await injection.end();
    }
    this.#operations[1] = ledger.operations - this.#operations[0];
    const before = ledger.operations, ended = performance.now();
    for (;;) {
      const status = await child.fact("status", (fact) => this.#count(fact));
      if (status === undefined) throw new Error(`The worker ended while frozen: ${child.errors}`);
      if (status["state"] === "active") break;
      if (status["state"] !== "frozen") {
        throw new Error(`The worker is ${status["state"]}: ${status["cause"]}`);
      }
    }
    while (ledger.operations === before && performance.now() - ended < 10_000) await pause(5);
    this.#thawedMs = performance.now() - ended;
    await pause(BEFORE_MS);
    this.#operations[2] = ledger.operations - before;
    if (this.#operations[2] === 0) ledger.problems.push("nothing was committed after the thaw");
  }

  /** Everybody is told, and the worker comes to its end by itself. */
  async #stopped(child: LineChild): Promise<void> {
    const closed = await child.fact("closed", (fact) => this.#count(fact));
    if (closed === undefined) throw new Error(`The stopped worker ended without closing: ${child.errors}`);
    await child.end();
    this.#operations[1] = this.#ledger.operations - this.#operations[0];
    for (const code of Object.keys(this.#refused)) {
      if (code !== "STOPPED" && code !== "OUTCOME_UNKNOWN") {
        this.#ledger.problems.push(`an operation of the stopped node answered ${code}`);
      }
    }
    if (Object.keys(this.#refused).length === 0) this.#ledger.problems.push("nobody was told of the stop");
  }

  /** A new worker finds all that was acknowledged. */
  async #restart(): Promise<void> {
    const child = this.#start("close");
    try {
      if (await child.fact("closed") === undefined) {
        this.#ledger.problems.push(`the restart ended: ${child.errors}`);
      }
      await child.end();
    } catch (error) {
      this.#ledger.problems.push(String(error));
    } finally {
      await child.kill();
    }
  }

  #count(fact: Fact): void {
    if (fact["what"] !== "refused") return;
    const code = String(fact["code"]);
    this.#refused[code] = (this.#refused[code] ?? 0) + 1;
  }

  #start(then: WorkerOptions["then"]): LineChild {
    return startWorker({
      root: this.#root,
      seed: 3,
      acknowledged: this.#ledger.acknowledged,
      durability: "sync",
      poolBlocks: 128,
      cycleBlocks: 16,
      segmentBytes: 1 << 20,
      checkpointBytes: 1 << 18,
      then,
      closeAfterMs: 0,
    }, this.#ledger);
  }
}
