/**
 * Lies: wrong answers and deeds of Cohort's, a few of one kind in a run, by which it is shown that the
 * comparison notices each kind.
 */
import type { Kind, Operation, OperationOf } from "./draw.ts";

type Answer = (operation: Operation) => Promise<string>;

/** One lie. */
export interface Lie {
  readonly what: string;
  /** The kind of operation at which it is told. */
  readonly kind: Kind;
  /** Answers wrongly, or undefined where that would not be wrong. */
  tell(operation: Operation, honest: Answer): Promise<string | undefined>;
}

/** So many operations are answered honestly before a lie is told. */
const HONEST = 300;
/** A wrong deed may be undone before anybody looks (a set by a kill, say), so that one would prove little. */
const TIMES = 5;

/** Answers honestly but for the first operations that the lie can be told at. */
export function telling(lie: Lie, honest: Answer): Answer {
  let count = 0, told = 0;
  return async (operation) => {
    if (told === TIMES || ++count < HONEST || operation.kind !== lie.kind) {
      return await honest(operation);
    }
    const answer = await lie.tell(operation, honest);
    if (answer !== undefined) told++;
    return answer ?? await honest(operation);
  };
}

function lie<K extends Kind>(
  what: string,
  kind: K,
  tell: (operation: OperationOf<K>, honest: Answer) => Promise<string | undefined>,
): Lie {
  return { what, kind, tell: tell as Lie["tell"] };
}

/** Every lie. */
export const LIES: readonly Lie[] = [
  lie("a set that is forgotten", "set", async (it, honest) => {
    const value = await honest({ kind: "get", at: it.at });
    return value === "none" ? "done" : undefined;
  }),
  lie(
    "a set of a letter more",
    "set",
    async (it, honest) => await honest({ ...it, value: `${it.value}x`, repeat: 1 }),
  ),
  lie("a kill of the value only", "kill", async ({ at }, honest) => {
    const data = await honest({ kind: "data", at });
    return data.length === 2 ? await honest({ kind: "zkill", at }) : undefined;
  }),
  lie("a zkill of all below", "zkill", async ({ at }, honest) => {
    const data = await honest({ kind: "data", at });
    return data === "11" ? await honest({ kind: "kill", at }) : undefined;
  }),
  lie("a value with a letter more", "get", async (it, honest) => {
    const value = await honest(it);
    return value.startsWith("=") ? `${value}x` : undefined;
  }),
  lie("data without the descendants", "data", async (it, honest) => {
    const data = await honest(it);
    return data === "11" ? "1" : data === "10" ? "0" : undefined;
  }),
  lie("an order that leaves one out", "order", async (it, honest) => {
    const next = await honest(it);
    if (!next.startsWith(":")) return undefined;
    const subscripts = [...it.at.subscripts.slice(0, -1), next.slice(1)];
    return await honest({ ...it, at: { ...it.at, subscripts } });
  }),
  lie("a query the other way", "query", async (it, honest) => {
    const direction = it.direction === 1 ? -1 : 1;
    const [there, back] = [await honest(it), await honest({ ...it, direction })];
    return there !== back && !there.startsWith("!") ? back : undefined;
  }),
  lie("a merge of one node only", "merge", async ({ at, from }, honest) => {
    const [value, data] = [await honest({ kind: "get", at: from }), await honest({ kind: "data", at: from })];
    const below = await honest({ kind: "data", at });
    if (data !== "11" || at.name === from.name || below.length === 2 || below.startsWith("!")) {
      return undefined;
    }
    return await honest({ kind: "set", at, value: value.slice(1), repeat: 1 });
  }),
  lie("an increment that counts twice", "increment", async (it, honest) => {
    if (Number(it.by) === 0) return undefined;
    const first = await honest(it);
    return first.startsWith("!") ? undefined : await honest(it);
  }),
  lie("a rollback that commits", "rollback", async (_, honest) => await honest({ kind: "commit" })),
];
