/** Runs one seed in a world of its own and says what came of it. */
import { type Problem, Problems } from "../check/problems.ts";
import type { FaultKind } from "../faults.ts";
import { type Drain, Scheduler } from "../scheduler.ts";
import { Trace } from "../trace.ts";
import { History } from "../workload/history.ts";
import type { OpenSubject } from "../workload/subject.ts";
import { runToEnd } from "./run_to_end.ts";
import { Scenario } from "./scenario.ts";
import { describeSeed, drawSeed, type SeedOptions, type SizeOptions } from "./seed_options.ts";
import type { WorldParts, WrapWorld } from "./world.ts";

/** How to run a seed. */
export interface RunOptions {
  readonly open: OpenSubject;
  /** The runtime's own drain of promise jobs. */
  readonly drain?: Drain | undefined;
  /** Gets every line of the trace. */
  readonly print?: ((line: string) => void) | undefined;
  /** Puts a planted bug between node and world. */
  readonly wrap?: WrapWorld | undefined;
  readonly size?: SizeOptions | undefined;
  /** Changes what was drawn: for plays. */
  readonly change?: ((options: SeedOptions) => SeedOptions) | undefined;
}

/** What came of a seed. */
export interface SeedResult {
  readonly seed: number;
  readonly hash: string;
  readonly problems: readonly Problem[];
  /** The drawn options, for people. */
  readonly options: string;
  readonly operations: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly crashes: number;
  readonly recoveries: number;
  readonly blocks: number;
  readonly events: number;
  readonly virtualSeconds: number;
}

/** Runs a seed. Never rejects: what goes wrong is a problem of the result. */
export async function runSeed(seed: number, run: RunOptions): Promise<SeedResult> {
  const trace = new Trace(run.print);
  const scheduler = new Scheduler(seed, trace, run.drain);
  const problems = new Problems();
  const history = new History(problems);
  const drawn = drawSeed(seed, run.size);
  const options = run.change?.(drawn) ?? drawn;
  const parts: WorldParts = { options, scheduler, trace, problems, open: run.open, wrap: run.wrap };
  const scenario = new Scenario(parts, history);
  await runToEnd({ scheduler, trace, problems, history }, scenario);
  return {
    seed,
    hash: trace.hash(),
    problems: problems.list,
    options: describeSeed(options),
    operations: history.operations,
    counts: history.counts,
    failures: history.failures,
    faults: scenario.world.host.plan.counts(),
    crashes: scenario.counts.crashes,
    recoveries: scenario.counts.recoveries,
    blocks: scenario.counts.blocksMax,
    events: scheduler.events,
    virtualSeconds: Math.floor(scheduler.now / 1e6),
  };
}
