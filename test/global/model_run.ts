/** A seeded run of every operation of a global against the plainest model of one. */
import { assert, assertEquals } from "@std/assert";
import {
  type Direction,
  type Global,
  isCode,
  type Subscript,
  type Transaction,
  type TransactionGlobal,
  type Value,
} from "../../mod.ts";
import { type Atom, atomOf, atomsOf, textOfKey } from "../../src/testing/sim/model/collation.ts";
import { GlobalModel, sameAtom } from "../../src/testing/sim/model/global_model.ts";
import { type SimValue, textOfValue } from "../../src/testing/sim/model/values.ts";
import type { Prng } from "../support/prng.ts";
import type { Rig } from "./rig.ts";

/** What a run draws from. */
export interface Shape {
  readonly subscripts: (prng: Prng) => Subscript[];
  readonly value: (prng: Prng) => Value;
  /** Out of 100: how often a set is drawn. */
  readonly sets: number;
}

/** The reading and writing that globals and transaction globals share. */
type Face = Global<Value> | TransactionGlobal<Value>;

/** Nodes up to which globals are merged. */
const MERGED_NODES_MAX = 1_500;

class Planned extends Error {}

/** The global and its model, side by side. */
export class Pair {
  readonly face: Face;
  readonly model: GlobalModel;
  readonly #shape: Shape;
  readonly #prng: Prng;
  /** The operation under way, for messages. */
  doing = "transaction, merge or increment";

  constructor(face: Face, model: GlobalModel, shape: Shape, prng: Prng) {
    this.face = face;
    this.model = model;
    this.#shape = shape;
    this.#prng = prng;
  }

  /** One write or read, compared. */
  async step(): Promise<void> {
    const draw = this.#prng.below(100);
    if (draw < this.#shape.sets) return await this.set();
    const rest = (draw - this.#shape.sets) / (100 - this.#shape.sets);
    if (rest < 0.2) return await this.get();
    if (rest < 0.3) return await this.kill();
    if (rest < 0.4) return await this.zkill();
    if (rest < 0.5) return await this.data();
    if (rest < 0.7) return await this.order();
    if (rest < 0.9) return await this.query();
    return await this.entries();
  }

  async set(): Promise<void> {
    this.doing = "set";
    const subscripts = this.#draw();
    const value = this.#shape.value(this.#prng);
    await this.face.set(subscripts, value);
    this.model.set(atomsOf(subscripts), value as SimValue);
  }

  async get(): Promise<void> {
    this.doing = "get";
    const subscripts = this.#draw();
    const value = await this.face.get(subscripts);
    same(`get ${textOfKey(atomsOf(subscripts))}`, value, this.model.get(atomsOf(subscripts)));
  }

  async kill(): Promise<void> {
    this.doing = "kill";
    let subscripts = this.#draw();
    subscripts = subscripts.slice(0, this.#prng.below(subscripts.length + 1));
    if (subscripts.length === 0 && !this.#prng.once(8)) return;
    await this.face.kill(subscripts);
    this.model.kill(atomsOf(subscripts));
  }

  async zkill(): Promise<void> {
    this.doing = "zkill";
    const subscripts = this.#draw();
    await this.face.zkill(subscripts);
    this.model.zkill(atomsOf(subscripts));
  }

  async data(): Promise<void> {
    this.doing = "data";
    let subscripts = this.#draw();
    subscripts = subscripts.slice(0, this.#prng.below(subscripts.length + 1));
    const key = atomsOf(subscripts);
    assertEquals(await this.face.data(subscripts) as number, this.model.data(key), `data ${textOfKey(key)}`);
  }

  async order(): Promise<void> {
    this.doing = "order";
    const subscripts = this.#draw();
    if (subscripts.length === 0) return;
    if (this.#prng.once(4)) subscripts[subscripts.length - 1] = "";
    const direction = this.#direction();
    const key = atomsOf(subscripts);
    const found = await this.face.order(subscripts, direction);
    const wanted = this.model.order(key, direction);
    const what = `order ${textOfKey(key)} ${direction}: ${String(found)}, not ${wanted?.text}`;
    assert(sameAtom(found === undefined ? undefined : atomOf(found), wanted), what);
  }

  async query(): Promise<void> {
    this.doing = "query";
    const subscripts = this.#draw();
    if (subscripts.length > 0 && this.#prng.once(6)) subscripts[subscripts.length - 1] = "";
    const direction = this.#direction();
    const found = await this.face.query(subscripts, direction);
    const wanted = this.model.query(atomsOf(subscripts), direction);
    const what = `query ${textOfKey(atomsOf(subscripts))} ${direction}`;
    assertEquals(keyText(found), wanted === undefined ? "none" : textOfKey(wanted.key), what);
  }

  /** Some entries of a subtree; of a whole global only as many as are asked for. */
  async entries(limit: number = this.#prng.below(30)): Promise<void> {
    this.doing = "entries";
    let subscripts = this.#draw();
    subscripts = subscripts.slice(0, this.#prng.below(subscripts.length + 1));
    const reverse = "merge" in this.face && this.#prng.once(2);
    const wanted = this.model.within(atomsOf(subscripts));
    if (reverse) wanted.reverse();
    const source = "merge" in this.face
      ? this.face.entries(subscripts, { limit, reverse })
      : this.face.entries(subscripts);
    let at = 0;
    for await (const [key, value] of source) {
      if (at === limit) break;
      const what = `entries ${textOfKey(atomsOf(subscripts))}${reverse ? " reverse" : ""} at ${at}`;
      assertEquals(keyText(key), wanted[at] === undefined ? "none" : textOfKey(wanted[at]!.key), what);
      same(what, value, wanted[at++]!.value);
    }
    assertEquals(at, Math.min(limit, wanted.length), `entries ${textOfKey(atomsOf(subscripts))}`);
  }

  #draw(): Subscript[] {
    return this.#shape.subscripts(this.#prng);
  }

  #direction(): Direction {
    return this.#prng.once(2) ? 1 : -1;
  }
}

/** How to run. */
export interface RunOptions {
  readonly operations: number;
  readonly shape: Shape;
  /** Whether transactions are drawn too. */
  readonly transactions: boolean;
}

/** Runs operations over two globals, compares every answer, and in the end all there is. */
export async function runModel(rig: Rig, prng: Prng, options: RunOptions): Promise<void> {
  const names = ["A", "B"];
  let models = new Map(names.map((name) => [name, new GlobalModel()]));
  for (let at = 0; at < options.operations; at++) {
    const name = prng.once(4) ? "B" : "A";
    const pair = new Pair(rig.global(name), models.get(name)!, options.shape, prng);
    const draw = prng.below(100);
    try {
      if (options.transactions && draw < 8) models = await runTransaction(rig, prng, options.shape, models);
      else if (draw < 10) await runMerge(rig, prng, options.shape, models);
      else if (draw < 14) await runIncrement(rig, prng, models);
      else await pair.step();
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error);
      throw new Error(`Operation ${at}, ${pair.doing}: ${told}`, { cause: error });
    }
  }
  for (const [name, model] of models) await assertSame(rig.global(name), model);
}

/** Compares all of a global with its model, both ways. */
export async function assertSame(global: Global<Value>, model: GlobalModel): Promise<void> {
  let at = 0;
  for await (const [key, value] of global.entries()) {
    const wanted = model.all[at++];
    assertEquals(keyText(key), wanted === undefined ? "none" : textOfKey(wanted.key), `entry ${at}`);
    same(`value of ${keyText(key)}`, value, wanted!.value);
  }
  assertEquals(at, model.size, "number of entries");
  for await (const batch of global.entries([], { reverse: true }).batches()) {
    for (const [key] of batch) assertEquals(keyText(key), textOfKey(model.all[--at]!.key), "reverse");
  }
  assertEquals(at, 0, "number of entries, backwards");
}

async function runTransaction(
  rig: Rig,
  prng: Prng,
  shape: Shape,
  before: Map<string, GlobalModel>,
): Promise<Map<string, GlobalModel>> {
  const models = new Map([...before].map(([name, model]) => [name, model.clone()]));
  const fails = prng.once(6);
  const body = async (transaction: Transaction): Promise<void> => {
    const steps = prng.below(12);
    let saved = { mark: transaction.savepoint(), models: cloned(models) };
    for (let i = 0; i < steps; i++) {
      const name = prng.once(3) ? "B" : "A";
      const pair = new Pair(transaction.global(rig.global(name)), models.get(name)!, shape, prng);
      await pair.step();
      if (prng.once(8)) saved = { mark: transaction.savepoint(), models: cloned(models) };
      else if (prng.once(10)) {
        transaction.rollbackTo(saved.mark);
        for (const [key, model] of cloned(saved.models)) models.set(key, model);
      }
    }
    if (fails) throw new Planned();
  };
  try {
    await rig.node.transact(body, { attempts: 1 });
    return models;
  } catch (error) {
    // What is too large for the pool is refused whole.
    if (error instanceof Planned || isCode(error, "TRANSACTION_TOO_LARGE")) return before;
    throw error;
  }
}

function cloned(models: Map<string, GlobalModel>): Map<string, GlobalModel> {
  return new Map([...models].map(([name, model]) => [name, model.clone()]));
}

async function runMerge(
  rig: Rig,
  prng: Prng,
  shape: Shape,
  models: Map<string, GlobalModel>,
): Promise<void> {
  const from = shape.subscripts(prng).slice(0, prng.below(3));
  const to = shape.subscripts(prng).slice(0, prng.below(3));
  const name = prng.once(3) ? "A" : "B";
  const into = models.get("A")!;
  // A global that would double again and again is enough once.
  if (models.get(name)!.size + into.size > MERGED_NODES_MAX) return;
  try {
    await rig.global("A").merge(to, rig.global(name), from);
  } catch (error) {
    // One lies below the other, or a key would be too long: nothing has changed, as the end will show.
    if (error instanceof TypeError || error instanceof RangeError) return;
    throw error;
  }
  into.merge(atomsOf(to), models.get(name)!, atomsOf(from));
}

async function runIncrement(rig: Rig, prng: Prng, models: Map<string, GlobalModel>): Promise<void> {
  const subscripts = ["counter", prng.below(5)];
  const key = atomsOf(subscripts);
  const old = models.get("B")!.get(key);
  if (old !== undefined && typeof old !== "number") return;
  const by = prng.below(7, -3);
  const sum = await rig.global("B").increment(subscripts, by);
  assertEquals(sum, (old ?? 0) + by, `increment ${textOfKey(key)}`);
  models.get("B")!.set(key, sum);
}

function keyText(key: readonly Subscript[] | undefined): string {
  return key === undefined ? "none" : textOfKey(key.map((it): Atom => atomOf(it)));
}

function same(what: string, found: unknown, wanted: unknown): void {
  assertEquals(textOfValue(found), textOfValue(wanted), what);
}
