/** Runs one seed of a cluster in a world of its own and says what came of it. */
import { type Problem, Problems } from "../check/problems.ts";
import type { FaultKind } from "../faults.ts";
import { runToEnd } from "../run/run_to_end.ts";
import { type Drain, Scheduler } from "../scheduler.ts";
import { Trace } from "../trace.ts";
import { History } from "../workload/history.ts";
import { type ClusterOptions, describeCluster, drawCluster } from "./cluster_options.ts";
import { ClusterScenario } from "./cluster_scenario.ts";
import type { OpenClusterSubject } from "./cluster_subject.ts";

/** How to run a seed. */
export interface ClusterRun {
  readonly open: OpenClusterSubject;
  readonly drain?: Drain | undefined;
  readonly print?: ((line: string) => void) | undefined;
  /** Changes what was drawn: for plays. */
  readonly change?: ((options: ClusterOptions) => ClusterOptions) | undefined;
}

/** What came of a seed. */
export interface ClusterResult {
  readonly seed: number;
  readonly hash: string;
  readonly problems: readonly Problem[];
  readonly options: string;
  readonly operations: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly losses: number;
  readonly recoveries: number;
  readonly rounds: number;
  readonly lives: number;
  readonly leaves: number;
  /** Looks, one each 50 virtual ms, at which a member beside others had a database as a whole. */
  readonly wides: number;
  readonly events: number;
  readonly virtualSeconds: number;
}

/** Runs a seed. Never rejects: what goes wrong is a problem of the result. */
export async function runCluster(seed: number, run: ClusterRun): Promise<ClusterResult> {
  const trace = new Trace(run.print);
  const scheduler = new Scheduler(seed, trace, run.drain);
  const problems = new Problems();
  const history = new History(problems);
  const drawn = drawCluster(seed);
  const options = run.change?.(drawn) ?? drawn;
  const scenario = new ClusterScenario({ options, scheduler, trace, problems, open: run.open }, history);
  await runToEnd({ scheduler, trace, problems, history }, scenario);
  const { world } = scenario;
  return {
    seed,
    hash: trace.hash(),
    problems: problems.list,
    options: describeCluster(options),
    operations: history.operations,
    counts: history.counts,
    failures: history.failures,
    faults: world.host.plan.counts(),
    losses: world.losses,
    recoveries: world.recoveries,
    rounds: world.rounds,
    lives: world.begun,
    leaves: world.leaves,
    wides: world.wides,
    events: scheduler.events,
    virtualSeconds: Math.floor(scheduler.now / 1e6),
  };
}
