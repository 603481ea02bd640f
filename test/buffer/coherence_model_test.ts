/**
 * The tables of coherence, run through every order of events: members that read, change, bring home and give
 * up one block, a keeper, and channels that are slow but keep their order.
 */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import {
  type HeldBlock,
  type HolderEvent,
  type HolderMessage,
  type HolderStep,
  holderStep,
  mayUse,
  obey,
  UNKNOWN,
} from "../../src/buffer/block_holder.ts";
import {
  type GrantMode,
  type KeeperEvent,
  keeperStep,
  type KeptBlock,
  UNHELD,
} from "../../src/buffer/block_keeper.ts";

type Letter = { readonly kind: string; readonly [fact: string]: unknown };

interface MemberState {
  readonly block: HeldBlock;
  /** Version of the bytes here; of what was sent and is kept, the turn's. */
  readonly version: number;
  readonly kept: Readonly<Record<string, number>>;
  readonly early: number;
  /** What it is to do yet. */
  readonly reads: number;
  readonly writes: number;
  readonly evicts: number;
  readonly homes: number;
  /** What it works on now. */
  readonly task: GrantMode | undefined;
}

interface State {
  readonly keeper: KeptBlock;
  readonly members: readonly MemberState[];
  readonly home: number;
  readonly latest: number;
  /** From one to another, oldest first. */
  readonly channels: Readonly<Record<string, readonly Letter[]>>;
}

const NAMES = ["a", "b", "c"];
const KEEPER = "k";

interface Budget {
  readonly reads: number;
  readonly writes: number;
  readonly evicts: number;
  readonly homes: number;
}

function startOf(budgets: readonly Budget[]): State {
  const members = budgets.map((it): MemberState => ({
    ...it,
    block: UNKNOWN,
    version: -1,
    kept: {},
    early: -1,
    task: undefined,
  }));
  return { keeper: UNHELD, members, home: 0, latest: 0, channels: {} };
}

function posted(state: State, from: string, to: string, letter: Letter): State {
  const name = `${from}>${to}`;
  const queue = [...(state.channels[name] ?? []), letter];
  return { ...state, channels: { ...state.channels, [name]: queue } };
}

function withMember(state: State, at: number, change: Partial<MemberState>): State {
  const members = state.members.map((it, i) => i === at ? { ...it, ...change } : it);
  return { ...state, members };
}

/** A member's block after a step, and its messages on their way. */
function stepped(state: State, at: number, { block, messages }: HolderStep): State {
  let next = withMember(state, at, { block });
  for (const message of messages) next = told(next, at, message);
  return next;
}

function told(state: State, at: number, message: HolderMessage): State {
  const name = NAMES[at]!;
  const { version, kept } = state.members[at]!;
  if (message.kind === "image") {
    const letter = { ...message, from: name, version };
    const isKept = state.members[at]!.block.sent.some((it) => it.turn === message.turn);
    const next = isKept ? withMember(state, at, { kept: { ...kept, [message.turn]: version } }) : state;
    return posted(next, name, message.to, letter);
  }
  if (message.kind === "arrived") return posted(state, name, message.to, { ...message, from: name });
  return posted(state, name, KEEPER, { ...message, from: name });
}

function holder(state: State, at: number, event: HolderEvent): State {
  return stepped(state, at, holderStep(state.members[at]!.block, event));
}

/** All states that may follow, each with what was done. */
function* following(state: State): Generator<[string, State]> {
  for (const [name, queue] of Object.entries(state.channels)) {
    const [letter, ...rest] = queue;
    if (letter === undefined) continue;
    const channels = { ...state.channels, [name]: rest };
    if (rest.length === 0) delete (channels as Record<string, unknown>)[name];
    yield [`${name} ${letter.kind}`, arrived({ ...state, channels }, name.split(">")[1]!, letter)];
  }
  for (let at = 0; at < state.members.length; at++) yield* done(state, at);
}

function arrived(state: State, to: string, letter: Letter): State {
  if (to === KEEPER) {
    const { block, messages } = keeperStep(state.keeper, letter as unknown as KeeperEvent);
    let next: State = { ...state, keeper: block };
    for (const message of messages) next = posted(next, KEEPER, message.to, message as unknown as Letter);
    return next;
  }
  const at = NAMES.indexOf(to);
  const member = state.members[at]!;
  if (letter.kind === "demand" || letter.kind === "drop") {
    const order = { asker: "", mode: "EX", keeps: "NL", isFree: true, ...letter };
    return holder(state, at, { kind: "order", order } as unknown as HolderEvent);
  }
  if (letter.kind === "image") {
    const next = holder(state, at, letter as unknown as HolderEvent);
    if (next.members[at]!.block === member.block) return next;
    const isUsed = next.members[at]!.block.early === undefined;
    return withMember(
      next,
      at,
      isUsed ? { version: letter["version"] as number } : { early: letter["version"] as number },
    );
  }
  if (letter.kind === "arrived") {
    const kept = { ...member.kept };
    delete (kept as Record<string, unknown>)[String(letter["turn"])];
    return withMember(holder(state, at, letter as unknown as HolderEvent), at, { kept });
  }
  const next = holder(state, at, letter as unknown as HolderEvent);
  const tookEarly = letter["source"] === "image" && member.block.early !== undefined;
  return tookEarly ? withMember(next, at, { version: member.early, early: -1 }) : next;
}

/** What a member may do by itself. */
function* done(state: State, at: number): Generator<[string, State]> {
  const member = state.members[at]!;
  const { block, task } = member;
  const name = NAMES[at]!;
  for (const [mode, left] of [["PR", "reads"], ["EX", "writes"]] as const) {
    if (task !== undefined || member[left] === 0) continue;
    const begun = withMember(state, at, { [left]: member[left] - 1, task: mode });
    yield [`${name} begins ${mode}`, holder(begun, at, { kind: "want", mode })];
  }
  if (block.mode !== "NL" && !block.isHere) {
    yield [`${name} loads`, withMember(holder(state, at, { kind: "loaded" }), at, { version: state.home })];
  }
  if (task !== undefined && mayUse(block, task)) {
    const free = withMember(state, at, { task: undefined });
    if (task === "PR") yield [`${name} reads ${member.version}`, free];
    else {
      const latest = state.latest + 1;
      const changed = withMember(holder(free, at, { kind: "changed" }), at, { version: latest });
      yield [`${name} writes ${latest}`, { ...changed, latest }];
    }
  }
  // What it was granted for a task may have been taken before the task ran: it asks again.
  if (task !== undefined && !mayUse(block, task) && block.wants === undefined && block.mode === "NL") {
    yield [`${name} asks again`, holder(state, at, { kind: "want", mode: task })];
  }
  if (task === "EX" && block.mode === "PR" && block.wants === undefined && block.isHere) {
    yield [`${name} raises`, holder(state, at, { kind: "want", mode: "EX" })];
  }
  // The task that the block was got for runs once before the block leaves.
  const isBusy = task !== undefined && mayUse(block, task);
  if (block.order !== undefined && block.isHere && !isBusy) {
    yield [`${name} obeys`, stepped(state, at, obey(block))];
  }
  if (block.isDirty && member.homes > 0) {
    const next = withMember(holder(state, at, { kind: "home" }), at, { homes: member.homes - 1 });
    yield [`${name} goes home`, { ...next, home: member.version }];
  }
  const mayEvict = block.mode !== "NL" && block.isHere && block.wants === undefined &&
    block.order === undefined;
  if (mayEvict && !block.isDirty && member.evicts > 0) {
    yield [
      `${name} gives up`,
      withMember(holder(state, at, { kind: "evict" }), at, { evicts: member.evicts - 1 }),
    ];
  }
}

/** What is wrong with a state. */
function wrongWith(state: State): string | undefined {
  const using = state.members.map((it, at) => ({ ...it, at })).filter(({ block }) =>
    block.isHere && block.mode !== "NL"
  );
  const exclusive = using.filter(({ block }) => block.mode === "EX");
  if (exclusive.length > 1 || (exclusive.length === 1 && using.length > 1)) {
    return "one changes while another uses";
  }
  for (const { at, version } of using) {
    if (version !== state.latest) return `${NAMES[at]} may use ${version}, the latest is ${state.latest}`;
  }
  const answering =
    state.members.filter(({ block, version }) => block.isDirty && version === state.latest).length;
  const onTheWay = Object.values(state.channels).flat().filter((it) =>
    it.kind === "image" && it["isDirty"] === true
  );
  const early = state.members.filter(({ block }) => block.early?.isDirty === true).length;
  if (answering + onTheWay.length + early > 1) return "two answer for the block";
  if (state.home !== state.latest && answering + onTheWay.length + early !== 1) {
    return "nobody answers for the latest";
  }
  // From sending on, somebody can rebuild what is on its way.
  for (const image of onTheWay) {
    const sender = state.members[NAMES.indexOf(image["from"] as string)]!;
    if (sender.kept[image["turn"] as number] !== image["version"]) return "nobody keeps what is on its way";
  }
  return undefined;
}

/** Goes through all states; answers how many there are, or a way to a wrong one. */
function explore(budgets: readonly Budget[]): number {
  const start = startOf(budgets);
  const seen = new Set<string>([JSON.stringify(start)]);
  const parents = new Map<string, [string, string]>();
  let edge: State[] = [start];
  const wayTo = (key: string): string => {
    const steps: string[] = [];
    for (let at = parents.get(key); at !== undefined; at = parents.get(at[0])) steps.unshift(at[1]);
    return steps.join("; ");
  };
  while (edge.length > 0) {
    const next: State[] = [];
    for (const state of edge) {
      const key = JSON.stringify(state);
      let isLast = true;
      for (const [what, follower] of following(state)) {
        isLast = false;
        const name = JSON.stringify(follower);
        if (seen.has(name)) continue;
        seen.add(name);
        parents.set(name, [key, what]);
        const wrong = wrongWith(follower);
        if (wrong !== undefined) throw new Error(`${wrong}: ${wayTo(name)}`);
        next.push(follower);
      }
      if (isLast && state.members.some((it) => it.task !== undefined || it.reads + it.writes > 0)) {
        throw new Error(`somebody waits for ever: ${wayTo(key)}`);
      }
      if (isLast && state.keeper.turn !== undefined) throw new Error(`a turn never ends: ${wayTo(key)}`);
    }
    edge = next;
  }
  return seen.size;
}

const NOTHING: Budget = { reads: 0, writes: 0, evicts: 0, homes: 0 };

test("coherence: two members, every order of reads, changes, homes and giving up", () => {
  const both: Budget = { reads: 1, writes: 1, evicts: 1, homes: 1 };
  const states = explore([both, both]);
  assert(states > 50_000, `${states} states`);
});

test("coherence: three members, readers beside a writer that all must forget", () => {
  const reader: Budget = { ...NOTHING, reads: 1, evicts: 1 };
  const states = explore([reader, { ...NOTHING, reads: 1 }, { ...NOTHING, writes: 1, homes: 1 }]);
  assert(states > 4_000, `${states} states`);
});

test("coherence: three members raise what they share", () => {
  const raiser: Budget = { ...NOTHING, reads: 1, writes: 1 };
  assert(explore([raiser, raiser, { ...NOTHING, reads: 1 }]) > 20_000);
});

test("coherence: messages of one turn, counted", () => {
  const asked = (block: KeptBlock, from: string, mode: GrantMode) =>
    keeperStep(block, { kind: "ask", from, mode });
  const first = asked(UNHELD, "a", "EX");
  assertEquals(first.messages.map((it) => it.kind), ["grant"], "from the volume");
  const second = asked(first.block, "b", "EX");
  assertEquals(second.messages.map((it) => it.kind), ["demand"], "one holder: two messages and the image");
  const sharers = ["a", "b", "c"].reduce(
    (block, it) => ({ ...block, sharers: [...block.sharers, it] }),
    UNHELD,
  );
  const raised = asked(sharers, "d", "EX");
  assertEquals(raised.messages.map((it) => it.kind), ["drop", "drop", "drop"], "in one parallel round");
});
