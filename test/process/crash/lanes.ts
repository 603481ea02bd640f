/**
 * Lanes: what a crash worker does, one operation after another, each fixed by (seed, lane, number).
 *
 * So what a lane has left after its first n operations can be worked out anywhere, and after a kill the
 * database must hold exactly that, for n = the last acknowledged operation or the one after it.
 */
import { Prng } from "../../support/prng.ts";
import type { Database, Global, Node, Subscript } from "../../../mod.ts";

/** How many lanes of which kind there are; the kinds stand in this order. */
export const LANES = { alone: 3, shared: 2, pair: 3, bank: 2 } as const;
/** Lanes whose whole content is checked; behind them come those of the bank. */
export const CONTENT_LANES: number = LANES.alone + LANES.shared + LANES.pair;
/** All lanes. */
export const LANE_COUNT: number = CONTENT_LANES + LANES.bank;

const SLOTS = 30;
const PARTS = 3;
const ACCOUNTS = 12;

/** One change of a lane. Without `stamp` a kill, of all below the key. */
interface Change {
  readonly key: readonly Subscript[];
  /** Stands for the value: who wrote it, and how long it is. */
  readonly stamp?: readonly [n: number, size: number];
}

/** What a lane has left, by the JSON of its keys; one map a database it writes to. */
export type Content = ReadonlyArray<Map<string, string>>;

/** A lane's place in its databases. */
interface Place {
  readonly name: string;
  readonly prefix: readonly Subscript[];
  readonly databases: readonly ("a" | "b")[];
}

function placeOf(lane: number): Place {
  if (lane < LANES.alone) return { name: `Alone${lane}`, prefix: [], databases: ["a"] };
  if (lane < LANES.alone + LANES.shared) return { name: "Shared", prefix: [lane], databases: ["b"] };
  return { name: "Pair", prefix: [lane], databases: ["a", "b"] };
}

function prngOf(seed: number, lane: number, n: number): Prng {
  return new Prng(Math.imul(seed, 0x9e3779b1) ^ Math.imul(lane + 1, 0x85ebca6b) ^ Math.imul(n, 0xc2b2ae35));
}

function drawChange(random: Prng, n: number): Change {
  const slot = random.below(SLOTS);
  const at: Subscript = slot % 3 === 0 ? `slot ${slot}` : slot;
  const draw = random.below(100);
  if (draw < 2) return { key: [] };
  if (draw < 14) return { key: [at] };
  const key = random.once(4) ? [at] : [at, random.below(PARTS)];
  const size = draw < 80
    ? random.below(60)
    : draw < 94
    ? random.below(1500)
    : draw < 98
    ? random.below(9_000)
    : random.below(40_000);
  return { key, stamp: [n, size] };
}

/**
 * The changes of a lane's operation n, by database. A pair lane changes both alike, and a few keys at once.
 */
function changesOf(seed: number, lane: number, n: number): Change[] {
  const random = prngOf(seed, lane, n);
  const count = lane < LANES.alone + LANES.shared ? 1 : 1 + random.below(4);
  return Array.from({ length: count }, () => drawChange(random, n));
}

function valueText([n, size]: readonly [number, number]): string {
  const text = `${n}:`;
  return text + "abcdefghijklmnopqrstuvwxyz".repeat(Math.ceil(size / 26)).slice(0, size);
}

/** What a lane has left after its first `n` operations. */
export function contentAfter(seed: number, lane: number, n: number): Content {
  const stamps = new Map<string, Change>();
  for (let at = 1; at <= n; at++) {
    for (const change of changesOf(seed, lane, at)) {
      if (change.stamp !== undefined) {
        stamps.set(JSON.stringify(change.key), change);
        continue;
      }
      for (const [text, { key }] of [...stamps]) {
        if (change.key.every((subscript, i) => subscript === key[i])) stamps.delete(text);
      }
    }
  }
  const content = new Map([...stamps].map(([text, { stamp }]) => [text, valueText(stamp!)]));
  return placeOf(lane).databases.map(() => content);
}

/** What a lane has left in fact. */
export async function contentOf(databases: { a: Database; b: Database }, lane: number): Promise<Content> {
  const place = placeOf(lane);
  const content: Map<string, string>[] = [];
  for (const which of place.databases) {
    const found = new Map<string, string>();
    for await (const [key, value] of databases[which].global(place.name).entries(place.prefix)) {
      found.set(JSON.stringify(key.slice(place.prefix.length)), String(value));
    }
    content.push(found);
  }
  return content;
}

/** The first difference between two contents, or undefined. */
export function differenceOf(wanted: Content, found: Content): string | undefined {
  for (const [i, content] of wanted.entries()) {
    const other = found[i]!;
    for (const [key, value] of content) {
      const there = other.get(key);
      if (there !== value) return `database ${i}, ${key}: ${short(there)} instead of ${short(value)}`;
    }
    for (const key of other.keys()) if (!content.has(key)) return `database ${i}, ${key}: too much`;
  }
  return undefined;
}

function short(value: string | undefined): string {
  return value === undefined ? "nothing" : `${value.slice(0, 8)}… (${value.length})`;
}

/** Runs operation n of a lane; it is acknowledged when this resolves. */
export async function runOperation(
  node: Node,
  databases: { a: Database; b: Database },
  seed: number,
  lane: number,
  n: number,
): Promise<void> {
  if (lane >= CONTENT_LANES) return await transfer(node, databases, prngOf(seed, lane, n), lane, n);
  const place = placeOf(lane);
  const globals = place.databases.map((which) => databases[which].global<string>(place.name));
  const changes = changesOf(seed, lane, n);
  if (globals.length === 1) return await changeOne(globals[0]!, place.prefix, changes[0]!);
  await node.transact(async (tx) => {
    for (const global of globals) {
      const inside = tx.global(global);
      for (const { key, stamp } of changes) {
        const whole = [...place.prefix, ...key];
        if (stamp === undefined) await inside.kill(whole);
        else await inside.set(whole, valueText(stamp));
      }
    }
  });
}

async function changeOne(
  global: Global<string>,
  prefix: readonly Subscript[],
  change: Change,
): Promise<void> {
  const whole = [...prefix, ...change.key];
  if (change.stamp === undefined) await global.kill(whole);
  else await global.set(whole, valueText(change.stamp));
}

/** Moves an amount between two accounts of the two databases, and counts the lane's transfers in both. */
async function transfer(
  node: Node,
  databases: { a: Database; b: Database },
  random: Prng,
  lane: number,
  n: number,
): Promise<void> {
  const [from, to] = random.once(2) ? ["a", "b"] as const : ["b", "a"] as const;
  const payer = random.below(ACCOUNTS), payee = random.below(ACCOUNTS), amount = random.below(100, 1);
  await node.transact(async (tx) => {
    const source = tx.global(databases[from].global<number>("Bank"));
    const target = tx.global(databases[to].global<number>("Bank"));
    await source.set([payer], (await source.get([payer]) ?? 0) - amount);
    await target.set([payee], (await target.get([payee]) ?? 0) + amount);
    await source.set(["count", lane], n);
    await target.set(["count", lane], n);
  });
}

/** What the bank has: the sum of all accounts (always 0) and each bank lane's count in both databases. */
export async function bankOf(
  node: Node,
  databases: { a: Database; b: Database },
): Promise<{ sum: number; counts: readonly (readonly [number, number])[] }> {
  return await node.transact(async (tx) => {
    let sum = 0;
    const banks = [databases.a, databases.b].map((database) => tx.global(database.global<number>("Bank")));
    for (const bank of banks) {
      for (let account = 0; account < ACCOUNTS; account++) sum += await bank.get([account]) ?? 0;
    }
    const counts: [number, number][] = [];
    for (let lane = CONTENT_LANES; lane < LANE_COUNT; lane++) {
      counts.push([await banks[0]!.get(["count", lane]) ?? 0, await banks[1]!.get(["count", lane]) ?? 0]);
    }
    return { sum, counts };
  }, { readOnly: true });
}
