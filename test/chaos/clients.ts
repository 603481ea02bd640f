/**
 * Clients: what a member does under chaos. Each client does one operation after the other and writes down
 * each before it begins and when it is answered, before the next one begins.
 */
import { CohortError, type Database, type Node } from "../../mod.ts";
import type { ListStep } from "../../src/testing/sim/check/serial.ts";
import { bankOf, CONTENT_LANES, runOperation } from "../process/crash/lanes.ts";
import { Prng } from "../support/prng.ts";
import { type Asked, calledNow, type RecordFile, returnedNow } from "./record.ts";

/** Keys that all members write all the time; counters; lists that are open at a time; their longest. */
export const HOT_KEYS = 24, COUNTERS = 6, LISTS = 4, LIST_MS = 1_500;
/** Bytes of values: most fit into a leaf, every fourth has blocks of its own. */
const LEAF_VALUE = 1_700, LARGE_VALUE = 9_000;
/** Codes that say that a call was not done, and may be made again. */
const REFUSED = new Set(["CONFLICT", "FULL", "TRANSACTION_TOO_LARGE", "FROZEN"]);
/** Codes that say that the node has ended. */
const ENDED = new Set(["STOPPED", "CLOSED", "FENCED", "NOT_MOUNTED", "OUTCOME_UNKNOWN"]);

/** What clients work on. */
export interface Ground {
  readonly node: Node;
  readonly databases: { readonly a: Database; readonly b: Database };
  readonly records: RecordFile;
  /** Which life of which member: begins the ids of all its operations. */
  readonly life: string;
  /** Of the content of lanes: the same for all lives. */
  readonly seed: number;
  /** Keys of the bulk of the data. */
  readonly bulkKeys: number;
  /** Something that is wrong at once. */
  readonly onProblem: (text: string) => void;
}

/** How many blocks take how many keys of bulk. */
export function bulkKeysFor(blocks: number): number {
  return Math.ceil(blocks * 1.7);
}

/** A value nobody else writes, long enough to split leaves; its stamp is what records name it by. */
export function valueOf(stamp: string, key: number): string {
  return `${stamp}|`.padEnd(key % 4 === 0 ? LARGE_VALUE : LEAF_VALUE, "abcdefghijklmnopqrstuvwxyz");
}

/** The stamp of a value; "none" for no value, and a text of its own for one that is not whole. */
export function stampOf(value: unknown, key: number): string {
  if (value === undefined) return "none";
  const stamp = String(value).split("|")[0]!;
  return value === valueOf(stamp, key) ? stamp : `${stamp} (broken, ${String(value).length} characters)`;
}

/** The clients of one life of a member. */
export class Clients {
  readonly #ground: Ground;
  readonly #clients: Promise<void>[] = [];
  /** What is being done, by the id of the operation, and since when. */
  readonly inFlight: Map<string, { readonly asked: Asked | string; readonly since: number }> = new Map();
  /** Answers that were refusals, by code. */
  readonly refusals: Map<string, number> = new Map();
  #isOver = false;
  #number = 0;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Begins: clients on what all share, and one a lane. */
  begin(
    clients: number,
    lanes: ReadonlyArray<{ readonly lane: number; readonly from: number }>,
    seed: number,
  ): void {
    for (let i = 0; i < clients; i++) this.#clients.push(this.#share(new Prng(seed + i)));
    for (const { lane, from } of lanes) this.#clients.push(this.#runLane(lane, from));
  }

  /** Ends when every client has ended its last operation. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #share(random: Prng): Promise<void> {
    while (!this.#isOver) {
      const draw = random.below(100);
      if (draw < 30) await this.#read("Hot", random.below(HOT_KEYS));
      else if (draw < 42) await this.#set("Hot", random.below(HOT_KEYS));
      else if (draw < 57) await this.#read("Bulk", random.below(this.#ground.bulkKeys));
      else if (draw < 67) await this.#set("Bulk", random.below(this.#ground.bulkKeys));
      else if (draw < 82) await this.#increment(random.below(COUNTERS));
      else if (draw < 97) await this.#lists(random);
      else await this.#readBank();
    }
  }

  async #runLane(lane: number, from: number): Promise<void> {
    const { node, databases, seed } = this.#ground;
    for (let n = from + 1; !this.#isOver; n++) {
      await this.#ask({ op: "lane", lane, n }, () => runOperation(node, databases, seed, lane, n));
    }
  }

  /** Reads one key; a read that fails says nothing. */
  async #read(global: string, key: number): Promise<void> {
    const called = calledNow();
    const id = this.#begin(`get ${global} ${key}`);
    try {
      const value = stampOf(await this.#ground.databases.a.global(global).get([key]), key);
      this.#ground.records.write({ at: "read", key: `${global} ${key}`, value, called, ms: returnedNow() });
    } catch (error) {
      this.#refused(error);
    }
    this.inFlight.delete(id);
  }

  #set(global: string, key: number): Promise<void> {
    const value = `${this.#ground.life}.${++this.#number}`;
    const set = () => this.#ground.databases.a.global(global).set([key], valueOf(value, key));
    return this.#ask({ op: "set", key: `${global} ${key}`, value }, set);
  }

  #increment(counter: number): Promise<void> {
    const count = this.#ground.databases.b.global<number>("Count");
    return this.#ask({ op: "increment", counter: `${counter}` }, () => count.increment([counter]));
  }

  /** Reads some of the lists that are open now, and appends to some. */
  #lists(random: Prng): Promise<void> {
    const { node, databases, life } = this.#ground;
    const open = Math.floor(Date.now() / LIST_MS) * LISTS;
    const steps: ListStep[] = [];
    for (let i = random.below(4, 1); i > 0; i--) {
      const key = `${open + random.below(LISTS)}`;
      const element = `${life}.${++this.#number}`;
      steps.push(random.once(3) ? { kind: "read", key, list: [] } : { kind: "append", key, element });
    }
    return this.#ask({ op: "lists", steps }, () =>
      node.transact(async (tx) => {
        const lists = [databases.a, databases.b].map((it) => tx.global(it.global<string[]>("List")));
        const seen: ListStep[] = [];
        for (const step of steps) {
          const global = lists[Number(step.key) % 2]!;
          const list = await global.get([step.key]) ?? [];
          if (step.kind === "append") await global.set([step.key], [...list, step.element]);
          seen.push(step.kind === "append" ? step : { ...step, list });
        }
        return seen;
      }));
  }

  /** All accounts of all lanes at one instant: they add up to nothing. */
  async #readBank(): Promise<void> {
    const id = this.#begin("bank");
    try {
      const { sum, counts } = await bankOf(this.#ground.node, this.#ground.databases);
      if (sum !== 0) this.#ground.onProblem(`the accounts add up to ${sum}`);
      for (const [lane, [a, b]] of counts.entries()) {
        if (a !== b) this.#ground.onProblem(`bank lane ${lane + CONTENT_LANES} counts ${a} and ${b}`);
      }
      this.#ground.records.answered++;
    } catch (error) {
      this.#refused(error);
    }
    this.inFlight.delete(id);
  }

  /** One operation that changes something, with a record before and after it. */
  async #ask(asked: Asked, run: () => Promise<unknown>): Promise<void> {
    const id = this.#begin(asked);
    const { records } = this.#ground;
    records.write({ at: "call", id, ms: calledNow(), asked });
    try {
      const given = await run();
      records.write({ at: "return", id, ms: returnedNow(), ...(given === undefined ? {} : { given }) });
    } catch (error) {
      const code = this.#refused(error);
      if (REFUSED.has(code)) records.write({ at: "failed", id, code });
      // What a lane has reached is not known any more: its next life looks.
      if (asked.op === "lane") throw error;
    }
    this.inFlight.delete(id);
  }

  #begin(asked: Asked | string): string {
    const id = `${this.#ground.life}.${++this.#number}`;
    this.inFlight.set(id, { asked, since: Date.now() });
    return id;
  }

  /** Counts a refusal; after one of the node as a whole nothing is asked any more. */
  #refused(error: unknown): string {
    if (!(error instanceof CohortError)) throw error;
    const { code } = error;
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    if (REFUSED.has(code)) return code;
    this.#isOver = true;
    if (!ENDED.has(code)) this.#ground.onProblem(`a client was told ${code}: ${error.message}`);
    return code;
  }
}
