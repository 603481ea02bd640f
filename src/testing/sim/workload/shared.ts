/** What clients do to keys that all of them use: registers, counters, lists in pairs, slots. */
import { textOfValue } from "../model/values.ts";
import type { Subscript } from "../model/collation.ts";
import type { Prng } from "../prng.ts";
import { attempt, type ClientContext, DoomedError } from "./calls.ts";
import { drawValue, type ValueSizes } from "./draw.ts";
import { listAt, type Open } from "./history.ts";
import type { Place } from "./region.ts";
import type { SubjectReader, SubjectTransaction } from "./subject.ts";
import type { RegisterOp } from "../check/registers.ts";
import type { ListStep } from "../check/serial.ts";

/** Where the shared keys are. The two halves of a list lie in two databases where there are two. */
export interface SharedPlaces {
  readonly registers: Place;
  readonly counters: Place;
  readonly listsA: Place;
  readonly listsB: Place;
  readonly slots: Place;
  /** How many keys of each sort there are. */
  readonly keys: number;
}

/** Where they are when there are so many databases. */
export function sharedPlaces(databases: number, keys: number): SharedPlaces {
  const place = (global: string, database: number): Place => ({ database, global, prefix: [] });
  return {
    registers: place("Register", 0),
    counters: place("Counter", databases - 1),
    listsA: place("ListA", 0),
    listsB: place("ListB", databases - 1),
    slots: place("Slot", 0),
    keys,
  };
}

/** Reads or changes one register, or reads them all in one go. */
export async function onRegister(
  context: ClientContext,
  client: string,
  places: SharedPlaces,
  chance: Prng,
  sizes: ValueSizes,
  id: string,
): Promise<void> {
  const global = context.global(places.registers);
  const key = chance.below(places.keys);
  const kind = chance.weighted([5, 5, 1, 1]);
  if (kind === 3) return await scanRegisters(context, client, places);
  const value = kind === 1 ? drawValue(chance, id, sizes) : undefined;
  const op: Open<RegisterOp> = {
    kind: kind === 0 ? "read" : "write",
    value: textOfValue(value),
    called: context.history.tick(),
    returned: undefined,
  };
  const ops = listAt(context.history.registers, String(key));
  if (kind !== 0) ops.push(op);
  const name = `${["get", "set", "kill"][kind]} register ${key}`;
  const ended = await attempt(context, client, name, async () => {
    if (kind === 0) return textOfValue(await global.get([key]));
    if (kind === 1) await global.set([key], value ?? null);
    else await global.kill([key]);
    return "";
  });
  if (ended.kind === "done") {
    op.returned = context.history.tick();
    if (kind === 0) ops.push({ ...op, value: ended.value });
  } else if (ended.kind === "failed" && kind !== 0) {
    ops.splice(ops.indexOf(op), 1);
  }
}

/** Each register is read at some instant of the scan. */
async function scanRegisters(context: ClientContext, client: string, places: SharedPlaces): Promise<void> {
  const global = context.global(places.registers);
  const called = context.history.tick();
  const ended = await attempt(context, client, "entries registers", async () => {
    const seen = new Map<string, string>();
    for await (const [subscripts, value] of global.entries()) {
      seen.set(String(subscripts[0]), textOfValue(value));
    }
    return seen;
  }, (seen) => [...seen].join(";"));
  if (ended.kind !== "done") return;
  const returned = context.history.tick();
  for (let key = 0; key < places.keys; key++) {
    const value = ended.value.get(String(key)) ?? "undefined";
    listAt(context.history.registers, String(key)).push({ kind: "read", value, called, returned });
  }
}

/** Adds one to a counter. */
export async function onCounter(
  context: ClientContext,
  client: string,
  places: SharedPlaces,
  chance: Prng,
): Promise<void> {
  const key = chance.below(Math.max(1, places.keys >> 1));
  const ops = listAt(context.history.counters, String(key));
  const op: { called: number; returned: number | undefined; result: number | undefined } = {
    called: context.history.tick(),
    returned: undefined,
    result: undefined,
  };
  ops.push(op);
  const name = `increment counter ${key}`;
  const ended = await attempt(
    context,
    client,
    name,
    async () => Number(await context.global(places.counters).increment([key], 1)),
  );
  if (ended.kind === "done") {
    op.result = ended.value;
    op.returned = context.history.tick();
  } else if (ended.kind === "failed") {
    ops.splice(ops.indexOf(op), 1);
  }
}

/** Takes the slot behind the last one: two transactions may never take the same. */
export async function onSlot(
  context: ClientContext,
  client: string,
  places: SharedPlaces,
  id: string,
): Promise<void> {
  const { history } = context;
  const record = {
    id: "",
    slot: undefined as number | undefined,
    called: history.tick(),
    returned: undefined as number | undefined,
    outcome: "unknown" as "done" | "failed" | "unknown",
  };
  history.slots.push(record);
  const slots = context.global(places.slots);
  let run = 0;
  const ended = await attempt(
    context,
    client,
    `slot ${id}`,
    () =>
      context.node.transact(async (transaction) => {
        const own = transaction.global(slots);
        const last = await own.order([""], -1);
        record.slot = Number(last ?? 0) + 1;
        record.id = `${id}r${++run}`;
        await own.set([record.slot], record.id);
      }),
  );
  record.outcome = ended.kind;
  if (ended.kind === "done") record.returned = history.tick();
}

/** The two halves of a list inside a transaction, and what was done to them. */
export class ListPair {
  readonly #a: SubjectReader;
  readonly #b: SubjectReader;
  readonly steps: ListStep[] = [];

  constructor(context: ClientContext, transaction: SubjectTransaction, places: SharedPlaces) {
    this.#a = transaction.global(context.global(places.listsA));
    this.#b = transaction.global(context.global(places.listsB));
  }

  /** Reads both halves, with `pause` between them: they are always written together. */
  async read(key: number, pause: () => Promise<void>): Promise<string[]> {
    const subscripts: Subscript[] = [key];
    const a = await this.#a.get(subscripts);
    await pause();
    const b = await this.#b.get(subscripts);
    if (a !== b) throw new DoomedError(`list ${key} is ${textOfValue(a)} here and ${textOfValue(b)} there`);
    const list = elementsOf(a);
    this.steps.push({ kind: "read", key: String(key), list });
    return list;
  }

  /** Appends to both halves. */
  async append(key: number, element: string, pause: () => Promise<void>): Promise<void> {
    const text = [...await this.read(key, pause), element].join(",");
    await this.#a.set([key], text);
    await this.#b.set([key], text);
    this.steps.push({ kind: "append", key: String(key), element });
  }
}

/** Elements of a stored list. */
export function elementsOf(value: unknown): string[] {
  return typeof value === "string" && value !== "" ? value.split(",") : [];
}
