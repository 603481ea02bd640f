/**
 * A round of chaos: a cluster of real processes on both runtimes, clients on all of them, and a driver that
 * kills, stops and cuts off members; then everything that was answered is compared with everything that is
 * there.
 */
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { LANE_COUNT } from "../process/crash/lanes.ts";
import { Prng } from "../support/prng.ts";
import { bulkKeysFor } from "./clients.ts";
import { Faults } from "./faults.ts";
import { judge } from "./judge.ts";
import { type Fact, isRunning, MemberProcess } from "./member_process.ts";
import { Network } from "./network.ts";
import { recordsOf } from "./record.ts";
import { CHAOS_TIMINGS } from "./timings.ts";
import type { MemberOptions } from "./worker.ts";

/** What a round is told. */
export interface RoundOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly members: number;
  /** Blocks of data, at least; of each member's pool. */
  readonly blocks: number;
  readonly poolBlocks: number;
  /** Clients of each member, besides those of lanes. */
  readonly clients: number;
  readonly durability: "sync" | "relaxed";
  /** Whether members have namespaces of their own, between which the network is cut. */
  readonly network?: boolean;
  /** Told of each finding at once, and of what happens when it is to be told. */
  readonly onProblem?: (text: string) => void;
  readonly onEvent?: (text: string) => void;
  /** Keeps the files also when nothing is wrong. */
  readonly keep?: boolean;
}

/** What a round gave. */
export interface RoundReport {
  readonly seed: number;
  readonly seconds: number;
  readonly kills: number;
  readonly stops: number;
  readonly wholeKills: number;
  readonly partitions: number;
  /** Members that were evicted though nobody had touched them. */
  readonly unasked: number;
  readonly operations: number;
  readonly unknown: number;
  readonly perSecond: number;
  readonly blocks: number;
  readonly problems: readonly string[];
  /** Facts of each recovery: `fenceMs`, `reportMs`, `replayMs`. */
  readonly recoveries: readonly Fact[];
  /** Why members ended, and how often. */
  readonly ends: Readonly<Record<string, number>>;
}

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

/** Longest that anything may take: what takes longer hangs. */
const START_MS = 40_000, STALL_MS = 20_000, FINISH_MS = 30_000, FINAL_MS = 240_000;

/** Lives in which a member may come to load its part. */
const LOADS_MAX = 3;

/** Plays a round. */
export async function playRound(options: RoundOptions): Promise<RoundReport> {
  const root = mkdtempSync(`${tmpdir()}/cohort-chaos-`);
  const round = new Round(options, root);
  try {
    return await round.play();
  } finally {
    await round.clear();
    if (round.problems.length === 0 && options.keep !== true) rmSync(root, { recursive: true, force: true });
    else options.onProblem?.(`everything is kept in ${root}`);
  }
}

/** A cluster under chaos, and what is known of it. */
export class Round {
  readonly problems: string[] = [];
  readonly random: Prng;
  readonly options: RoundOptions;
  readonly members: (MemberProcess | undefined)[];
  readonly counts = { kills: 0, stops: 0, wholeKills: 0, partitions: 0, unasked: 0 };
  readonly recoveries: Fact[] = [];
  readonly ends: Record<string, number> = {};
  readonly network: Network | undefined;
  /** When the network was last mended. */
  mendedAt = 0;
  readonly #root: string;
  readonly #runtimes: readonly string[];
  readonly #lanes = Array.from({ length: LANE_COUNT }, () => ({ done: 0, called: 0 }));
  readonly #all: MemberProcess[] = [];
  #lives = 0;
  /** Shifts lanes to other members. */
  #shift = 0;

  constructor(options: RoundOptions, root: string) {
    this.options = options;
    this.#root = root;
    this.random = new Prng(options.seed);
    this.members = Array.from({ length: options.members }, () => undefined);
    if (options.network === true) this.network = Network.make(options.members);
    this.#runtimes = this.members.map((_, at) => at % 2 === 0 ? "deno" : "bun");
  }

  async play(): Promise<RoundReport> {
    const begun = Date.now();
    this.#tell(`${this.#runtimes.join(", ")}; seed ${this.options.seed}; ${this.#root}`);
    await Promise.all(this.members.map((_, at) => this.#load(at)));
    const loadedAt = Date.now();
    this.#tell(`loaded in ${loadedAt - begun} ms`);
    for (const member of this.members) this.work(member);
    const faults = new Faults(this);
    while (Date.now() - loadedAt < this.options.seconds * 1000 && this.problems.length === 0) {
      await faults.next();
      this.#watch();
    }
    await faults.heal();
    const worked = (Date.now() - loadedAt) / 1000;
    const blocks = await this.#finish();
    const judgement = judge(this.#root);
    for (const problem of judgement.problems) this.complain(problem);
    const { answered: operations, unknown } = judgement;
    return {
      seed: this.options.seed,
      seconds: (Date.now() - begun) / 1000,
      ...this.counts,
      operations,
      unknown,
      perSecond: Math.round(this.#all.reduce((sum, it) => sum + it.answered, 0) / worked),
      blocks,
      problems: this.problems,
      recoveries: this.recoveries,
      ends: this.ends,
    };
  }

  /** A first life, which loads its part of the data; anew, when it is evicted meanwhile. */
  async #load(at: number): Promise<void> {
    for (let tries = 0; tries < LOADS_MAX; tries++) {
      await this.start(at, true);
      if (this.members[at]!.standing === "ready") return;
    }
    this.complain(`m${at} could not load`);
  }

  /** Starts the process of a place, and waits until it works; a place whose process ends starts anew. */
  async start(at: number, isFirst = false): Promise<void> {
    const life = `m${at}.${++this.#lives}`;
    const member = new MemberProcess(
      this.#runtimes[at]!,
      WORKER,
      this.#optionsOf(at, life, isFirst),
      this.#onFact,
      this.network?.lead(at),
    );
    this.members[at] = member;
    this.#all.push(member);
    this.#tell(`${life} starts (${member.runtime}, pid ${member.pid})`);
    member.exited.then((end) => this.#ended(member, end));
    if (await member.says("ready", isFirst ? FINAL_MS : START_MS)) return;
    if (!member.isOver && !member.isStopped) {
      this.complain(`Hang: ${life} was not ready after ${START_MS} ms; ${this.#lastOf(member)}`);
    }
  }

  /** Lets its clients begin. */
  work(member: MemberProcess | undefined): void {
    if (member?.standing !== "ready") return;
    member.standing = "working";
    member.roseAt = Date.now();
    member.tell("go");
  }

  /** Members whose process is there and was not stopped. */
  get living(): MemberProcess[] {
    return this.members.filter((it): it is MemberProcess => it !== undefined && !it.isOver && !it.isStopped);
  }

  /** The member that joined first of those that work. */
  master(): MemberProcess | undefined {
    return this.living.filter((it) => it.standing === "working").sort((a, b) => a.startedAt - b.startedAt)[0];
  }

  /** Lanes go to other members when all start anew. */
  shift(): void {
    this.#shift++;
  }

  complain(text: string): void {
    this.problems.push(text);
    this.options.onProblem?.(text);
    this.#tell(`PROBLEM ${text}`);
  }

  tell(text: string): void {
    this.#tell(text);
  }

  #tell(text: string): void {
    appendFileSync(`${this.#root}/driver.log`, `${Date.now()} ${text}\n`);
    this.options.onEvent?.(text);
  }

  #optionsOf(at: number, life: string, isFirst: boolean): MemberOptions {
    const { seed, poolBlocks, durability, blocks, clients, members } = this.options;
    const lanes = this.#lanes.map((it, lane) => ({ lane, ...it }))
      .filter(({ lane }) => (lane + this.#shift) % members === at);
    const bulkKeys = bulkKeysFor(blocks);
    const load = isFirst ? { load: [at, members] as const } : {};
    return {
      root: this.#root,
      name: `m${at}`,
      life,
      seed,
      poolBlocks,
      durability,
      timings: CHAOS_TIMINGS,
      bulkKeys,
      clients,
      lanes,
      ...load,
      ...(this.network === undefined ? {} : { host: this.network.host(at) }),
    };
  }

  readonly #onFact = (fact: Fact, from: MemberProcess): void => {
    const { what, text, event } = fact as { what: string; text: string; event: string };
    const facts = fact["facts"] as Fact;
    if (what === "problem") this.complain(`${from.life}: ${text}`);
    else if (what === "failed") this.#failed(fact, from);
    else if (what === "status") this.#tell(`${from.life} ${JSON.stringify(fact)}`);
    else if (what === "event") {
      this.#tell(`${from.life} ${event} ${JSON.stringify(facts)}`);
      if (event === "cluster.recovered") this.recoveries.push(facts);
      if (event === "cluster.fenced") this.#fenced(facts, from);
    } else if (what !== "tick") this.#tell(`${from.life} ${JSON.stringify(fact)}`);
  };

  /** A fenced process must be gone at the moment when somebody says that it is. */
  #fenced(facts: Fact, from: MemberProcess): void {
    const pid = Number(facts["pid"]);
    if (isRunning(pid)) this.complain(`${from.life} fenced process ${pid}, which runs`);
    const lost = this.#all.find((it) => it.incarnation === facts["incarnation"]);
    if (lost === undefined || lost.isKilled || lost.isStopped || lost.end === "code 3") return;
    if (Date.now() - Math.max(lost.wentOnAt, this.mendedAt) < 10_000) return;
    this.counts.unasked++;
    this.#tell(`UNASKED ${lost.life} was fenced, and nobody had touched it`);
  }

  /** A member could not go on. Who was fenced had to end; what else may be is told by code. */
  #failed(fact: Fact, from: MemberProcess): void {
    const { code, text } = fact as { code: string; text: string };
    this.#tell(`${from.life} failed: ${code} ${text}`);
    const isBroken = /nvariant|orrupt|JOURNAL_GAP|QUARANTINED/.test(text) || code === "" &&
        !/stopped: .*(evicted|fenced)/.test(text);
    if (isBroken) this.complain(`${from.life} failed: ${code} ${text}`);
  }

  #ended(member: MemberProcess, end: string): void {
    const why = member.isKilled ? "killed" : member.isStopped ? "fenced while stopped" : end;
    this.ends[why] = (this.ends[why] ?? 0) + 1;
    this.#tell(`${member.life} ended: ${why} ${member.errors}`);
    this.#readLanes(member);
  }

  /** How far its lanes have come, by what it wrote down. */
  #readLanes(member: MemberProcess): void {
    const open = new Map<string, number>();
    for (const record of recordsOf(`${this.#root}/${member.life}.records`)) {
      if (record.at === "call" && record.asked.op === "lane") {
        const { lane, n } = record.asked;
        // Whoever goes on with n has found all before it.
        this.#lanes[lane] = { done: Math.max(this.#lanes[lane]!.done, n - 1), called: n };
        open.set(record.id, lane);
      } else if (record.at === "return") {
        const lane = open.get(record.id);
        if (lane !== undefined) this.#lanes[lane]!.done = this.#lanes[lane]!.called;
      }
    }
  }

  /** Somebody who works must be answered. */
  #watch(): void {
    const now = Date.now();
    for (const member of this.living) {
      if (member.standing !== "working" || now - member.roseAt < STALL_MS) continue;
      this.complain(`Hang: nothing was answered to ${member.life} for ${now - member.roseAt} ms`);
    }
  }

  /** Ends all work, reads all that is there, closes in order, and checks the structure. */
  async #finish(): Promise<number> {
    const isBroken = this.problems.length > 0;
    for (const member of this.living) member.tell("status");
    if (isBroken) {
      await Promise.all(this.living.map((it) => it.says("status", 1_000)));
      return 0;
    }
    const living = this.living;
    const all = async (command: string, fact: string, ms: number, who: MemberProcess[]): Promise<boolean> => {
      const saying = who.map((it) => it.says(fact, ms));
      for (const member of who) member.tell(command);
      const said = await Promise.all(saying);
      said.forEach((it, at) => {
        if (!it) this.complain(`Hang: ${who[at]!.life} was told to ${command}; ${this.#lastOf(who[at]!)}`);
      });
      return said.every((it) => it);
    };
    if (living.length === 0) this.complain("nobody lives in the end");
    const reader = this.random.pick(living);
    const isRead = await all("finish", "finished", FINISH_MS, living) &&
      await all(`final ${this.#lanesOf(living)}`, "read", FINAL_MS, [reader]) &&
      await all("close", "closed", FINISH_MS, living);
    if (!isRead) {
      for (const member of this.living) member.tell("status");
      await Promise.all(this.living.map((it) => it.says("status", 1_000)));
      return 0;
    }
    await Promise.all(living.map((it) => it.exited));
    return await this.#check();
  }

  #lanesOf(members: readonly MemberProcess[]): string {
    for (const member of members) this.#readLanes(member);
    return JSON.stringify(this.#lanes.map((it, lane) => ({ lane, ...it })));
  }

  async #check(): Promise<number> {
    let blocks = 0;
    const options = { ...this.#optionsOf(0, "check", false), check: true, host: "127.0.0.1" };
    const checker = new MemberProcess("deno", WORKER, options, (fact, from) => {
      if (fact["what"] === "checked") blocks = Number(fact["blocks"]);
      else this.#onFact(fact, from);
    });
    this.#all.push(checker);
    if (!await checker.says("checked", FINAL_MS)) this.complain(`could not check: ${checker.errors}`);
    return blocks;
  }

  #lastOf(member: MemberProcess): string {
    return `${member.end ?? "it is there"} ${member.errors}`;
  }

  /** Ends every process that is left. */
  async clear(): Promise<void> {
    for (const member of this.#all) member.signal("SIGKILL");
    await Promise.all(this.#all.map((it) => it.exited));
    this.network?.close();
  }
}
