/**
 * A process that is meant to be killed: recovers two databases, says what it found there, and then commits on
 * many lanes at once until it is ended. Options: JSON, argument 1.
 *
 * Each acknowledgement is one write to standard output, made before the lane's next operation begins: what
 * was written stays readable when the process is gone. Facts are lines of JSON; `a LANE N` is an acknowledged
 * operation,
 * `c VALUE` an acknowledged increment, `r VALUE` an acknowledged read of the same counter.
 */
import { appendFileSync, writeSync } from "node:fs";
import process from "node:process";
import { createLineObserver } from "../../../adapters/observer_lines.ts";
import { CohortError, type Database, type Node, openNode } from "../../../mod.ts";
import {
  bankOf,
  CONTENT_LANES,
  contentAfter,
  contentOf,
  differenceOf,
  LANE_COUNT,
  runOperation,
} from "./lanes.ts";

/** What a worker is told. */
export interface WorkerOptions {
  readonly root: string;
  readonly seed: number;
  /** Last acknowledged operation of each lane. */
  readonly acknowledged: readonly number[];
  readonly durability: "sync" | "relaxed";
  readonly poolBlocks: number;
  readonly cycleBlocks: number;
  readonly segmentBytes: number;
  readonly checkpointBytes: number;
  /** What it does once it has looked: works on all lanes, waits to be killed, or closes. */
  readonly then: "work" | "wait" | "close";
  /** Milliseconds of work after which it closes in order; 0 for never. */
  readonly closeAfterMs: number;
  /** A person's word that the holder is gone. */
  readonly confirmGone?: boolean;
}

/** What a worker found before it began. */
export interface Found {
  readonly what: "ready";
  readonly pid: number;
  readonly incarnation: string;
  /** Milliseconds from the first mount to the end of the second, recovery included. */
  readonly mountMs: number;
  /** Operations of each lane that were there. */
  readonly reached: readonly number[];
  readonly counter: number;
  readonly problems: readonly string[];
}

/** The two databases of a worker. */
export interface Databases {
  readonly a: Database;
  readonly b: Database;
}

let output = 1;
let signature: { readonly life?: number } = {};

/** From now on all that is said goes to this open file, signed with the number of a life. */
export function sayTo(file: number, life: number): void {
  output = file;
  signature = { life };
}

/** Writes to standard output, or where else it was told to, before it returns. */
export function say(line: string): void {
  const { life } = signature;
  const signed = life === undefined || line.startsWith("{") ? line : `${line} ${life}`;
  const bytes = new TextEncoder().encode(`${signed}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(output, bytes, at);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
    }
  }
}

/** Says a fact. */
export function sayFact(fact: object): void {
  say(JSON.stringify({ ...fact, ...signature }));
}

/**
 * Opens the node of a worker; its events go to a log beside the databases, those that matter become facts
 * too.
 */
export function openWorkerNode(options: WorkerOptions): Promise<Node> {
  return openNode({
    dir: `${options.root}/node`,
    durability: options.durability,
    poolBytes: options.poolBlocks * 8192,
    cycleBlocks: options.cycleBlocks,
    segmentBytes: options.segmentBytes,
    checkpointBytes: options.checkpointBytes,
    syncIntervalMs: 20,
    idleMs: 50,
  }, {
    observer: createLineObserver({
      write: (line) => {
        appendFileSync(`${options.root}/events.log`, `${process.pid} ${line}\n`);
        const isTakeover = line.includes(" info claim.takeover ");
        // Every worker takes over from one that was killed; among lives of one process it matters from whom.
        const matters = isTakeover ? signature.life !== undefined : !/^\S+ info /.test(line);
        if (matters) sayFact({ what: "event", line });
      },
    }),
  });
}

/** Compares what is there with what was acknowledged; answers what each lane has reached. */
export async function look(
  node: Node,
  databases: Databases,
  options: Pick<WorkerOptions, "seed" | "acknowledged">,
): Promise<{ reached: number[]; problems: string[] }> {
  const problems: string[] = [];
  const reached: number[] = [];
  for (let lane = 0; lane < CONTENT_LANES; lane++) {
    const last = options.acknowledged[lane] ?? 0;
    const found = await contentOf(databases, lane);
    const difference = differenceOf(contentAfter(options.seed, lane, last), found);
    const isNext = difference !== undefined &&
      differenceOf(contentAfter(options.seed, lane, last + 1), found) === undefined;
    if (difference !== undefined && !isNext) problems.push(`lane ${lane} after ${last}: ${difference}`);
    reached.push(isNext ? last + 1 : last);
  }
  const bank = await bankOf(node, databases);
  if (bank.sum !== 0) problems.push(`the accounts add up to ${bank.sum}`);
  for (let lane = CONTENT_LANES; lane < LANE_COUNT; lane++) {
    const last = options.acknowledged[lane] ?? 0;
    const [inA, inB] = bank.counts[lane - CONTENT_LANES]!;
    if (inA !== inB || inA < last || inA > last + 1) {
      problems.push(`bank lane ${lane} after ${last}: ${inA} and ${inB}`);
    }
    reached.push(inA);
  }
  for (const database of [databases.a, databases.b]) {
    const report = await database.check();
    for (const { block, problem } of report.problems.slice(0, 10)) {
      problems.push(`${database.directory}, block ${block}: ${problem}`);
    }
  }
  return { reached, problems };
}

/**
 * Runs a lane until the node refuses. What found no space, or met an error of growing, was not done: once
 * more.
 */
async function runLane(
  node: Node,
  databases: Databases,
  seed: number,
  lane: number,
  from: number,
): Promise<void> {
  for (let n = from + 1;;) {
    try {
      await runOperation(node, databases, seed, lane, n);
      say(`a ${lane} ${n++}`);
    } catch (error) {
      if (!(error instanceof CohortError) || !["FULL", "IO"].includes(error.code)) throw error;
      say(`f ${lane}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function runCounter(database: Database): Promise<void> {
  const count = database.global<number>("Count");
  for (;;) say(`c ${await count.increment([])}`);
}

async function runReader(database: Database): Promise<void> {
  const count = database.global<number>("Count");
  for (;;) {
    say(`r ${await count.get([]) ?? 0}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Reads what nobody changes, whatever happens to writes. */
async function runLookout(database: Database): Promise<void> {
  const still = database.global<string>("Still");
  for (;;) {
    if (await still.get(["here"]) !== "still") throw new Error("what was still there is gone");
    say("s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Says what the node is doing, each time that changes. */
export async function sayStatus(node: Node): Promise<void> {
  let before = "";
  for await (const { state, cause } of node.status) {
    if (state !== before) sayFact({ what: "status", state, cause });
    before = state;
  }
}

/** Waits for work that only ends by an error; an end that was asked for is none. */
async function untilRefused(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const code = error instanceof CohortError ? error.code : String(error);
    const message = error instanceof Error ? error.message : String(error);
    if (code !== "CLOSED" && code !== "NOT_MOUNTED") sayFact({ what: "refused", code, message });
  }
}

async function main(options: WorkerOptions): Promise<void> {
  const node = await openWorkerNode(options);
  sayFact({ what: "mounting" });
  const begun = performance.now();
  const { confirmGone = false } = options;
  const a = await node.mount(`${options.root}/a`, { create: true, extentBlocks: 64, confirmGone });
  const b = await node.mount(`${options.root}/b`, { create: true, extentBlocks: 1024, confirmGone });
  const databases = { a, b };
  const mountMs = performance.now() - begun;
  const { reached, problems } = await look(node, databases, options);
  const counter = await a.global<number>("Count").get([]) ?? 0;
  const { incarnation } = node;
  sayFact({ what: "ready", pid: process.pid, incarnation, mountMs, reached, counter, problems });
  if (options.then === "wait") await new Promise((resolve) => setTimeout(resolve, 60_000));
  if (options.then === "work") await work(node, databases, options, reached);
  else await node.close();
  sayFact({ what: "closed" });
}

/** Works on all lanes until it is ended from outside, or closes in the middle of it. */
export async function work(
  node: Node,
  databases: Databases,
  options: Pick<WorkerOptions, "seed" | "closeAfterMs">,
  reached: readonly number[],
): Promise<void> {
  await databases.b.global<string>("Still").set(["here"], "still");
  sayStatus(node);
  const all = [
    ...reached.map((from, lane) => runLane(node, databases, options.seed, lane, from)),
    runCounter(databases.a),
    runCounter(databases.a),
    runReader(databases.a),
    runLookout(databases.b),
  ];
  const ended = Promise.all(all.map(untilRefused));
  if (options.closeAfterMs > 0) {
    await new Promise((resolve) => setTimeout(resolve, options.closeAfterMs));
    sayFact({ what: "closing" });
    await node.close();
  }
  await ended;
  await node.close();
}

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as WorkerOptions);
