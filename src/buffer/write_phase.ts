/**
 * Phases of a write cycle, with the numbers of cache-cluster-rules W1 (those that have no work here are left
 * out).
 */
import type { CohortError } from "../ground/errors.ts";

/** Phase numbers. */
export const PHASE: {
  readonly idle: 0;
  readonly forming: 3;
  readonly journal: 4;
  readonly images: 5;
  readonly home: 8;
  readonly syncing: 9;
  readonly clearing: 10;
} = {
  /** Nothing to do. */
  idle: 0,
  /** Forming the block list: the only phase that holds updaters, for one turn. */
  forming: 3,
  /** Updaters run again; the journal is made safe up to the list. */
  journal: 4,
  /** Writing and syncing the image journal. */
  images: 5,
  /** Writing blocks home. */
  home: 8,
  /** Syncing the volumes. */
  syncing: 9,
  /** Releasing the image journal. */
  clearing: 10,
};

/** A phase number. */
export type Phase = (typeof PHASE)[keyof typeof PHASE];

/** What one write cycle did; the last 20 are kept (cache-cluster-rules W9). */
export interface CycleRecord {
  /** Number of the cycle. */
  readonly cycle: number;
  /** Blocks brought home. */
  readonly blocks: number;
  /** Of those, blocks changed again meanwhile. */
  readonly redirtied: number;
  /** Milliseconds until the journal was safe up to the cycle. */
  readonly journalMs: number;
  /** Milliseconds to write and sync the images. */
  readonly imagesMs: number;
  /** Milliseconds to write the blocks in place and sync their volumes. */
  readonly homeMs: number;
}

/** What the write daemon is doing. */
export interface WriteDaemonStatus {
  /** Where in its cycle it is; 0 when idle (see `PHASE`). */
  readonly phase: number;
  /** Cycles begun. */
  readonly cycle: number;
  /** Dirty frames now. */
  readonly dirty: number;
  /** Blocks brought home. */
  readonly blocksWritten: number;
  /** Blocks changed again while their cycle ran. */
  readonly blocksRedirtied: number;
  /** The last cycles, oldest first; at most 20. */
  readonly recent: readonly CycleRecord[];
  /** The counter "global update lock": true only while a list is formed. */
  readonly updatersHeld: boolean;
  /** Why writes are frozen. */
  readonly frozen: CohortError | undefined;
}
