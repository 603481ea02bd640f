/** Every order of events of the model of one block: what must hold in each of its states. */
import { following } from "./coherence_model.ts";
import { type Budget, type Fate, nameOf, NAMES, startOf, type State } from "./coherence_model_state.ts";

/** What is wrong with a state. */
function wrongWith(state: State): string | undefined {
  const living = state.members.map((it, at) => ({ ...it, at })).filter((it) => !it.isLost);
  const granted = living.filter(({ block }) => block.mode !== "NL");
  const exclusive = granted.filter(({ block }) => block.mode === "EX");
  if (exclusive.length > 1 || (exclusive.length === 1 && granted.length > 1)) {
    return "one changes while another uses";
  }
  for (const { at, version, block } of granted) {
    if (block.isHere && version !== state.latest) {
      return `${NAMES[at]} may use ${version}, the latest is ${state.latest}`;
    }
  }
  const onTheWay = living.flatMap(({ at, view }) => {
    const letters = NAMES.flatMap((from) => state.channels[`${from}>${NAMES[at]}`] ?? []);
    return letters.filter((it) => it.kind === "image" && it.view >= view);
  });
  const dirty = onTheWay.filter((it) => it["isDirty"] === true);
  const early = living.filter(({ block }) => block.early?.isDirty === true);
  const answer = living.filter(({ block }) => block.isDirty).length + dirty.length + early.length;
  if (answer > 1) return "two answer for the block";
  if (!state.isRecovered || living.length < state.inView.length) return undefined;
  const isKept = living.some(({ kept }) => Object.values(kept).includes(state.latest));
  if (state.home !== state.latest && answer !== 1 && !isKept) return "nobody answers for the latest";
  // From sending on, somebody can rebuild what is on its way.
  for (const image of dirty) {
    const sender = state.members[NAMES.indexOf(image["from"] as string)]!;
    if (sender.kept[image["turn"] as number] !== image["version"]) return "nobody keeps what is on its way";
  }
  return undefined;
}

/** What is wrong with a state after which nothing happens any more. */
function unfinished(state: State): string | undefined {
  const living = state.members.filter((it) => !it.isLost);
  if (living.some((it) => it.task !== undefined || it.reads + it.writes > 0)) {
    return "somebody waits for ever";
  }
  if (state.keeper.block.turn !== undefined) return "a turn never ends";
  if (state.keeper.waiting.length > 0) return "the keeper waits for ever";
  return undefined;
}

/** Goes through all states; answers how many there are. Throws a way to a wrong one. */
export function explore(budgets: readonly Budget[], fate: Fate = {}): number {
  const start = startOf(budgets, fate);
  const seen = new Map<number, number>([[nameOf(start), 0]]);
  /** By number of a state: the one it came from, and what was done. */
  const ways: Array<readonly [number, string]> = [[-1, ""]];
  const wayTo = (at: number): string => {
    const steps: string[] = [];
    for (let it = at; it > 0; it = ways[it]![0]) steps.unshift(ways[it]![1]);
    return steps.join("; ");
  };
  let edge: Array<readonly [number, State]> = [[0, start]];
  while (edge.length > 0) {
    const next: Array<readonly [number, State]> = [];
    for (const [at, state] of edge) {
      let isLast = true;
      for (const [what, follower] of followed(state, () => wayTo(at))) {
        isLast = false;
        const name = nameOf(follower);
        if (seen.has(name)) continue;
        seen.set(name, ways.length);
        const wrong = wrongWith(follower);
        if (wrong !== undefined) throw new Error(`${wrong}: ${wayTo(at)}; ${what}`);
        next.push([ways.length, follower]);
        ways.push([at, what]);
      }
      const wrong = isLast ? unfinished(state) : undefined;
      if (wrong !== undefined) throw new Error(`${wrong}: ${wayTo(at)}`);
    }
    edge = next;
  }
  return seen.size;
}

/** What follows; an error of the tables says how it came to it. */
function* followed(state: State, way: () => string): Generator<[string, State]> {
  try {
    yield* following(state);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error} after: ${way()}`);
  }
}
