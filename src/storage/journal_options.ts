/** What a journal is made of, and the states it may be in (types only). */
import type { CohortError } from "../ground/errors.ts";
import type { Clock, Observer, Storage } from "../ports/mod.ts";
import type { JournalHistory } from "./journal_files.ts";

/**
 * - `enabled`: groups are admitted and written
 * - `stopped`: closed, or ended by an error: nothing is written any more
 * - `frozen`: a write failed; it is tried again until it succeeds, and who asks for space waits
 * - `paused`: who asks for space waits for the next segment
 */
export type JournalState = "enabled" | "stopped" | "frozen" | "paused";

/** What a new journal needs. */
export interface JournalOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Directory of this incarnation's journal; made when it is missing. */
  readonly directory: string;
  /** Incarnation of the node: 32 hexadecimal digits. */
  readonly incarnation: string;
  /** When an operation may be acknowledged: when it is synced, or already when it is written (D5). */
  readonly durability: "sync" | "relaxed";
  /**
   * Milliseconds after which what was written is synced and what was synced is named, if nothing else does
   * it.
   */
  readonly syncIntervalMs: number;
  /** Lower than every stamp that will be appended. */
  readonly firstStamp: number;
  /** Bytes of a segment file; 64 MiB by default. */
  readonly segmentBytes?: number;
  /** Most bytes of space taken at a time, ahead of the position; 4 MiB by default. */
  readonly reserveBytes?: number;
  /**
   * Least bytes of it, taken by a new journal; from there it grows with what is written. `reserveBytes` by
   * default.
   */
  readonly firstReserveBytes?: number;
  /** Most bytes collected while a write runs; 8 MiB by default. A larger group goes alone. */
  readonly bufferBytes?: number;
  /** Keeps dropped segments for a while; by default they are removed at once. */
  readonly history?: JournalHistory;
  /** Cluster session, 0 outside a cluster. */
  readonly session?: number;
  /** Told, again and again, while there is no space for more: what can be dropped should be. */
  readonly onShort?: () => void;
  /** Told once when the journal ends by itself: `SYNC_FAILED`, or what a write was refused with. */
  readonly onStop: (error: CohortError) => void;
}
