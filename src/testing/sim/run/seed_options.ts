/**
 * What a seed draws before anything runs: sizes, manners, faults, crashes. Printed for every failing seed.
 */
import type { CutStyle } from "../fates.ts";
import { CUT_STYLES } from "../fates.ts";
import { BETRAYALS, drawRules, type FaultKind, type FaultRule, HONEST_FAULTS } from "../faults.ts";
import { drawLatencies, type Latencies } from "../latencies.ts";
import { Prng } from "../prng.ts";
import { drawMix, type Mix } from "../workload/client.ts";
import { drawSizes, type ValueSizes } from "../workload/draw.ts";
import type { SubjectOptions } from "../workload/subject.ts";

/** How an epoch ends. */
export type EpochEnd = "kill" | "power" | "close";

/** One epoch: from one check of everything to the next. */
export interface EpochPlan {
  readonly end: EpochEnd;
  /** Operations before the end is near. */
  readonly operations: number;
  /** Port calls after those, at one of which a crash strikes. */
  readonly calls: number;
  /** Whether it strikes before or after the call has its effect. */
  readonly moment: "before" | "after";
  readonly style: CutStyle | "mixed";
  /** Port call of the recovery that follows at which that one is struck too; 0 for none. */
  readonly again: number;
  /** What strikes it. */
  readonly againBy: "kill" | "power";
  /** Virtual milliseconds the process is stopped for once in the epoch; 0 for not. */
  readonly pauseMs: number;
  /** Virtual milliseconds by which the wall clock jumps once; 0 for not. */
  readonly jumpMs: number;
  /** Virtual milliseconds for which the disk is full once; 0 for not. */
  readonly fullMs: number;
  /** Virtual milliseconds that a close may take before the node ends without it; 0 for any time. */
  readonly closeMs: number;
}

/** All that a seed draws. */
export interface SeedOptions {
  readonly seed: number;
  readonly databases: number;
  readonly clients: number;
  readonly keys: number;
  /** Blocks the volumes have before the first epoch, so that the pool holds but a part of them. */
  readonly fillBlocks: number;
  readonly subject: SubjectOptions;
  readonly latencies: Latencies;
  readonly mix: Mix;
  readonly sizes: ValueSizes;
  readonly rules: readonly FaultRule[];
  readonly epochs: readonly EpochPlan[];
  /** The last epoch goes on until there were so many, those that fill the volumes among them. */
  readonly operationsMin: number;
  /** Whether another database comes and goes meanwhile. */
  readonly side: boolean;
  /** A betrayal by the drive for a last phase with weaker demands; undefined for none. */
  readonly betrayal: FaultKind | undefined;
}

/** What a run may be told besides its seed. */
export interface SizeOptions {
  /** Operations in all epochs together, about. */
  readonly operations?: number;
  /** Least blocks of the volumes together. */
  readonly blocks?: number;
  /** Least kinds of fault. */
  readonly faultKinds?: number;
}

/** One in so many seeds has merges that are larger than its pool. */
const LARGE_MERGES_EVERY = 4;

/** Operations that a full seed has at least. */
const OPERATIONS_MIN = 2_000;

/** Draws the options of a full seed. */
export function drawSeed(seed: number, size: SizeOptions = {}): SeedOptions {
  const chance = new Prng(seed, "options");
  const operations = size.operations ?? chance.between(1450, 1550);
  const epochs = chance.between(3, 4);
  return {
    seed,
    databases: chance.weighted([0, 5, 3, 1]),
    clients: chance.pick([1, 2, 4, 8, 16]),
    keys: chance.pick([2, 5, 12]),
    fillBlocks: size.blocks ?? 520,
    subject: drawSubject(chance),
    latencies: drawLatencies(chance),
    mix: drawMix(chance, seed % LARGE_MERGES_EVERY === LARGE_MERGES_EVERY - 1),
    sizes: drawSizes(chance),
    rules: drawRules(chance, HONEST_FAULTS, size.faultKinds ?? 5),
    operationsMin: size.operations === undefined ? OPERATIONS_MIN : 0,
    epochs: Array.from({ length: epochs }, (_, i) => drawEpoch(chance, operations / epochs, i < 3)),
    betrayal: chance.chance(1, 4) ? chance.pick(BETRAYALS) : undefined,
    side: chance.chance(2, 3),
  };
}

function drawSubject(chance: Prng): SubjectOptions {
  return {
    directory: "/data/journals",
    durability: chance.chance(2, 3) ? "sync" : "relaxed",
    syncIntervalMs: chance.pick([5, 50, 200]),
    poolBlocks: chance.pick([24, 32, 48, 64]),
    extentBlocks: chance.pick([64, 64, 128, 512]),
    segmentBytes: 65_536 * chance.pick([1, 1, 2, 4]),
    checkpointBytes: 65_536 * chance.pick([1, 2, 4, 16]),
    cycleBlocks: chance.pick([1, 4, 8, 16]),
    leaseMs: chance.pick([200, 1000, 1000]),
    idleMs: chance.pick([5, 100, 2000]),
  };
}

function drawEpoch(chance: Prng, operations: number, mustCrash: boolean): EpochPlan {
  const rarely = (most: number, times: number) => chance.chance(1, times) ? chance.between(1, most) : 0;
  return {
    end: mustCrash ? chance.pick(["kill", "power", "power"]) : chance.pick(["kill", "power", "close"]),
    operations: Math.floor(operations),
    calls: chance.chance(1, 3) ? 1 : chance.between(1, 60),
    moment: chance.pick(["before", "after"]),
    style: chance.chance(1, 2) ? "mixed" : chance.pick(CUT_STYLES),
    again: chance.chance(1, 2) ? chance.between(1, 90) : 0,
    againBy: chance.pick(["kill", "power"]),
    pauseMs: rarely(20_000, 3),
    jumpMs: rarely(7_200_000, 4) - rarely(7_200_000, 4),
    fullMs: rarely(5_000, 4),
    closeMs: rarely(300, 4),
  };
}

/** The options in a few lines, for people. */
export function describeSeed(options: SeedOptions): string {
  const { subject, latencies, mix, sizes } = options;
  const rules = options.rules.map((r) => `${r.kind}/${r.use} ${r.per10000}‱ ≤${r.most}`).join(", ");
  const epochs = options.epochs.map((e) => {
    const extra = [
      e.again > 0 ? `${e.againBy} again@${e.again}` : "",
      e.pauseMs > 0 ? `pause ${e.pauseMs}ms` : "",
      e.jumpMs === 0 ? "" : `jump ${e.jumpMs}ms`,
      e.fullMs > 0 ? `full ${e.fullMs}ms` : "",
      e.closeMs > 0 ? `close ≤${e.closeMs}ms` : "",
    ].filter((text) => text !== "").join(" ");
    return `${e.end}@${e.operations}+${e.calls}${e.moment === "before" ? "b" : "a"} ${e.style} ${extra}`
      .trim();
  });
  return [
    `${options.databases} databases of ${options.fillBlocks} blocks${
      options.side ? " and one that comes and goes" : ""
    }; ${options.clients} clients`,
    `node: ${JSON.stringify(subject)}`,
    `disk: read ${latencies.readUs} write ${latencies.writeUs} sync ${latencies.syncUs} us, ` +
    `by value % ${JSON.stringify(latencies.valuePercent)}`,
    `mix: writes ${mix.writes} weights ${mix.weights} steps ≤${mix.transactionSteps} spread ${mix.spread} ` +
    `rest ${mix.restUs}us sizes ${sizes.weights}`,
    `faults: ${rules}`,
    `epochs: ${epochs.join(" | ")}${options.betrayal === undefined ? "" : `; then ${options.betrayal}`}`,
  ].join("\n  ");
}
