/**
 * Linearizability of single keys: is there an order of the operations on a key, each somewhere between its
 * call and its return, that a plain variable could have answered?
 *
 * All orders are tried, a return at a time: a configuration is the value the key may have now and which of
 * the calls in flight are already done in it. An operation whose outcome is unknown may take effect at any
 * time after its call, or never.
 */

/** One operation on one key. Times are of one counter: a call or a return each has its own. */
export interface RegisterOp {
  readonly kind: "read" | "write";
  /** What was written or read, as text. */
  readonly value: string;
  readonly called: number;
  /** Undefined when it never returned, or returned with an unknown outcome. */
  readonly returned: number | undefined;
}

interface Configuration {
  readonly value: string;
  /** Operations in flight that are done already. */
  readonly done: ReadonlySet<number>;
}

/** Configurations at which the search gives up. */
const CONFIGURATIONS_MAX = 50_000;

/** Looks for an order; undefined when there is one, else what cannot be explained. */
export function checkRegister(initial: string, ops: readonly RegisterOp[]): string | undefined {
  const events: { at: number; op: number; call: boolean }[] = [];
  ops.forEach((op, i) => {
    events.push({ at: op.called, op: i, call: true });
    if (op.returned !== undefined) events.push({ at: op.returned, op: i, call: false });
  });
  events.sort((a, b) => a.at - b.at);
  let states: Configuration[] = [{ value: initial, done: new Set() }];
  const inFlight = new Set<number>();
  for (const event of events) {
    if (event.call) {
      inFlight.add(event.op);
      continue;
    }
    const reached = reach(states, inFlight, ops);
    if (reached === undefined) return undefined;
    states = unique(reached.filter((state) => state.done.has(event.op)), event.op);
    inFlight.delete(event.op);
    if (states.length === 0) {
      const op = ops[event.op] as RegisterOp;
      const could = [...new Set(reached.map((state) => state.value))].slice(0, 6).join(" or ");
      const when = `called ${op.called}, returned ${op.returned}`;
      return `${op.kind} of ${op.value} (${when}) where only ${could} could be`;
    }
  }
  return undefined;
}

/**
 * All configurations that some operations in flight lead to; undefined when there are too many to look at.
 */
function reach(
  states: readonly Configuration[],
  inFlight: ReadonlySet<number>,
  ops: readonly RegisterOp[],
): Configuration[] | undefined {
  const seen = new Map<string, Configuration>();
  const queue: Configuration[] = [];
  const add = (state: Configuration) => {
    const key = `${[...state.done].sort((a, b) => a - b).join()}|${state.value}`;
    if (seen.has(key)) return;
    seen.set(key, state);
    queue.push(state);
  };
  states.forEach(add);
  for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
    if (seen.size > CONFIGURATIONS_MAX) return undefined;
    for (const i of inFlight) {
      const op = ops[i] as RegisterOp;
      if (state.done.has(i) || (op.kind === "read" && op.value !== state.value)) continue;
      add({ value: op.kind === "write" ? op.value : state.value, done: new Set(state.done).add(i) });
    }
  }
  return [...seen.values()];
}

function unique(states: readonly Configuration[], returned: number): Configuration[] {
  const seen = new Map<string, Configuration>();
  for (const state of states) {
    const done = new Set(state.done);
    done.delete(returned);
    const key = `${[...done].sort((a, b) => a - b).join()}|${state.value}`;
    if (!seen.has(key)) seen.set(key, { value: state.value, done });
  }
  return [...seen.values()];
}
