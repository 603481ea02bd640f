/** The judge: whether what all lives of all members were told can be the story of one database. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { checkCounter, type IncrementOp } from "../../src/testing/sim/check/counters.ts";
import { checkSerial, type ListStep, type ListTransaction } from "../../src/testing/sim/check/serial.ts";
import type { Asked } from "./record.ts";
import { recordsOf } from "./record.ts";
import { checkKey, type KeyRead, type KeyWrite } from "./zones.ts";

/** What was found by the last reader. */
export interface Final {
  readonly counters: readonly number[];
  readonly lists: ReadonlyArray<readonly [string, readonly string[]]>;
}

/** What a judge says. */
export interface Judgement {
  /** Operations answered, and those of which nobody knows. */
  readonly answered: number;
  readonly unknown: number;
  readonly problems: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Op {
  readonly asked: Asked;
  readonly called: number;
  returned: number | undefined;
  given: unknown;
  isFailed: boolean;
}

/** Everything that was written down, by what it is about. */
class Story {
  readonly ops: Map<string, Op> = new Map();
  readonly reads: Map<string, KeyRead[]> = new Map();
  answered = 0;

  read(path: string): void {
    for (const record of recordsOf(path)) {
      if (record.at === "call") {
        const { id, ms, asked } = record;
        this.ops.set(id, { asked, called: ms, returned: undefined, given: undefined, isFailed: false });
      } else if (record.at === "read") {
        const { key, value, called, ms } = record;
        listAt(this.reads, key).push({ value, called, returned: ms });
        this.answered++;
      } else {
        const op = this.ops.get(record.id)!;
        if (record.at === "failed") op.isFailed = true;
        else {
          op.returned = record.ms;
          op.given = record.given;
          this.answered++;
        }
      }
    }
  }
}

function listAt<T>(map: Map<string, T[]>, key: string): T[] {
  let list = map.get(key);
  if (list === undefined) map.set(key, list = []);
  return list;
}

/** Judges the logs in a directory; without a last reader's word only what was told. */
export function judge(root: string): Judgement {
  const story = new Story();
  for (const name of readdirSync(root)) if (name.endsWith(".records")) story.read(`${root}/${name}`);
  const path = `${root}/final.json`;
  const final: Final | undefined = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  const problems = [...judgeKeys(story), ...judgeCounters(story, final)];
  if (final !== undefined) problems.push(...judgeLists(story, final));
  else problems.push("nobody read all in the end");
  const all = [...story.ops.values()];
  const unknown = all.filter((op) => op.returned === undefined && !op.isFailed).length;
  return { answered: story.answered, unknown, problems };
}

function judgeKeys(story: Story): string[] {
  const writes = new Map<string, KeyWrite[]>();
  for (const { asked, called, returned, isFailed } of story.ops.values()) {
    if (asked.op !== "set" || isFailed) continue;
    listAt(writes, asked.key).push({ value: asked.value, called, returned: returned ?? Infinity });
  }
  const keys = new Set([...writes.keys(), ...story.reads.keys()]);
  return [...keys].flatMap((key) => {
    const initial = key.startsWith("Bulk") ? "load" : "none";
    return checkKey(key, initial, writes.get(key) ?? [], story.reads.get(key) ?? []);
  });
}

function judgeCounters(story: Story, final: Final | undefined): string[] {
  const counters = new Map<string, IncrementOp[]>();
  for (const { asked, called, returned, given, isFailed } of story.ops.values()) {
    if (asked.op !== "increment" || isFailed) continue;
    const result = returned === undefined ? undefined : Number(given);
    listAt(counters, asked.counter).push({ called, returned, result });
  }
  return [...counters].flatMap(([counter, ops]) =>
    checkCounter({ initial: 0, ops, final: final?.counters[Number(counter)], mayForget: false })
      .map((problem) => `counter ${counter}: ${problem}`)
  );
}

function judgeLists(story: Story, final: Final): string[] {
  const transactions: Mutable<ListTransaction>[] = [];
  for (const { asked, called, returned, given, isFailed } of story.ops.values()) {
    if (asked.op !== "lists") continue;
    const steps = given === undefined ? asked.steps : given as ListStep[];
    const outcome = isFailed ? "failed" : returned === undefined ? "unknown" : "done";
    transactions.push({ steps, called, returned, outcome });
  }
  return checkSerial(transactions, new Map(final.lists));
}
