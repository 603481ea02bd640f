/**
 * Block counts: what the sharing of one volume costs one member, by kind of message, and which of its blocks
 * move most. Messages to this member itself cost nothing and are not counted.
 */
import type { CoherenceCounts } from "./coherence_world.ts";

/** Kinds of messages about blocks. */
export type BlockMessageKind =
  | "ask"
  | "grant"
  | "demand"
  | "drop"
  | "image"
  | "dropped"
  | "got"
  | "arrived"
  | "give"
  | "other";

/** Kinds that nobody waits for when a block changes hands: they come after the asker has gone on. */
const BACKGROUND: ReadonlySet<BlockMessageKind> = new Set(["got", "arrived", "give"]);
/** Blocks whose moves are counted at most; of more, those are kept that move most. */
const HOT_MAX = 64;

/** What can be told of one volume at one member, since it was mounted there. */
export interface BlockCounts {
  /** Blocks asked for because they were not here, or not in the mode needed. */
  readonly asked: number;
  /** Of those, granted. */
  readonly granted: number;
  /** Blocks given up because another member wanted them. */
  readonly revoked: number;
  /** Blocks sent to another member, with their bytes. */
  readonly transfers: number;
  /** Blocks that another member was left to read at home. */
  readonly left: number;
  /** Messages that somebody waited for. */
  readonly critical: number;
  /** Messages that nobody waited for. */
  readonly background: number;
  /** The blocks that moved most, with how often they were sent from here; at most eight. */
  readonly hottest: ReadonlyArray<{ readonly block: number; readonly transfers: number }>;
}

/** Counts of one volume. */
export class VolumeCounts {
  asked = 0;
  granted = 0;
  revoked = 0;
  transfers = 0;
  left = 0;
  readonly #messages = new Map<BlockMessageKind, number>();
  /** Moves by block; an estimate for those that came when the table was full, and never too low. */
  readonly #moves = new Map<number, number>();

  /** A message was sent. */
  sent(kind: BlockMessageKind): void {
    this.#messages.set(kind, this.messagesOf(kind) + 1);
  }

  /** How many of a kind were. */
  messagesOf(kind: BlockMessageKind): number {
    return this.#messages.get(kind) ?? 0;
  }

  /** A block was sent to another member. */
  moved(block: number): void {
    this.transfers++;
    const known = this.#moves.get(block);
    if (known === undefined && this.#moves.size >= HOT_MAX) {
      const [coldest, count] = [...this.#moves].reduce((a, b) => b[1] < a[1] ? b : a);
      this.#moves.delete(coldest);
      this.#moves.set(block, count + 1);
    } else this.#moves.set(block, (known ?? 0) + 1);
  }

  /** All of it, as it stands. */
  look(): BlockCounts {
    let critical = 0, background = 0;
    for (const [kind, count] of this.#messages) {
      if (BACKGROUND.has(kind)) background += count;
      else critical += count;
    }
    const { asked, granted, revoked, transfers, left } = this;
    const hottest = [...this.#moves].sort((a, b) => b[1] - a[1]).slice(0, 8)
      .map(([block, moves]) => ({ block, transfers: moves }));
    return { asked, granted, revoked, transfers, left, critical, background, hottest };
  }
}

/** What all volumes count together. */
export function sumOf(all: Iterable<VolumeCounts>): CoherenceCounts {
  let asked = 0, revoked = 0, sent = 0, left = 0;
  for (const it of all) {
    asked += it.asked;
    revoked += it.revoked;
    sent += it.transfers;
    left += it.left;
  }
  return { asked, revoked, sent, left };
}
