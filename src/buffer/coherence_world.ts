/** What coherence needs of its member, and what it counts. Types only. */
import type { Courier } from "../ports/mod.ts";
import type { Volume } from "../storage/volume.ts";
import type { Handover } from "./block_holder.ts";
import type { LeftBehind } from "./left_behind.ts";
import type { Loader } from "./loader.ts";
import type { Pool } from "./pool.ts";
import type { Stamps } from "./stamps.ts";

/** What coherence needs of its member. */
export interface CoherenceWorld {
  readonly pool: Pool;
  readonly loader: Loader;
  readonly stamps: Stamps;
  readonly courier: Courier;
  /** Volumes that were let go of as they were. */
  readonly left: LeftBehind;
  /** Position of this member's journal. */
  readonly position: () => number;
  /**
   * A block is about to leave: it is taken out of the running write cycle. What to wait for, when its home
   * write was issued already: until one has succeeded. Never, when the member stops.
   */
  readonly letGo: (volume: Volume, block: number) => Promise<void> | undefined;
  /** How it hands over what it changed; other members may do otherwise. */
  readonly handover: Handover;
  /**
   * Brings a dirty block home among the first. Resolves once a cycle took it, or failed: it may be dirty
   * still. Never, when the member stops.
   */
  readonly bringHome: (volume: Volume, block: number) => Promise<void>;
  /** Something is to be brought home that another member changed. */
  readonly nudge: () => void;
  /** Resolves when a frame may be had. */
  readonly makeRoom: () => Promise<void>;
  /** Runs a task in a later turn. */
  readonly soon: (task: () => void) => void;
  /** Resolves after a while: what failed is tried again then. */
  readonly rest: () => Promise<void>;
  /**
   * A message could not be sent: the view must be looked at. Or `CORRUPT`: an image came that cannot be; it
   * was not taken, and its sender was told to send it again. Or what a read of a volume failed by, without
   * which a block cannot be taken back: it is tried again.
   */
  readonly onTrouble: (error: unknown) => void;
}

/** Counts of one member since it opened. */
export interface CoherenceCounts {
  /** Blocks asked for. */
  readonly asked: number;
  /** Blocks given up because somebody else wanted them. */
  readonly revoked: number;
  /** Blocks sent to another member. */
  readonly transfers: number;
  /** Blocks that another member was left to read at home. */
  readonly left: number;
}
