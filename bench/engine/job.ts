/**
 * What a worker process is asked to do, and what it answers: the shapes that all files of the bench share.
 */

/** Records unless asked otherwise. */
export const RECORDS = 1_000_000;

/** A step: one worker process of one subject. */
export type Step = "load" | "read" | "write" | "increment" | "beyond";

/** What runs a worker. */
export type Runtime = "deno" | "bun";

/** A worker's orders. */
export interface Job {
  readonly subject: string;
  readonly runtime: Runtime;
  readonly step: Step;
  /** Records of the data set. */
  readonly records: number;
  /** Milliseconds of a timed loop. */
  readonly ms: number;
  /** A folder of this subject alone; what `load` left there is what the other steps find. */
  readonly directory: string;
}

/** One figure. */
export interface Figure {
  readonly workload: Workload;
  /** Operations or records a second. */
  readonly rate: number;
  readonly p50Us?: number | undefined;
  readonly p99Us?: number | undefined;
  /** What was set, in words: durability, caches, how many a transaction. */
  readonly settings: string;
}

/** A figure as it is stored. */
export interface Line extends Figure {
  readonly round: number;
  readonly runtime: Runtime | "own";
  readonly subject: string;
}

/** Every workload, in the order of tables. */
export const WORKLOADS = [
  "W1 load, sequential",
  "W1 load, scattered",
  "W2 get",
  "W3 scan",
  "W4 durable, 1 writer",
  "W4 durable, 64 writers",
  "W5 relaxed, 1 in flight",
  "W5 relaxed, 64 in flight",
  "W6 increment, 1 in flight",
  "W6 increment, 64 in flight",
  "4x pool, get",
  "4x pool, mixed 90/10",
] as const;

/** Name of a workload. */
export type Workload = typeof WORKLOADS[number];

/** Does one step of one subject, telling each figure as it is measured. */
export type Subject = (job: Job, tell: (figure: Figure) => void) => Promise<void>;

/** Bytes a record takes in most engines; a pool of a quarter of the data is reckoned by it. */
const RECORD_BYTES = 130;

/** Bytes of the pool in the step `beyond`: a quarter of the data. */
export function quarterPool(job: Job): number {
  return Math.max(1 << 20, Math.floor(job.records * RECORD_BYTES / 4));
}
