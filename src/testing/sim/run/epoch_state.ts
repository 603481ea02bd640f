/** What is known of the shared keys when an epoch begins, and the judgement of them when it ends. */
import { checkCounter } from "../check/counters.ts";
import { checkRegister } from "../check/registers.ts";
import { checkSerial, type ListTransaction } from "../check/serial.ts";
import type { History, SlotRecord } from "../workload/history.ts";

/** The shared keys as they were found. */
export interface SharedState {
  readonly registers: ReadonlyMap<string, string>;
  readonly counters: ReadonlyMap<string, number>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** Who took each slot. */
  readonly slots: ReadonlyMap<number, string>;
}

/** Nothing anywhere. */
export const NOTHING: SharedState = {
  registers: new Map(),
  counters: new Map(),
  lists: new Map(),
  slots: new Map(),
};

/**
 * Judges the shared operations of an epoch between what was found before and after it. `mayForget` says that
 * the latest effects may be gone (relaxed durability, and the host or a sync was lost).
 */
export function judgeShared(
  history: History,
  before: SharedState,
  after: SharedState,
  mayForget: boolean,
): void {
  const { problems } = history;
  const end = history.tick();
  for (const key of keysOf(history.registers, before.registers, after.registers)) {
    const ops = history.registers.get(key) ?? [];
    const initial = before.registers.get(key) ?? "undefined";
    const value = after.registers.get(key) ?? "undefined";
    const last = { kind: "read" as const, value, called: end, returned: end + 1 };
    const found = checkRegister(initial, mayForget ? ops : [...ops, last]);
    if (found !== undefined) problems.add("registers", `register ${key}: ${found}`);
    const known = value === initial || ops.some((op) => op.kind === "write" && op.value === value);
    if (!known) problems.add("registers", `register ${key} holds ${value}, which nobody wrote`);
  }
  for (const key of keysOf(history.counters, before.counters, after.counters)) {
    const ops = history.counters.get(key) ?? [];
    const epoch = {
      initial: before.counters.get(key) ?? 0,
      ops,
      final: after.counters.get(key) ?? 0,
      mayForget,
    };
    for (const text of checkCounter(epoch)) problems.add("counters", `counter ${key}: ${text}`);
  }
  judgeLists(history, before, after, mayForget);
  judgeSlots(history, before, after, mayForget);
}

function keysOf(...maps: ReadonlyMap<string, unknown>[]): Set<string> {
  const keys = new Set<string>();
  for (const map of maps) for (const key of map.keys()) keys.add(key);
  return keys;
}

function judgeLists(history: History, before: SharedState, after: SharedState, mayForget: boolean): void {
  const first: ListTransaction = {
    steps: [...before.lists].flatMap(([key, list]) =>
      list.map((element) => ({ kind: "append" as const, key, element }))
    ),
    called: 0,
    returned: 0,
    outcome: "done",
  };
  const transactions: ListTransaction[] = [first, ...history.lists];
  const finals = new Map(after.lists);
  if (mayForget) {
    // The longest list anyone saw stands for the end that was lost; what was found must be a beginning of it,
    // or go on from it.
    for (const transaction of transactions) {
      if (transaction.outcome !== "done") continue;
      for (const [key, seen] of seenBy(transaction, before)) {
        const list = finals.get(key) ?? [];
        const [short, long] = seen.length < list.length ? [seen, list] : [list, seen];
        if (!short.every((element, i) => element === long[i])) {
          history.problems.add("serial", `list ${key} is [${list}], a transaction had [${seen}]`);
        }
        finals.set(key, long);
      }
    }
  }
  for (const text of checkSerial(transactions, finals)) {
    if (mayForget && text.endsWith("it is lost")) continue;
    history.problems.add("serial", text);
  }
}

/** The lists as a transaction left or saw them. */
function seenBy(transaction: ListTransaction, before: SharedState): Map<string, readonly string[]> {
  const seen = new Map<string, readonly string[]>();
  for (const step of transaction.steps) {
    if (step.kind === "read") seen.set(step.key, step.list);
    else if (transaction.called > 0) {
      seen.set(step.key, [...(seen.get(step.key) ?? before.lists.get(step.key) ?? []), step.element]);
    }
  }
  return seen;
}

function judgeSlots(history: History, before: SharedState, after: SharedState, mayForget: boolean): void {
  const { problems } = history;
  const byId = new Map<string, SlotRecord>(history.slots.map((record) => [record.id, record]));
  const taken = new Map<number, string>();
  for (const record of history.slots) {
    if (record.outcome !== "done" || record.slot === undefined) continue;
    const other = taken.get(record.slot) ?? before.slots.get(record.slot);
    if (other !== undefined) {
      problems.add("slots", `slot ${record.slot} was taken by ${other} and ${record.id}`);
    }
    taken.set(record.slot, record.id);
    const found = after.slots.get(record.slot);
    if (found !== record.id && !(mayForget && found === undefined)) {
      problems.add("slots", `slot ${record.slot} was taken by ${record.id}, it holds ${found}`);
    }
  }
  for (let slot = 1; slot <= after.slots.size; slot++) {
    const id = after.slots.get(slot);
    if (id === undefined) {
      problems.add("slots", `slot ${slot} of ${after.slots.size} is empty`);
      continue;
    }
    const record = byId.get(id);
    const known = before.slots.get(slot) === id || (record?.slot === slot && record.outcome !== "failed");
    if (!known) problems.add("slots", `slot ${slot} holds ${id}, which did not take it`);
  }
  for (const [slot, id] of before.slots) {
    if (after.slots.get(slot) !== id) {
      problems.add("slots", `slot ${slot} of ${id} holds ${after.slots.get(slot)}`);
    }
  }
}
