/**
 * What a worker process is asked to do, and what it answers: the shapes that all files of this bench share.
 */

/** Records unless asked otherwise. */
export const RECORDS = 1_000_000;

/** What runs a worker. */
export type Runtime = "deno" | "bun";

/**
 * `load` makes the data, once; `one` is W2, W4, W5 and W6 in one process; `read` W2, `count` W6 and `mix` W7
 * in two at a time.
 */
export type Step = "load" | "one" | "read" | "count" | "mix";

/** How a changed block goes from one member to another (DESIGN D6). */
export type Handover = "direct" | "disk";

/** A worker's orders. */
export interface Job {
  readonly subject: string;
  readonly runtime: Runtime;
  readonly step: Step;
  /** Which of the processes it is, from 0. */
  readonly part: number;
  /** How many there are. */
  readonly parts: number;
  readonly records: number;
  /** Milliseconds of a timed loop; as long again is spent on warming up. */
  readonly ms: number;
  /** A folder of this subject alone. */
  readonly directory: string;
  /** Cohort only: mounted privately, or in a cluster with this handover. */
  readonly mount?: "private" | Handover | undefined;
}

/** What members told each other, and made durable. */
export interface Costs {
  /** Blocks that came from another member. */
  readonly transfers: number;
  /** Messages about blocks. */
  readonly messages: number;
  /** Syncs: of journals, of image journals, of the volume. */
  readonly syncs: number;
}

/** What one process says of one loop. */
export interface PartFigure {
  readonly workload: Workload;
  /** Operations a second of this process. */
  readonly rate: number;
  /** Operations of the timed loop. */
  readonly operations: number;
  /** When the timed loop began and ended: milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
  /** Milliseconds by which it began after the instant it was given. */
  readonly lateMs: number;
  /** What they cost, all together. */
  readonly costs?: Costs | undefined;
  /** What was set, in words. */
  readonly settings: string;
}

/** What a timed loop gives. */
export type TimedFigure = Omit<PartFigure, "workload" | "settings">;

/** What all processes of a subject gave together, as it is stored. */
export interface Line {
  readonly round: number;
  readonly workload: Workload;
  readonly runtime: Runtime | "own";
  readonly subject: string;
  /** Operations a second of all processes. */
  readonly rate: number;
  /** What the slowest process did, of its fair part: 1 when all did as much. */
  readonly share: number;
  /** For one operation. */
  readonly costs?: Costs | undefined;
  /** Milliseconds by which the last of the processes began after the instant. */
  readonly lateMs: number;
  readonly settings: string;
}

/** What processes gave together, of no round or subject yet. */
export type Together = Pick<Line, "workload" | "rate" | "share" | "costs" | "lateMs" | "settings">;

/** Every workload, in the order of tables; those that name no number of processes are of one. */
export const WORKLOADS = [
  "W2 get",
  "W4 durable, 1 writer",
  "W4 durable, 64 writers",
  "W5 relaxed, 1 in flight",
  "W5 relaxed, 64 in flight",
  "W6 counter, 1 in flight",
  "W6 counter, 64 in flight",
  "W2 get, 2 processes",
  "W6 same counter, 2 processes, 1 in flight",
  "W6 same counter, 2 processes, 64 in flight",
  "W6 different counters, 2 processes, 1 in flight",
  "W6 different counters, 2 processes, 64 in flight",
  "W7 own ranges, 2 processes, 1 in flight",
  "W7 own ranges, 2 processes, 64 in flight",
  "W7 uniform, 2 processes, 1 in flight",
  "W7 uniform, 2 processes, 64 in flight",
] as const;

/** Name of a workload. */
export type Workload = typeof WORKLOADS[number];

/** Where a worker runs its loops: all processes of a step begin each at the same instant. */
export interface Stage {
  /**
   * Says it is ready, waits for the instant (milliseconds since 1970), runs the loop and tells its figure.
   */
  together(
    workloads: readonly Workload[],
    settings: string,
    loop: (at: number) => Promise<TimedFigure>,
  ): Promise<void>;
}

/** Does one step of one subject, as one of its processes. */
export type Subject = (job: Job, stage: Stage) => Promise<void>;

/** The records a process works in: all, or its own part. */
export function rangeOf(job: Job, isOwn: boolean): { readonly first: number; readonly some: number } {
  if (!isOwn) return { first: 0, some: job.records };
  const some = Math.floor(job.records / job.parts);
  return { first: some * job.part, some };
}

/** One in flight and 64: a subject whose calls are synchronous has one figure for both. */
export function both(name: string): Workload[] {
  return WORKLOADS.filter((it) => it === `${name}, 1 in flight` || it === `${name}, 64 in flight`);
}

/** Costs added up. */
export function sumOf(all: readonly Costs[]): Costs {
  const sum = (pick: (costs: Costs) => number): number => all.reduce((total, it) => total + pick(it), 0);
  return {
    transfers: sum((it) => it.transfers),
    messages: sum((it) => it.messages),
    syncs: sum((it) => it.syncs),
  };
}

/** Costs by so many operations. */
export function perOperation({ transfers, messages, syncs }: Costs, operations: number): Costs {
  return {
    transfers: transfers / operations,
    messages: messages / operations,
    syncs: syncs / operations,
  };
}

/**
 * The figures that the processes of a subject gave for one workload, put together: the operations of all in
 * the time from the first that began to the last that ended. Were rates added, one that waited until
 * another's loop was over, and then ran alone, would count as if both had run at once.
 */
export function together(parts: readonly PartFigure[]): Together {
  const { workload, settings } = parts[0]!;
  const operations = parts.reduce((sum, it) => sum + it.operations, 0);
  const ms = Math.max(...parts.map((it) => it.ended)) - Math.min(...parts.map((it) => it.began));
  const costs = parts.flatMap((it) => it.costs ?? []);
  return {
    workload,
    rate: parts.length === 1 ? parts[0]!.rate : operations / ms * 1000,
    share: Math.min(...parts.map((it) => it.operations)) / (operations / parts.length),
    ...(costs.length === 0 ? {} : { costs: perOperation(sumOf(costs), operations) }),
    lateMs: Math.max(...parts.map((it) => it.lateMs)),
    settings,
  };
}
