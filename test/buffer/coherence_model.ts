/**
 * One block of a shared volume as a model: members that read, change, bring home, give up, are interrupted
 * and are lost; its keeper; views that begin; and channels that are slow but keep their order. The tables are
 * the real ones; what their drivers do to them is written down here for one block.
 *
 * A member is in the view of its last report. What was sent in another view than its receiver's is refused;
 * a later one than its own tells a member that there is one.
 */
import {
  type HolderEvent,
  type HolderMessage,
  type HolderStep,
  holderStep,
  mayUse,
  obey,
  renewed,
  returned,
  UNKNOWN,
  unsent,
} from "../../src/buffer/block_holder.ts";
import type { ReportedBlock } from "../../src/buffer/block_report.ts";
import { keeperEntered, keeperHeard, recovered } from "./coherence_model_keeper.ts";
import {
  handoverOf,
  KEEPER,
  type Letter,
  livingOf,
  NAMES,
  posted,
  type State,
  withMember,
} from "./coherence_model_state.ts";

/** A member's block after a step, and its messages on their way. */
function stepped(state: State, at: number, { block, messages }: HolderStep): State {
  let next = withMember(state, at, { block });
  for (const message of messages) next = told(next, at, message);
  return forgotten(next, at);
}

/** Of what a member has nothing to do with any more it remembers nothing. */
function forgotten(state: State, at: number): State {
  const { block } = state.members[at]!;
  const isForgotten = block.mode === "NL" && block.wants === undefined && block.early === undefined &&
    block.granted === undefined && block.order === undefined && block.sent.length === 0;
  return isForgotten ? withMember(state, at, { block: UNKNOWN, version: -1, kept: {}, early: -1 }) : state;
}

function told(state: State, at: number, message: HolderMessage): State {
  const name = NAMES[at]!;
  const { version, kept } = state.members[at]!;
  if (message.kind === "image") {
    const letter = { ...message, from: name, version };
    const again = kept[message.turn];
    if (again !== undefined) return posted(state, name, message.to, { ...letter, version: again });
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
export function* following(state: State): Generator<[string, State]> {
  for (const [name, queue] of Object.entries(state.channels)) {
    const [letter, ...rest] = queue;
    if (letter === undefined) continue;
    const channels = { ...state.channels, [name]: rest };
    if (rest.length === 0) delete (channels as Record<string, unknown>)[name];
    const to = name.split(">")[1]!;
    yield [`${name} ${letter.kind}`, arrived({ ...state, channels }, to, letter)];
    if (letter.kind !== "image" || state.spoils === 0) continue;
    const spoiled = { ...letter, kind: "spoil" };
    yield [`${name} spoiled`, arrived({ ...state, channels, spoils: state.spoils - 1 }, to, spoiled)];
  }
  for (let at = 0; at < state.members.length; at++) {
    const { isLost, view } = state.members[at]!;
    if (isLost) continue;
    yield* done(state, at);
    if (view < state.view) yield [`${NAMES[at]} enters`, entered(state, at)];
    const isLast = state.members.filter((it) => !it.isLost).length === 1;
    if (state.losses > 0 && !isLast) {
      const lost = withMember(state, at, { isLost: true });
      yield [`${NAMES[at]} is lost`, { ...lost, losses: state.losses - 1 }];
    }
  }
  if (state.keeper.view < state.view) yield ["k enters", keeperEntered(state)];
  if (livingOf(state).length < state.inView.length) {
    yield ["a view shuts out", { ...begun(state), inView: livingOf(state), isRecovered: false }];
  } else if (state.views > 0) yield ["a view begins", { ...begun(state), views: state.views - 1 }];
  const { isBarred, expected, view } = state.keeper;
  if (isBarred && expected.length === 0 && view === state.view) yield ["k recovers", recovered(state)];
}

function begun(state: State): State {
  return { ...state, view: state.view + 1 };
}

function arrived(state: State, to: string, letter: Letter): State {
  if (to === KEEPER) {
    const next = letter.view > state.keeper.view ? keeperEntered(state) : state;
    return letter.view < next.keeper.view ? next : keeperHeard(next, letter);
  }
  const at = NAMES.indexOf(to);
  if (state.members[at]!.isLost) return state;
  const next = letter.view > state.members[at]!.view ? entered(state, at) : state;
  return letter.view < next.members[at]!.view ? next : heard(next, at, letter);
}

function heard(state: State, at: number, letter: Letter): State {
  const member = state.members[at]!;
  switch (letter.kind) {
    case "demand":
    case "drop": {
      const order = { asker: "", mode: "EX", keeps: "NL", isFree: true, ...letter };
      return holder(state, at, { kind: "order", order } as unknown as HolderEvent);
    }
    case "image": {
      const next = holder(state, at, letter as unknown as HolderEvent);
      const { turn, early } = next.members[at]!.block;
      const version = letter["version"] as number;
      if (early?.turn === letter["turn"]) return withMember(next, at, { early: version });
      const isTaken = turn === letter["turn"] && member.block.turn !== turn;
      return isTaken ? withMember(next, at, { version }) : next;
    }
    case "arrived": {
      const kept = { ...member.kept };
      delete (kept as Record<string, unknown>)[String(letter["turn"])];
      return holder(withMember(state, at, { kept }), at, letter as unknown as HolderEvent);
    }
    case "spoil":
      return posted(state, NAMES[at]!, letter["from"] as string, {
        ...letter,
        kind: "spoiled",
        from: NAMES[at]!,
      });
    case "verdict":
      return judged(state, at, letter["turn"] as number, letter["isBack"] as boolean);
  }
  const next = holder(state, at, letter as unknown as HolderEvent);
  const tookEarly = letter["source"] === "image" && member.block.early !== undefined;
  return tookEarly ? withMember(next, at, { version: member.early, early: -1 }) : next;
}

/** A member begins the newest view, and reports what it has. */
function entered(state: State, at: number): State {
  const before = state.members[at]!;
  let block = renewed(before.block);
  const kept = { ...before.kept } as Record<string, number>;
  for (const { to, turn } of block.sent) {
    if (state.inView.includes(to)) continue;
    block = unsent(block, turn);
    delete kept[turn];
  }
  const version = before.block.early === undefined ? before.version : before.early;
  const { view } = state;
  const next = withMember(state, at, { view, block, kept, version, early: -1, back: undefined });
  const has: ReportedBlock[] = [];
  const { mode, turn, isDirty } = block;
  if (mode !== "NL") has.push({ tag: 0, block: 0, turn, isDirty, mode, sentTo: undefined });
  for (const it of block.sent) {
    has.push({ tag: 0, block: 0, turn: it.turn, isDirty: it.isDirty, mode: undefined, sentTo: it.to });
  }
  const name = NAMES[at]!;
  return forgotten(posted(next, name, KEEPER, { kind: "report", from: name, has }), at);
}

/** What became of what a member sent on. */
function judged(state: State, at: number, turn: number, isBack: boolean): State {
  const { block, kept } = state.members[at]!;
  if (!block.sent.some((it) => it.turn === turn)) return state;
  if (isBack) return withMember(state, at, { back: turn });
  const { [String(turn)]: _, ...rest } = kept;
  return forgotten(withMember(state, at, { block: unsent(block, turn), kept: rest }), at);
}

/** It has looked at the block's home: it takes the block back, unless that is as new. */
function tookBack(state: State, at: number, turn: number): State {
  const { block, kept, version } = state.members[at]!;
  const { [String(turn)]: mine, ...rest } = kept;
  const hasIt = state.home < mine!;
  const change = hasIt
    ? { block: returned(block, turn), version: mine! }
    : { block: unsent(block, turn), version };
  const next = withMember(state, at, { ...change, kept: rest, back: undefined });
  const name = NAMES[at]!;
  return forgotten(posted(next, name, KEEPER, { kind: "returned", from: name, hasIt }), at);
}

/** What a member may do by itself. */
function* done(state: State, at: number): Generator<[string, State]> {
  const member = state.members[at]!;
  const { block, task, back } = member;
  const name = NAMES[at]!;
  const suffices = task !== undefined && (block.mode === "EX" || block.mode === task);
  const isGranted = block.mode !== "NL";
  for (const [mode, left] of [["PR", "reads"], ["EX", "writes"]] as const) {
    if (task !== undefined || member[left] === 0) continue;
    const begun = withMember(state, at, { [left]: member[left] - 1, task: mode });
    yield [`${name} begins ${mode}`, holder(begun, at, { kind: "want", mode })];
  }
  if (isGranted && !block.isHere) {
    yield [`${name} loads`, holder(withMember(state, at, { version: state.home }), at, { kind: "loaded" })];
    // Nobody here brings it in.
    if (!suffices && (block.order !== undefined || block.wants === undefined)) {
      yield [`${name} gives up unseen`, holder(state, at, { kind: "unload" })];
    }
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
  if (task !== undefined && member.aborts > 0) {
    const change = { task: undefined, aborts: member.aborts - 1 };
    yield [`${name} is interrupted`, withMember(state, at, change)];
  }
  // What it was granted for a task may have been taken before the task ran, or not be enough: it asks again.
  if (task !== undefined && !suffices && block.wants === undefined) {
    yield [`${name} asks again`, holder(state, at, { kind: "want", mode: task })];
  }
  // The task that the block was got for runs once before the block leaves.
  if (block.order !== undefined && block.isHere && !(suffices && mayUse(block, task))) {
    // By way of the disk it goes home first.
    const handover = handoverOf(state, at);
    const mustGoHome = handover === "disk" && block.order.kind === "demand" && block.isDirty;
    if (!mustGoHome) yield [`${name} obeys`, stepped(state, at, obey(block, handover))];
    else {yield [`${name} goes home to leave`, {
        ...holder(state, at, { kind: "home" }),
        home: member.version,
      }];}
  }
  if (block.isDirty && member.homes > 0) {
    const next = holder(withMember(state, at, { homes: member.homes - 1 }), at, { kind: "home" });
    yield [`${name} goes home`, { ...next, home: member.version }];
  }
  const mayEvict = isGranted && block.isHere && block.wants === undefined && block.order === undefined;
  if (mayEvict && !block.isDirty && member.evicts > 0) {
    yield [
      `${name} gives up`,
      holder(withMember(state, at, { evicts: member.evicts - 1 }), at, { kind: "evict" }),
    ];
  }
  if (back !== undefined) yield [`${name} takes back`, tookBack(state, at, back)];
}
