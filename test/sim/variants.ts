/**
 * Seeds of a cluster under one strain more than is drawn: what only happens there is looked for there.
 *
 * - `churn`: members die, leave and come back all the time, so that one view follows another while messages
 *   of the one before are on their way; the network and the volumes are slow.
 * - `leave`: members leave in good order and come back all the time, and the volumes are slow.
 * - `crowd`: pools are as small as they may be, and merges are larger than they are.
 */
import type { FaultRule } from "../../src/testing/sim/faults.ts";
import type { ClusterOptions, ClusterPhase } from "../../src/testing/sim/cluster/cluster_options.ts";

const SLOW_VOLUMES: readonly FaultRule[] = [{ kind: "stall", use: "volume", per10000: 2000, most: 60 }];
/** Blocks of the pools of a crowd. */
const POOL_BLOCKS = 24;
/** Most nodes a merge copies there, and its weight among all that clients do. */
const MERGE_NODES = 1000, MERGE_WEIGHT = 30;
/** Virtual microseconds one way in a churn; the tail is 50 times as long. */
const DELAY_US = 5000;

function churned({ windows, troubles }: ClusterPhase): ClusterPhase {
  const again = (kind: "kill twice" | "leave", later: number) =>
    troubles.map((it, i) => ({
      ...it,
      kind,
      pick: it.pick + later,
      atUs: it.atUs + 1_000 * later * i,
      window: (it.window + later) % Math.max(1, windows.length - 2),
    }));
  const leaves = windows.slice(2).flatMap((_, i) => again("leave", i));
  return {
    windows: windows.map((it) => Math.ceil(it / 3)),
    troubles: [...troubles, ...again("kill twice", 1), ...leaves],
  };
}

function left({ windows, troubles }: ClusterPhase): ClusterPhase {
  const leaves = [0, 1, 2, 3, 4].flatMap((window) =>
    troubles.map((it, i) => ({
      ...it,
      kind: "leave" as const,
      pick: it.pick + window,
      atUs: it.atUs + 1_000 * window * i,
      window,
    }))
  );
  return { windows: windows.map((it) => Math.ceil(it / 2)), troubles: [...troubles, ...leaves] };
}

/** What a variant makes of the options that a seed drew. */
export const VARIANTS: Readonly<Record<string, (drawn: ClusterOptions) => ClusterOptions>> = {
  churn: (drawn) => ({
    ...drawn,
    restartMs: 100,
    manner: { ...drawn.manner, delayUs: DELAY_US, clogs: 50, clogUs: 500_000 },
    rules: SLOW_VOLUMES,
    phases: drawn.phases.map(churned),
  }),
  leave: (drawn) => ({ ...drawn, restartMs: 100, rules: SLOW_VOLUMES, phases: drawn.phases.map(left) }),
  crowd: (drawn) => ({
    ...drawn,
    subject: { ...drawn.subject, poolBlocks: POOL_BLOCKS },
    mix: {
      ...drawn.mix,
      mergeNodes: MERGE_NODES,
      weights: drawn.mix.weights.map((weight, i) => i === 1 ? MERGE_WEIGHT : weight),
    },
  }),
};
