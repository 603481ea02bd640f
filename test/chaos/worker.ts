/**
 * A member under chaos: a process that joins, looks at what its lanes left, and works until it is killed or
 * told to end. Options: JSON, argument 1. It says facts on standard output, a line of JSON each, and hears
 * commands on standard input: `go`, `status`, `finish`, `final`, `close`.
 */
import { appendFileSync, writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { createSocketInterconnect } from "../../adapters/interconnect_socket.ts";
import { type ClusterTimings, CohortError, type Database, type Node, openNode } from "../../mod.ts";
import { bankOf, CONTENT_LANES, contentAfter, contentOf, differenceOf } from "../process/crash/lanes.ts";
import { Clients, COUNTERS, type Ground, HOT_KEYS, stampOf, valueOf } from "./clients.ts";
import { calledNow, RecordFile, returnedNow } from "./record.ts";

/** What a member is told. */
export interface MemberOptions {
  /** Directory of everything. */
  readonly root: string;
  /** Name among the members. */
  readonly name: string;
  /** Begins the ids of its operations, and names its log. */
  readonly life: string;
  readonly seed: number;
  readonly poolBlocks: number;
  readonly durability: "sync" | "relaxed";
  readonly timings: ClusterTimings;
  /** Address its interconnect listens at; this host by default. */
  readonly host?: string;
  readonly bulkKeys: number;
  /** Part of the bulk that it loads: `[which, of how many]`; none for a later life. */
  readonly load?: readonly [number, number];
  readonly clients: number;
  /** Lanes it runs; the last operation that was answered, and whether one more was called. */
  readonly lanes: ReadonlyArray<{ readonly lane: number; readonly done: number; readonly called: number }>;
  /** Only mounts privately, when all have closed, and checks the structure. */
  readonly check?: boolean;
}

/** Events of the cluster that a driver is told, besides warnings and errors. */
const TOLD = /^(cluster\.|volume\.recovered|claim\.takeover)/;
/** Between two words on how many operations were answered. */
const TICK_MS = 250;
/** Sets of a load that are on their way at once. */
const LOADERS = 24;

function say(fact: object): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(fact)}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
    }
  }
}

function openMemberNode(options: MemberOptions): Promise<Node> {
  const { root, name, life, host } = options;
  const event = (event: string, severity: string, facts: object): void => {
    const ms = Date.now();
    appendFileSync(`${root}/${life}.events`, `${ms} ${severity} ${event} ${JSON.stringify(facts)}\n`);
    if (severity === "warn" || severity === "error" || TOLD.test(event)) {
      say({ what: "event", ms, event, severity, facts });
    }
  };
  return openNode({
    pij: `${root}/pij`,
    name,
    durability: options.durability,
    timings: options.timings,
    poolBytes: options.poolBlocks * 8192,
    segmentBytes: 4 << 20,
    checkpointBytes: 16 << 20,
    idleMs: 200,
  }, {
    observer: { traits: { version: 1 }, event, measure: () => {} },
    ...(host === undefined ? {} : { interconnect: () => createSocketInterconnect({ host }) }),
  });
}

/** A member at work. */
class MemberProcess {
  readonly #options: MemberOptions;
  readonly #node: Node;
  readonly #databases: { readonly a: Database; readonly b: Database };
  readonly #records: RecordFile;
  readonly #clients: Clients;
  readonly #from: Array<{ readonly lane: number; readonly from: number }> = [];

  constructor(options: MemberOptions, node: Node, databases: { a: Database; b: Database }) {
    this.#options = options;
    this.#node = node;
    this.#databases = databases;
    const { root, life, seed, bulkKeys } = options;
    this.#records = new RecordFile(`${root}/${life}.records`);
    const onProblem = (text: string): void => say({ what: "problem", text });
    this.#clients = new Clients(
      {
        node,
        databases,
        records: this.#records,
        life,
        seed,
        bulkKeys,
        onProblem,
      } satisfies Ground,
    );
  }

  /** Loads its part of the bulk. */
  async load(part: number, parts: number): Promise<void> {
    const bulk = this.#databases.a.global<string>("Bulk");
    let next = part;
    const loader = async (): Promise<void> => {
      for (let key = next; key < this.#options.bulkKeys; key = next) {
        next += parts;
        await bulk.set([key], valueOf("load", key));
      }
    };
    await Promise.all(Array.from({ length: LOADERS }, loader));
  }

  /** Compares what the lanes hold with what was answered. */
  async look(lanes: MemberOptions["lanes"]): Promise<void> {
    const { seed } = this.#options;
    const { counts } = await bankOf(this.#node, this.#databases);
    for (const { lane, done, called } of lanes) {
      if (lane >= CONTENT_LANES) {
        const [a, b] = counts[lane - CONTENT_LANES]!;
        if (a !== b || a < done || a > called) {
          say({
            what: "problem",
            text: `bank lane ${lane}: ${a} and ${b}, answered ${done}, called ${called}`,
          });
        }
        this.#from.push({ lane, from: a });
        continue;
      }
      const found = await contentOf(this.#databases, lane);
      const difference = differenceOf(contentAfter(seed, lane, done), found);
      const isNext = difference !== undefined && called > done &&
        differenceOf(contentAfter(seed, lane, called), found) === undefined;
      if (difference !== undefined && !isNext) {
        say({ what: "problem", text: `lane ${lane} after ${done}: ${difference}` });
      }
      this.#from.push({ lane, from: isNext ? called : done });
    }
  }

  async obey(line: string): Promise<void> {
    const { clients, seed } = this.#options;
    const [command, ...rest] = line.split(" ");
    if (command === "go") {
      this.#clients.begin(clients, this.#from, seed);
      setInterval(() => say({ what: "tick", answered: this.#records.answered }), TICK_MS);
    } else if (command === "status") this.sayStatus();
    else if (command === "finish") {
      await this.#clients.end();
      this.sayStatus();
      say({ what: "finished" });
    } else if (command === "final") {
      await this.#readAll(JSON.parse(rest[0]!));
      say({ what: "read" });
    } else if (command === "close") {
      await this.#node.close();
      say({ what: "closed" });
      process.exit(0);
    }
  }

  /** What it is doing. */
  sayStatus(): void {
    const now = Date.now();
    const oldest = [...this.#clients.inFlight].sort((a, b) => a[1].since - b[1].since).slice(0, 5)
      .map(([id, { asked, since }]) => `${id} ${JSON.stringify(asked).slice(0, 80)} for ${now - since} ms`);
    const { state, cause, cluster } = this.#node.status;
    say({
      what: "status",
      state,
      cause,
      answered: this.#records.answered,
      refusals: Object.fromEntries(this.#clients.refusals),
      oldest,
      cluster,
    });
  }

  /** Reads all that is shared, for the judge. */
  async #readAll(lanes: MemberOptions["lanes"]): Promise<void> {
    const { a, b } = this.#databases;
    for (const [name, keys] of [["Hot", HOT_KEYS], ["Bulk", this.#options.bulkKeys]] as const) {
      const global = a.global(name);
      for (let key = 0; key < keys; key++) {
        const called = calledNow();
        const value = stampOf(await global.get([key]), key);
        this.#records.write({ at: "read", key: `${name} ${key}`, value, called, ms: returnedNow() });
      }
    }
    const counters: number[] = [];
    for (let i = 0; i < COUNTERS; i++) counters.push(await b.global<number>("Count").get([i]) ?? 0);
    const lists: [string, string[]][] = [];
    for (const database of [a, b]) {
      for await (const [[key], list] of database.global<string[]>("List").entries()) {
        lists.push([String(key), list]);
      }
    }
    appendFileSync(`${this.#options.root}/final.json`, JSON.stringify({ counters, lists }));
    await this.look(lanes);
  }
}

async function main(options: MemberOptions): Promise<void> {
  const begun = performance.now();
  const node = await openMemberNode(options);
  // When all have closed it belongs to nobody.
  const mode = options.check === true ? "private" : "clustered";
  const a = await node.mount(`${options.root}/a`, { mode, create: true, extentBlocks: 256 });
  const b = await node.mount(`${options.root}/b`, { mode, create: true });
  if (options.check === true) return await check(node, [a, b]);
  const member = new MemberProcess(options, node, { a, b });
  const mountMs = Math.round(performance.now() - begun);
  say({ what: "mounted", pid: process.pid, incarnation: node.incarnation, mountMs });
  await member.look(options.lanes);
  if (options.load !== undefined) await member.load(...options.load);
  say({ what: "ready" });
  createInterface({ input: process.stdin }).on("line", (line) => member.obey(line).catch(fail));
  for await (const { state, cause } of node.status) {
    if (state === "stopped") fail(new Error(`stopped: ${cause}`));
  }
}

async function check(node: Node, databases: readonly Database[]): Promise<void> {
  let blocks = 0;
  for (const database of databases) {
    const report = await database.check();
    blocks += report.leaves + report.branches + report.valueBlocks;
    for (const { block, problem } of report.problems.slice(0, 10)) {
      say({ what: "problem", text: `${database.directory}, block ${block}: ${problem}` });
    }
  }
  await node.close();
  say({ what: "checked", blocks });
}

/** A member that cannot go on says why, and is started anew by the driver. */
function fail(error: unknown): void {
  const code = error instanceof CohortError ? error.code : "";
  say({
    what: "failed",
    code,
    text: error instanceof Error ? `${error.message}\n${error.stack}` : String(error),
  });
  process.exit(3);
}

if (import.meta.main) {
  process.on("unhandledRejection", fail);
  process.on("uncaughtException", fail);
  main(JSON.parse(process.argv[2]!) as MemberOptions).catch(fail);
}
