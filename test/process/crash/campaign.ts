/**
 * Campaign: one pair of databases, and workers that are killed over it again and again: under load, while
 * they recover what the last one left, and while they close. Every recovery is compared with the ledger of
 * what was acknowledged.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { Prng } from "../../support/prng.ts";
import { here, runtimeCommand } from "../play.ts";
import { Ledger } from "./ledger.ts";
import { type Fact, LineChild, pause } from "./line_child.ts";
import type { WorkerOptions } from "./worker.ts";

/** What a campaign is told. */
export interface CampaignOptions {
  readonly seed: number;
  /** Kills under load; those in recovery and closing come on top. */
  readonly kills: number;
  readonly durability: "sync" | "relaxed";
  /** Told of each finding at once. */
  readonly onProblem?: (problem: string) => void;
}

/** What a campaign gave. */
export interface CampaignReport {
  readonly killsUnderLoad: number;
  readonly killsInRecovery: number;
  readonly killsInClosing: number;
  readonly operations: number;
  readonly reads: number;
  /** Recoveries that were compared with the ledger. */
  readonly compared: number;
  /** Milliseconds that mounting both databases took, recovery included. */
  readonly mountMsMedian: number;
  readonly mountMsMax: number;
  readonly seconds: number;
  readonly problems: readonly string[];
}

type Moment = "load" | "recovery" | "closing";

/** Kills a worker, over and over. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const root = mkdtempSync(`${tmpdir()}/cohort-crash-`);
  const campaign = new Campaign(options, root);
  try {
    return await campaign.run();
  } finally {
    if (campaign.ledger.problems.length === 0) rmSync(root, { recursive: true, force: true });
    else options.onProblem?.(`the databases are kept in ${root}`);
  }
}

/**
 * The control of a campaign: a worker is killed, and the ledger is told of commits that never were. Answers
 * what the comparison finds; it must find each of them.
 */
export async function findInvented(durability: "sync" | "relaxed"): Promise<readonly string[]> {
  const root = mkdtempSync(`${tmpdir()}/cohort-crash-`);
  const ledger = new Ledger();
  try {
    for (const then of ["work", "close"] as const) {
      const child = startWorker({
        root,
        seed: 1,
        acknowledged: ledger.acknowledged,
        durability,
        poolBlocks: 128,
        cycleBlocks: 16,
        segmentBytes: 1 << 20,
        checkpointBytes: 1 << 20,
        then,
        closeAfterMs: 0,
      }, ledger);
      try {
        await child.fact("ready");
        await pause(100);
      } finally {
        await child.kill();
      }
      if (then === "work") ledger.invent();
    }
    return ledger.problems;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Starts a worker whose words go to a ledger. */
export function startWorker(options: WorkerOptions, ledger: Ledger, lead: readonly string[] = []): LineChild {
  const command = runtimeCommand([], here("crash/worker.ts"), [JSON.stringify(options)]);
  return new LineChild([...lead, ...command], (line) => ledger.hear(line));
}

class Campaign {
  readonly ledger = new Ledger();
  readonly #options: CampaignOptions;
  readonly #root: string;
  readonly #random: Prng;
  readonly #kills = { load: 0, recovery: 0, closing: 0 };

  constructor(options: CampaignOptions, root: string) {
    this.#options = options;
    this.#root = root;
    this.#random = new Prng(options.seed);
  }

  async run(): Promise<CampaignReport> {
    const { kills, onProblem } = this.#options;
    const begun = performance.now();
    let told = 0;
    while (this.#kills.load < kills && this.ledger.problems.length === 0) {
      const draw = this.#random.below(10);
      await this.#life(draw < 7 ? "load" : draw < 9 ? "recovery" : "closing");
      for (; told < this.ledger.problems.length; told++) onProblem?.(this.ledger.problems[told]!);
    }
    if (this.ledger.problems.length === 0) await this.#lastLook();
    for (; told < this.ledger.problems.length; told++) onProblem?.(this.ledger.problems[told]!);
    const sorted = [...this.ledger.mountMs].sort((a, b) => a - b);
    return {
      killsUnderLoad: this.#kills.load,
      killsInRecovery: this.#kills.recovery,
      killsInClosing: this.#kills.closing,
      operations: this.ledger.operations,
      reads: this.ledger.reads,
      compared: sorted.length,
      mountMsMedian: sorted[sorted.length >> 1] ?? 0,
      mountMsMax: sorted.at(-1) ?? 0,
      seconds: (performance.now() - begun) / 1000,
      problems: this.ledger.problems,
    };
  }

  /** One worker from its start to its violent end. */
  async #life(moment: Moment): Promise<void> {
    const child = this.#start("work", moment === "closing" ? this.#random.below(150, 30) : 0);
    try {
      await child.fact("mounting", (fact) => this.#complain(fact));
      if (moment === "recovery") {
        await pause(this.#random.unit() * 1.5 * this.#typicalMountMs());
        this.#kills.recovery++;
        return;
      }
      if (await child.fact("ready", (fact) => this.#complain(fact)) === undefined) {
        this.ledger.problems.push(`a worker ended while it mounted: ${child.errors}`);
        return;
      }
      if (moment === "closing") {
        await child.fact("closing", (fact) => this.#complain(fact));
        await pause(this.#random.unit() * 60);
      } else await pause(this.#random.below(300, 50));
      if (child.over && moment === "load") {
        this.ledger.problems.push(`a worker ended by itself: ${child.errors}`);
      }
      this.#kills[moment]++;
    } catch (error) {
      this.ledger.problems.push(String(error));
    } finally {
      await child.kill();
      for (const fact of child.rest()) this.#complain(fact);
    }
  }

  /** A last worker that only looks, and closes: nothing may be left of the dead. */
  async #lastLook(): Promise<void> {
    const child = this.#start("close", 0);
    try {
      const closed = await child.fact("closed", (fact) => this.#complain(fact));
      if (closed === undefined) throw new Error(`the last worker did not close: ${child.errors}`);
      await child.end();
    } catch (error) {
      this.ledger.problems.push(String(error));
    } finally {
      await child.kill();
    }
  }

  #start(then: WorkerOptions["then"], closeAfterMs: number): LineChild {
    const random = this.#random;
    return startWorker({
      root: this.#root,
      seed: this.#options.seed,
      acknowledged: this.ledger.acknowledged,
      durability: this.#options.durability,
      poolBlocks: random.below(400, 64),
      cycleBlocks: random.below(64, 4),
      segmentBytes: random.below(9, 2) * 262_144,
      checkpointBytes: random.below(64, 1) * 65_536,
      then,
      closeAfterMs,
    }, this.ledger);
  }

  #typicalMountMs(): number {
    const recent = this.ledger.mountMs.slice(-8).sort((a, b) => a - b);
    return recent[recent.length >> 1] ?? 100;
  }

  #complain(fact: Fact): void {
    if (fact["what"] === "refused" || fact["what"] === "event") {
      this.ledger.problems.push(`a worker said ${JSON.stringify(fact)}`);
    }
  }
}
