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
/** Blocks whose moves are counted: of twice as many the half is kept that moves most. */
const HOT_KEPT = 64;

/** What can be told of one volume at one member, since it was mounted there. */
export interface BlockCounts {
  /** Blocks asked for because they were not here, or not in the mode needed. */
  readonly asked: number;
  /** Of those, granted. */
  readonly granted: number;
  /** Of those granted, taken without asking anybody, because this member had the database as a whole. */
  readonly taken: number;
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

/**
 * How a member has a shared volume: by `block`, each by leave of its keeper; or as a whole `database`, which
 * no other member uses: then what it needs costs no message.
 */
export type GrantWidth = "block" | "database";

/** The same, and how the member has the volume now. */
export interface VolumeCoherence extends BlockCounts {
  /** By `block`, or as a whole `database` because no other member of the cluster has mounted it. */
  readonly width: GrantWidth;
}

/** Counts of one volume. */
export class VolumeCounts {
  asked = 0;
  granted = 0;
  taken = 0;
  revoked = 0;
  transfers = 0;
  left = 0;
  readonly #messages = new Map<BlockMessageKind, number>();
  /** Moves by block; an estimate for those that came after others were forgotten, and never too low. */
  #moves = new Map<number, number>();
  /** Most moves of one that was forgotten. */
  #forgotten = 0;

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
    this.#moves.set(block, (this.#moves.get(block) ?? this.#forgotten) + 1);
    if (this.#moves.size < 2 * HOT_KEPT) return;
    const falling = [...this.#moves].sort((a, b) => b[1] - a[1]);
    this.#forgotten = falling[HOT_KEPT]![1];
    this.#moves = new Map(falling.slice(0, HOT_KEPT));
  }

  /** All of it, as it stands. */
  look(): BlockCounts {
    let critical = 0, background = 0;
    for (const [kind, count] of this.#messages) {
      if (BACKGROUND.has(kind)) background += count;
      else critical += count;
    }
    const { asked, granted, taken, revoked, transfers, left } = this;
    const hottest = [...this.#moves].sort((a, b) => b[1] - a[1]).slice(0, 8)
      .map(([block, moves]) => ({ block, transfers: moves }));
    return { asked, granted, taken, revoked, transfers, left, critical, background, hottest };
  }
}

/** What all volumes count together. */
export function sumOf(all: Iterable<VolumeCounts>): CoherenceCounts {
  let asked = 0, revoked = 0, transfers = 0, left = 0;
  for (const it of all) {
    asked += it.asked;
    revoked += it.revoked;
    transfers += it.transfers;
    left += it.left;
  }
  return { asked, revoked, transfers, left };
}
