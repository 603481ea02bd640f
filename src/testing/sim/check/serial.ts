/**
 * Strict serializability of transactions that read lists and append to them.
 *
 * A list names the order of its appends, so that every dependency between transactions can be read off the
 * history: who wrote before whom, who read what, who overwrote what was read. Together with real time they
 * may form no cycle.
 */
import { Graph } from "./tarjan.ts";

/** One step of a transaction. */
export type ListStep =
  | { readonly kind: "append"; readonly key: string; readonly element: string }
  | { readonly kind: "read"; readonly key: string; readonly list: readonly string[] };

/** One transaction of a history. Times are of one counter. */
export interface ListTransaction {
  readonly steps: readonly ListStep[];
  readonly called: number;
  /** Undefined when it never returned. */
  readonly returned: number | undefined;
  /** Committed for certain, certainly not, or it may be. */
  readonly outcome: "done" | "failed" | "unknown";
}

/** Checks a history against the lists found when all was over; answers what is wrong. */
export function checkSerial(
  transactions: readonly ListTransaction[],
  finals: ReadonlyMap<string, readonly string[]>,
): string[] {
  const problems: string[] = [];
  const writers = writersOf(transactions);
  for (const [key, list] of finals) checkList(key, list, transactions, writers, problems);
  transactions.forEach((transaction, i) => {
    if (transaction.outcome !== "done") return;
    for (const step of transaction.steps) {
      if (step.kind === "append" && !(finals.get(step.key) ?? []).includes(step.element)) {
        problems.push(`transaction ${i} appended ${step.element} to ${step.key}: it is lost`);
      }
    }
  });
  if (problems.length > 0) return problems;
  const graph = new Graph(transactions.length);
  addWriteOrder(graph, finals, writers);
  transactions.forEach((transaction, i) => {
    if (transaction.outcome === "done") addReads(graph, i, transaction, finals, writers, problems);
  });
  addRealTime(graph, transactions);
  for (const component of graph.cycles()) {
    const cycle = graph.cycleIn(component).filter((node) => node < transactions.length);
    problems.push(`transactions ${cycle.join(" < ")} < ${cycle[0]} cannot be put in order`);
  }
  return problems;
}

function writersOf(transactions: readonly ListTransaction[]): Map<string, number> {
  const writers = new Map<string, number>();
  transactions.forEach((transaction, i) => {
    for (const step of transaction.steps) if (step.kind === "append") writers.set(step.element, i);
  });
  return writers;
}

/** A list holds each element once, none that was never appended or whose transaction failed. */
function checkList(
  key: string,
  list: readonly string[],
  transactions: readonly ListTransaction[],
  writers: ReadonlyMap<string, number>,
  problems: string[],
): void {
  if (new Set(list).size !== list.length) problems.push(`${key} holds an element twice: ${list.join()}`);
  for (const element of list) {
    const writer = writers.get(element);
    if (writer === undefined) problems.push(`${key} holds ${element}, which nobody appended`);
    else if ((transactions[writer] as ListTransaction).outcome === "failed") {
      problems.push(`${key} holds ${element} of transaction ${writer}, which failed`);
    }
  }
}

function addWriteOrder(
  graph: Graph,
  finals: ReadonlyMap<string, readonly string[]>,
  writers: ReadonlyMap<string, number>,
): void {
  for (const list of finals.values()) {
    for (let i = 1; i < list.length; i++) {
      graph.add(writers.get(list[i - 1] as string) as number, writers.get(list[i] as string) as number);
    }
  }
}

/**
 * Each read saw a beginning of the final list, then its own appends, and the same beginning as its other
 * reads.
 */
function addReads(
  graph: Graph,
  index: number,
  transaction: ListTransaction,
  finals: ReadonlyMap<string, readonly string[]>,
  writers: ReadonlyMap<string, number>,
  problems: string[],
): void {
  const own = new Map<string, string[]>();
  const bases = new Map<string, number>();
  for (const step of transaction.steps) {
    const mine = own.get(step.key) ?? [];
    if (step.kind === "append") {
      own.set(step.key, [...mine, step.element]);
      continue;
    }
    const final = finals.get(step.key) ?? [];
    const base = step.list.length - mine.length;
    const begins = base >= 0 && step.list.slice(0, base).every((element, i) => element === final[i]);
    const ends = base >= 0 && step.list.slice(base).every((element, i) => element === mine[i]);
    if (!begins || !ends) {
      problems.push(`transaction ${index} read ${step.key} as [${step.list}], in the end it is [${final}]`);
      continue;
    }
    if ((bases.get(step.key) ?? base) !== base) {
      problems.push(`transaction ${index} read ${step.key} twice and saw two states`);
    }
    bases.set(step.key, base);
    if (base > 0) addWriteRead(graph, index, final, base, writers, problems);
    const next = final[base];
    if (next !== undefined) graph.add(index, writers.get(next) as number);
  }
}

function addWriteRead(
  graph: Graph,
  index: number,
  final: readonly string[],
  base: number,
  writers: ReadonlyMap<string, number>,
  problems: string[],
): void {
  const writer = writers.get(final[base - 1] as string) as number;
  graph.add(writer, index);
  const next = final[base];
  if (writer !== index && next !== undefined && writers.get(next) === writer) {
    problems.push(
      `transaction ${index} saw ${final[base - 1]} but not ${next} of the same transaction ${writer}`,
    );
  }
}

/** What returned before something was called comes before it: a chain of instants keeps the edges few. */
function addRealTime(graph: Graph, transactions: readonly ListTransaction[]): void {
  const events: { at: number; index: number; returned: boolean }[] = [];
  transactions.forEach((transaction, index) => {
    if (transaction.outcome === "failed") return;
    events.push({ at: transaction.called, index, returned: false });
    if (transaction.returned !== undefined && transaction.outcome === "done") {
      events.push({ at: transaction.returned, index, returned: true });
    }
  });
  events.sort((a, b) => a.at - b.at);
  let instant: number | undefined;
  for (const event of events) {
    if (event.returned) {
      const next = graph.grow();
      if (instant !== undefined) graph.add(instant, next);
      graph.add(event.index, next);
      instant = next;
    } else if (instant !== undefined) {
      graph.add(instant, event.index);
    }
  }
}
