/** What a seed of the cluster's simulator draws before anything runs. Printed for every failing seed. */
import { drawRules, type FaultRule, HONEST_FAULTS } from "../faults.ts";
import { drawLatencies, type Latencies } from "../latencies.ts";
import { Prng } from "../prng.ts";
import { drawNetwork, type NetworkManner } from "../sim_network.ts";
import { drawMix, type Mix } from "../workload/client.ts";
import { drawSizes, type ValueSizes } from "../workload/draw.ts";
import type { SubjectOptions } from "../workload/subject.ts";
import type { ClusterRhythm } from "./cluster_subject.ts";
import { drawTrouble, LOSSES, OTHERS, type Trouble } from "./trouble.ts";

/** One phase: from one check of everything to the next. */
export interface ClusterPhase {
  /** Operations in each window of time, about. */
  readonly windows: readonly number[];
  readonly troubles: readonly Trouble[];
}

/** All that a seed draws. */
export interface ClusterOptions {
  readonly seed: number;
  readonly members: number;
  readonly databases: number;
  /** Clients of each member. */
  readonly clients: number;
  readonly keys: number;
  readonly subject: SubjectOptions;
  readonly rhythm: ClusterRhythm;
  /** Milliseconds between two rounds of checkpoints. */
  readonly checkpointMs: number;
  readonly latencies: Latencies;
  readonly manner: NetworkManner;
  readonly mix: Mix;
  readonly sizes: ValueSizes;
  readonly rules: readonly FaultRule[];
  /** Virtual milliseconds of a window: work comes in bursts, one at the beginning of each. */
  readonly windowMs: number;
  readonly phases: readonly ClusterPhase[];
  /** Whether a member has the same name in each of its lives. */
  readonly keepsNames: boolean;
  /** Whether monotonic clocks run up to a tenth too fast or slow. */
  readonly wrongClocks: boolean;
  /** Longest virtual milliseconds until a member that is gone is started again. */
  readonly restartMs: number;
  /** Most virtual microseconds that a client rests between two operations of a burst. */
  readonly restUs: number;
}

/** Virtual milliseconds and operations of all phases together. */
const MS_MIN = 20_500;
const OPERATIONS_MIN = 2_050;

/** Draws the options of a seed. */
export function drawCluster(seed: number): ClusterOptions {
  const chance = new Prng(seed, "cluster options");
  const members = chance.between(3, 5);
  const phases = chance.between(3, 4);
  const windowMs = chance.pick([250, 500, 1000]);
  const windows = Math.ceil(MS_MIN / windowMs / phases);
  const manner = drawNetwork(chance);
  const slow = Math.max(1, Math.floor(manner.delayUs / 500));
  return {
    seed,
    members,
    databases: chance.between(2, 3),
    clients: chance.between(2, 4),
    keys: chance.pick([2, 5, 12]),
    subject: drawSubject(chance),
    rhythm: drawRhythm(chance),
    checkpointMs: new Prng(seed, "checkpoints").pick([150, 500, 2_000]),
    latencies: drawLatencies(chance),
    manner,
    mix: drawWork(seed, chance),
    sizes: drawSizes(chance),
    rules: drawFaults(seed, chance),
    windowMs,
    phases: withAbsences(
      new Prng(seed, "cluster absences"),
      Array.from({ length: phases }, () => drawPhase(chance, windows, OPERATIONS_MIN / phases)),
    ),
    keepsNames: chance.chance(1, 2),
    wrongClocks: chance.chance(1, 3),
    restartMs: chance.pick([100, 1000, 4000]),
    restUs: chance.pick([0, 0, 500, 5000]) * slow,
  };
}

/** What clients do; in a part of the seeds hardly anything but to count what all count. */
function drawWork(seed: number, chance: Prng): Mix {
  const mix = { ...drawMix(chance), restUs: 0 };
  const counting = new Prng(seed, "cluster counters");
  return counting.chance(1, 5) ? { ...mix, weights: [4, 0, 4, 4, 4, 80, 2, 0, 1, 1] } : mix;
}

/** A disk that only is slow now and then, or, in a part of the seeds, one that fails. */
function drawFaults(seed: number, chance: Prng): FaultRule[] {
  const stalls = chance.chance(1, 2) ? drawRules(chance, ["stall"], 1) : [];
  const failing = new Prng(seed, "cluster faults");
  return failing.chance(1, 4) ? drawRules(failing, HONEST_FAULTS, 2) : stalls;
}

function drawSubject(chance: Prng): SubjectOptions {
  return {
    directory: "/pij",
    durability: "sync",
    syncIntervalMs: chance.pick([5, 50, 200]),
    poolBlocks: chance.pick([24, 32, 48, 64]),
    extentBlocks: chance.pick([64, 64, 128, 512]),
    segmentBytes: 65_536 * chance.pick([1, 1, 2, 4]),
    checkpointBytes: 65_536 * chance.pick([1, 2, 4, 16]),
    cycleBlocks: chance.pick([1, 4, 8, 16]),
    leaseMs: 1000,
    idleMs: chance.pick([5, 100, 2000]),
  };
}

function drawRhythm(chance: Prng): ClusterRhythm {
  const pulseMs = chance.pick([50, 100]);
  return {
    pulseMs,
    networkMs: pulseMs * chance.pick([8, 15]),
    storageMs: pulseMs * chance.pick([8, 15]),
    settleMs: pulseMs * 2,
    leaseMs: pulseMs * chance.pick([5, 10]),
    leaseMarginMs: pulseMs * 3,
    joinMs: 60_000,
  };
}

/** Each phase loses somebody; what else happens is drawn. */
function drawPhase(chance: Prng, windows: number, operations: number): ClusterPhase {
  const rest = chance.between(1, 4);
  const troubles = [drawTrouble(chance, chance.pick(LOSSES), windows)];
  for (let i = 0; i < rest; i++) {
    troubles.push(drawTrouble(chance, chance.pick([...LOSSES, ...OTHERS]), windows));
  }
  const weights = Array.from({ length: windows }, () => chance.between(0, 4));
  const sum = Math.max(1, weights.reduce((all, it) => all + it, 0));
  return { windows: weights.map((it) => Math.ceil(operations * it / sum)), troubles };
}

/** In most phases a database is used by one member for a while, once or twice. */
function withAbsences(chance: Prng, phases: readonly ClusterPhase[]): ClusterPhase[] {
  return phases.map(({ windows, troubles }) => {
    const times = chance.below(3);
    const more = Array.from({ length: times }, () => drawTrouble(chance, "alone", windows.length));
    return { windows, troubles: [...troubles, ...more] };
  });
}

/** The options in a few lines, for people. */
export function describeCluster(options: ClusterOptions): string {
  const { subject, latencies, mix, sizes, manner, rhythm } = options;
  const rules = options.rules.map((r) => `${r.kind}/${r.use} ${r.per10000}‱ ≤${r.most}`).join(", ");
  const phases = options.phases.map(({ windows, troubles }) => {
    const texts = troubles.map((it) => {
      const { kind, window, atUs, forMs, calls, pick } = it;
      return `${kind}@${window}+${atUs}us${forMs > 0 ? ` ${forMs}ms` : ""}${calls > 0 ? ` ${calls}c` : ""} #${
        pick % 100
      }`;
    });
    return `${windows.length} windows: ${texts.join(", ")}`;
  });
  return [
    `${options.members} members with ${options.clients} clients each, ${options.databases} databases, ` +
    `${options.keys} shared keys, windows of ${options.windowMs} ms, restarts ≤${options.restartMs} ms` +
    `${options.keepsNames ? ", names kept" : ""}${options.wrongClocks ? ", wrong clocks" : ""}`,
    `node: ${JSON.stringify(subject)}`,
    `rhythm: ${JSON.stringify(rhythm)}, rounds each ${options.checkpointMs} ms`,
    `network: ${JSON.stringify(manner)}`,
    `disk: read ${latencies.readUs} write ${latencies.writeUs} sync ${latencies.syncUs} us, ` +
    `by value % ${JSON.stringify(latencies.valuePercent)}; faults: ${rules}`,
    `mix: writes ${mix.writes} weights ${mix.weights} steps ≤${mix.transactionSteps} spread ${mix.spread} ` +
    `rest ${options.restUs}us sizes ${sizes.weights}`,
    ...phases,
  ].join("\n  ");
}
