/**
 * Report: what each member tells the keepers of a new view about its blocks, and what they make of it
 * (DESIGN D6, D7). Pure.
 *
 * Messages of the old view are refused, so whatever was on its way is lost: asked anew, or taken back. A
 * block that was sent on and whose receiver does not say that it has it is its sender's again.
 */
import { invariant } from "../ground/errors.ts";
import type { GrantMode, KeptBlock } from "./block_keeper.ts";
import { UNHELD } from "./block_keeper.ts";
import type { BlockPlace } from "./block_message.ts";

/** What of a member's journal whoever recovers has to read. */
export interface JournalPart {
  /** Position below which nothing is needed: all of that is home, or answered for. */
  readonly from: number;
  /** Position up to which it is synced, and behind which it says nothing of what others have. */
  readonly safe: number;
}

/** One block as a member has it. */
export interface ReportedBlock extends BlockPlace {
  /** The turn by which it has it, or sent it on. */
  readonly turn: number;
  /** Whether it answers for it, or did until it sent it. */
  readonly isDirty: boolean;
  /** What it may do with it; undefined for what it sent on and does not know to have arrived. */
  readonly mode: GrantMode | undefined;
  /** Incarnation of the member that it sent it to. */
  readonly sentTo: string | undefined;
}

/** What somebody sent on: it has arrived, or it is to be looked whether it is its sender's again. */
export interface SentVerdict {
  readonly sender: string;
  readonly turn: number;
  readonly isBack: boolean;
}

/** A block as all members report it, and what is said about it to those that sent it on. */
export interface MergedBlock {
  readonly block: KeptBlock;
  readonly verdicts: readonly SentVerdict[];
}

/** What all members said of one block, by incarnation. */
export type BlockReports = ReadonlyArray<readonly [member: string, report: ReportedBlock]>;

/** The block as its new keeper has it. Throws an invariant error when two say what cannot be. */
export function mergeReports(reports: BlockReports): MergedBlock {
  const holders = reports.filter(([, it]) => it.mode !== undefined);
  const exclusive = holders.find(([, it]) => it.mode === "EX")?.[0];
  invariant(exclusive === undefined || holders.length === 1, "Nobody shares a block that one may change");
  const sent = reports.filter(([, it]) => it.mode === undefined);
  const back = sent.find((it) => isBack(it[1], reports));
  const owners = holders.filter(([, it]) => it.isDirty).map(([member]) => member);
  invariant(owners.length + (back === undefined ? 0 : 1) <= 1, "One member at most answers for a block");
  const block: KeptBlock = {
    ...UNHELD,
    exclusive,
    sharers: exclusive === undefined ? holders.map(([member]) => member) : [],
    owner: exclusive ?? owners[0],
    turns: Math.max(...reports.map(([, it]) => it.turn)),
  };
  const verdicts = sent.map(([sender, it]) => ({ sender, turn: it.turn, isBack: back?.[1] === it }));
  return { block, verdicts };
}

/** The block once its sender says that it has it again: it reads it, and answers for it. */
export function takenBack(block: KeptBlock, sender: string): KeptBlock {
  return { ...block, sharers: [...block.sharers.filter((it) => it !== sender), sender], owner: sender };
}

/**
 * Whether nobody says that what was sent on has come to whom it was sent. It may have, and be home by now.
 */
function isBack(sent: ReportedBlock, reports: BlockReports): boolean {
  if (!sent.isDirty) return false;
  return !reports.some(([member, it]) =>
    it !== sent &&
    (it.turn > sent.turn || (it.mode !== undefined && it.turn === sent.turn && member === sent.sentTo))
  );
}
