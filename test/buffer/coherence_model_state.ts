/** The model of one block: what there is of it, and what is on its way. */
import type { Handover, HeldBlock } from "../../src/buffer/block_holder.ts";
import { UNKNOWN } from "../../src/buffer/block_holder.ts";
import { type GrantMode, type KeptBlock, UNHELD } from "../../src/buffer/block_keeper.ts";
import type { ReportedBlock } from "../../src/buffer/block_report.ts";

/** What is on its way, sent in a view. */
export type Letter = { readonly kind: string; readonly view: number; readonly [fact: string]: unknown };

/** A member, and what it has of the block. */
export interface MemberState {
  readonly isLost: boolean;
  readonly view: number;
  readonly block: HeldBlock;
  /** Version of the bytes here; of what was sent and is kept, the turn's. */
  readonly version: number;
  readonly kept: Readonly<Record<string, number>>;
  readonly early: number;
  /** The turn of what it may have back, while it looks whether that is home. */
  readonly back: number | undefined;
  /** What it is to do yet. */
  readonly reads: number;
  readonly writes: number;
  readonly evicts: number;
  readonly homes: number;
  readonly aborts: number;
  /** What it works on now. */
  readonly task: GrantMode | undefined;
}

/** The keeper. */
export interface KeeperState {
  readonly view: number;
  readonly block: KeptBlock;
  /** Members that have not reported yet, and what the others said. */
  readonly expected: readonly string[];
  readonly reports: ReadonlyArray<readonly [string, ReportedBlock]>;
  /** Who may have the block back, and by which turn; whether he was told. */
  readonly returning:
    | { readonly sender: string; readonly turn: number; readonly isTold: boolean }
    | undefined;
  /** True from the report of all that follows a loss until it is recovered. */
  readonly isBarred: boolean;
  readonly waiting: readonly Letter[];
}

/** All of them. */
export interface State {
  readonly keeper: KeeperState;
  readonly members: readonly MemberState[];
  readonly home: number;
  readonly latest: number;
  /** Number of the newest view; views that may begin without a reason, and members that may be lost. */
  readonly view: number;
  readonly views: number;
  readonly losses: number;
  /** Images that may come as what they cannot be. */
  readonly spoils: number;
  /** How members hand over; "mixed": one so, the next otherwise. */
  readonly handover: Handover | "mixed";
  /** The members of the newest view; what those have left that it shuts out may be to be recovered. */
  readonly inView: readonly string[];
  readonly isRecovered: boolean;
  /** From one to another, oldest first. */
  readonly channels: Readonly<Record<string, readonly Letter[]>>;
}

/** Members, by number. */
export const NAMES: readonly string[] = ["a", "b", "c", "d"];
/** The keeper, who is never lost: its successor would know as little as it does in a new view. */
export const KEEPER = "k";

/** What a member is to do. */
export interface Budget {
  readonly reads?: number;
  readonly writes?: number;
  readonly evicts?: number;
  readonly homes?: number;
  /** Waits that are ended before they are over. */
  readonly aborts?: number;
}

/** What happens to all. */
export interface Fate {
  readonly views?: number;
  readonly losses?: number;
  readonly spoils?: number;
  readonly handover?: Handover | "mixed";
}

/** The model before anything. */
export function startOf(
  budgets: readonly Budget[],
  { views = 0, losses = 0, spoils = 0, handover = "direct" }: Fate,
): State {
  const members = budgets.map((it): MemberState => ({
    isLost: false,
    view: 1,
    block: UNKNOWN,
    version: -1,
    kept: {},
    early: -1,
    back: undefined,
    reads: it.reads ?? 0,
    writes: it.writes ?? 0,
    evicts: it.evicts ?? 0,
    homes: it.homes ?? 0,
    aborts: it.aborts ?? 0,
    task: undefined,
  }));
  const keeper: KeeperState = {
    view: 1,
    block: UNHELD,
    expected: [],
    reports: [],
    returning: undefined,
    isBarred: false,
    waiting: [],
  };
  const inView = NAMES.slice(0, members.length);
  const fate = { view: 1, views, losses, spoils, handover, inView, isRecovered: true };
  return { keeper, members, home: 0, latest: 0, ...fate, channels: {} };
}

/** How a member hands over. */
export function handoverOf({ handover }: State, at: number): Handover {
  return handover === "mixed" ? (at % 2 === 0 ? "disk" : "direct") : handover;
}

/** The view in which somebody is. */
export function viewOf(state: State, name: string): number {
  return name === KEEPER ? state.keeper.view : state.members[NAMES.indexOf(name)]!.view;
}

/** Something is on its way. */
export function posted(state: State, from: string, to: string, facts: object): State {
  const name = `${from}>${to}`;
  const letter = { ...facts, view: viewOf(state, from) } as Letter;
  const queue = [...(state.channels[name] ?? []), letter];
  return { ...state, channels: { ...state.channels, [name]: queue } };
}

/** A member changed. */
export function withMember(state: State, at: number, change: Partial<MemberState>): State {
  const members = state.members.map((it, i) => i === at ? { ...it, ...change } : it);
  return { ...state, members };
}

/** The keeper changed. */
export function withKeeper(state: State, change: Partial<KeeperState>): State {
  return { ...state, keeper: { ...state.keeper, ...change } };
}

/** Who is not lost. */
export function livingOf(state: State): string[] {
  return NAMES.filter((_, at) => state.members[at]?.isLost === false);
}

/** A number for a state: 53 bits, so that two of a million states have the same in one run of 10,000. */
export function nameOf(state: State): number {
  const channels = Object.entries(state.channels).sort(([a], [b]) => a < b ? -1 : 1);
  const text = JSON.stringify([state.keeper, state.members, channels, state.home, state.latest]) +
    `${state.view} ${state.views} ${state.losses} ${state.spoils} ${state.inView} ${state.isRecovered}`;
  let low = 0xdeadbeef, high = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 2_654_435_761);
    high = Math.imul(high ^ code, 1_597_334_677);
  }
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & high) + (low >>> 0);
}
