/** The keeper of the model, as `BlockKeeping` drives its table, and recovery of what the lost left. */
import { type KeeperEvent, keeperStep, UNHELD } from "../../src/buffer/block_keeper.ts";
import { mergeReports, type ReportedBlock, takenBack } from "../../src/buffer/block_report.ts";
import {
  KEEPER,
  type Letter,
  type MemberState,
  posted,
  type State,
  withKeeper,
} from "./coherence_model_state.ts";

/** A new keeper: it knows nothing, not even what turns there were. */
export function keeperEntered(state: State): State {
  const { view, inView: expected } = state;
  const isBarred = !state.isRecovered;
  const empty = { block: UNHELD, reports: [], returning: undefined, waiting: [] };
  return withKeeper(state, { ...empty, view, expected, isBarred });
}

/** The keeper is told something. */
export function keeperHeard(state: State, letter: Letter): State {
  const { keeper } = state;
  const from = letter["from"] as string;
  if (letter.kind === "report") {
    const has = letter["has"] as readonly ReportedBlock[];
    const reports = [...keeper.reports, ...has.map((it) => [from, it] as const)];
    const expected = keeper.expected.filter((it) => it !== from);
    const next = withKeeper(state, { reports, expected });
    return expected.length === 0 ? rebuilt(next) : next;
  }
  if (letter.kind === "returned") {
    if (keeper.returning?.sender !== from) return state;
    const block = letter["hasIt"] === true ? takenBack(keeper.block, from) : keeper.block;
    return wentOn(withKeeper(state, { block, returning: undefined }));
  }
  const isBarred = keeper.isBarred && letter.kind === "ask";
  if (isBarred || keeper.expected.length > 0 || keeper.returning !== undefined) {
    return withKeeper(state, { waiting: [...keeper.waiting, letter] });
  }
  const { block, messages } = keeperStep(keeper.block, letter as unknown as KeeperEvent);
  let next = withKeeper(state, { block });
  for (const message of messages) next = posted(next, KEEPER, message.to, message);
  return next;
}

function rebuilt(state: State): State {
  const { reports, isBarred } = state.keeper;
  if (reports.length === 0) return wentOn(state);
  const { block, verdicts } = mergeReports(reports);
  let next = withKeeper(state, { block, reports: [] });
  for (const { sender, turn, isBack } of verdicts) {
    if (isBack) next = withKeeper(next, { returning: { sender, turn, isTold: !isBarred } });
    if (isBack && isBarred) continue;
    next = posted(next, KEEPER, sender, { kind: "verdict", turn, isBack });
  }
  return wentOn(next);
}

/** Takes up what waited. */
function wentOn(state: State): State {
  let next = withKeeper(state, { waiting: [] });
  for (const letter of state.keeper.waiting) next = keeperHeard(next, letter);
  return next;
}

/** What no living member answers for is redone from the journals of all, and home. */
export function recovered(state: State): State {
  const { returning } = state.keeper;
  const isAnswered = answering(state).length > 0;
  let next: State = { ...state, isRecovered: true, home: isAnswered ? state.home : state.latest };
  next = withKeeper(next, { isBarred: false });
  if (returning?.isTold === false) {
    const { sender, turn } = returning;
    next = withKeeper(next, { returning: { ...returning, isTold: true } });
    next = posted(next, KEEPER, sender, { kind: "verdict", turn, isBack: true });
  }
  return wentOn(next);
}

/** Living members that have the block to change, or answer for it. */
function answering(state: State): readonly MemberState[] {
  return state.members.filter(({ isLost, block }) => !isLost && (block.mode === "EX" || block.isDirty));
}
