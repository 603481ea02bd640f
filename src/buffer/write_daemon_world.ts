/** What the write daemon needs: its settings, its member, and the two journals. Types only. */
import type { CohortError } from "../ground/errors.ts";
import type { Answer, Clock, Observer } from "../ports/mod.ts";
import type { Volume } from "../storage/volume.ts";
import type { Engine } from "./engine.ts";
import type { CycleImage } from "./write_cycle.ts";

/** What a cycle's header says besides its images. */
export interface CycleFacts {
  /** Redo position up to which the images hold everything. */
  readonly position: number;
  /** Highest stamp the images may have. */
  readonly stamp: number;
  /** Journal segment of that position. */
  readonly segment: number;
}

/** The image journal as the daemon needs it. */
export interface ImageSink {
  /** Takes space for a cycle of so many blocks; answers for how many there is: fewer on a full disk. */
  makeRoom(blocks: number): Answer<number>;
  /** Makes all images of a cycle durable, sealed by one sync. */
  writeCycle(cycle: number, images: readonly CycleImage[], facts: CycleFacts): Promise<void>;
  /** The cycle's volumes are synced: its images are needed no more. */
  release(cycle: number): Promise<void>;
}

/** The journal as the daemon needs it. */
export interface DaemonJournal {
  readonly position: number;
  makeSafe(position: number): Promise<void>;
}

/** Settings of the daemon. */
export interface WriteDaemonOptions {
  /** Most blocks a cycle takes. */
  readonly cycleBlocks: number;
  /** A cycle starts when more frames than this are dirty. */
  readonly dirtyTarget: number;
  /** Journal bytes after which everything dirty goes home and the journal is truncated. */
  readonly checkpointBytes: number;
  /** Milliseconds of quiet after which everything dirty goes home. */
  readonly idleMs: number;
}

/** What the daemon needs of its member. */
export interface WriteDaemonWorld {
  readonly engine: Engine;
  readonly journal: DaemonJournal;
  readonly images: ImageSink;
  readonly volumeAt: (index: number) => Volume | undefined;
  /** Number of the journal segment written now. */
  readonly segmentAt: () => number;
  readonly clock: Clock;
  readonly observer: Observer;
  /** A sync failed: the member ends. */
  readonly onStop: (error: CohortError) => void;
  /** All blocks changed before this journal position are home. */
  readonly onHome: (position: number) => Promise<void>;
}
