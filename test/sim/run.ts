/**
 * The simulator's command:
 * `npm run sim -- --seeds N [--seed S] [--tier T] [--trace] [--minutes M]`, T one of micro, full, rot,
 * cluster, and its variants churn, leave and crowd.
 *
 * Runs seeds one after the other, prints one line for each that fails with its options and the command that
 * plays it again, and ends with exit code 1 when any did.
 */
import process from "node:process";
import { setImmediate } from "node:timers";
import { openClusterEngine } from "../../src/testing/sim/bind_cluster.ts";
import { openEngine } from "../../src/testing/sim/bind_node.ts";
import type { Problem } from "../../src/testing/sim/check/problems.ts";
import { runCluster } from "../../src/testing/sim/cluster/run_cluster.ts";
import { runMicro } from "../../src/testing/sim/run/micro.ts";
import { runSeed } from "../../src/testing/sim/run/run_seed.ts";
import type { SeedOptions } from "../../src/testing/sim/run/seed_options.ts";
import { nativeDrain } from "./drain.ts";
import { VARIANTS } from "./variants.ts";

interface Flags {
  readonly seeds: number;
  readonly seed: number | undefined;
  readonly trace: boolean;
  readonly minutes: number;
  readonly quiet: boolean;
  readonly told: boolean;
  readonly tier: string;
  readonly untilFailed: boolean;
  /** Of a micro seed, only this run is recovered. */
  readonly only: number | undefined;
}

function flagsOf(args: readonly string[]): Flags {
  const value = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`);
    return at < 0 ? undefined : args[at + 1];
  };
  const number = (name: string): number | undefined => {
    const text = value(name);
    if (text === undefined) return undefined;
    const parsed = Number(text);
    if (!Number.isSafeInteger(parsed) || parsed < 0) {
      throw new RangeError(`--${name} is a whole number, got ${text}`);
    }
    return parsed;
  };
  return {
    seeds: number("seeds") ?? 1,
    seed: number("seed"),
    trace: args.includes("--trace"),
    minutes: number("minutes") ?? Infinity,
    quiet: args.includes("--quiet"),
    told: args.includes("--told"),
    tier: value("tier") ?? "full",
    untilFailed: args.includes("--until-failed"),
    only: number("only"),
  };
}

/** What a seed of either tier came to. */
interface Outcome {
  readonly hash: string;
  readonly problems: readonly Problem[];
  /** One line about it. */
  readonly line: string;
  /** More lines for one that failed. */
  readonly more: readonly string[];
}

/** A small seed that goes straight to its last phase, where bits rot. */
function onlyRot(options: SeedOptions): SeedOptions {
  return { ...options, fillBlocks: 40, epochs: [], betrayal: "bit_rot" };
}

async function runFull(seed: number): Promise<Outcome> {
  const change = flags.tier === "rot" ? onlyRot : undefined;
  const result = await runSeed(seed, { open: openEngine, drain, print, change });
  const faults = [...result.faults].map(([kind, count]) => `${kind} ${count}`).join(", ");
  return {
    hash: result.hash,
    problems: result.problems,
    line: `${result.operations} operations, ${result.crashes} crashes, ${result.blocks} blocks, ` +
      `${result.events} events, ${result.virtualSeconds} s; ${faults}`,
    more: [
      result.options,
      `operations: ${JSON.stringify(Object.fromEntries(result.counts))}`,
      `ended badly: ${JSON.stringify(Object.fromEntries(result.failures))}`,
    ],
  };
}

async function runSmall(seed: number): Promise<Outcome> {
  const { hash, problems, runs, program } = await runMicro(seed, {
    open: openEngine,
    drain,
    print,
    only: flags.only,
  });
  microRuns += runs;
  return { hash, problems, line: `${runs} runs of ${program}`, more: [] };
}

async function runMembers(seed: number): Promise<Outcome> {
  const change = VARIANTS[flags.tier];
  const result = await runCluster(seed, { open: openClusterEngine, drain, print, change });
  const { hash, problems, operations, losses, recoveries, lives, leaves, events, virtualSeconds } = result;
  const faults = [...result.faults].map(([kind, count]) => `${kind} ${count}`).join(", ");
  return {
    hash,
    problems,
    line: `${operations} operations, ${losses} losses, ${recoveries} recoveries, ${lives} lives, ` +
      `${leaves} leaves, ${events} events, ${virtualSeconds} s; ${faults}`,
    more: [
      result.options,
      `operations: ${JSON.stringify(Object.fromEntries(result.counts))}`,
      `ended badly: ${JSON.stringify(Object.fromEntries(result.failures))}`,
    ],
  };
}

function runTier(seed: number): Promise<Outcome> {
  switch (flags.tier) {
    case "micro":
      return runSmall(seed);
    case "cluster":
    case "churn":
    case "leave":
    case "crowd":
      return runMembers(seed);
    default:
      return runFull(seed);
  }
}

const flags = flagsOf(process.argv.slice(2));
const drain = await nativeDrain();
const print = flags.trace ? (line: string) => console.log(line) : undefined;
const rejected: unknown[] = [];
process.on("unhandledRejection", (error: unknown) => {
  rejected.push(error);
});
const first = flags.seed ?? Math.floor(Date.now() / 1000) * 1000;
const until = performance.now() + flags.minutes * 60_000;
let failed = 0;
let run = 0;
let microRuns = 0;
const started = performance.now();
for (; run < flags.seeds && performance.now() < until; run++) {
  const seed = first + run;
  if (flags.told) console.log(`@start ${seed}`);
  const before = rejected.length;
  const outcome = await runTier(seed);
  // A rejection that nobody handles is told between two turns of the event loop, and would end a program.
  await new Promise((turn) => setImmediate(turn));
  const unhandled = rejected.length - before;
  if (unhandled > 0) console.log(`seed ${seed}: ${unhandled} rejections unhandled`);
  const bad = outcome.problems.length > 0 || unhandled > 0;
  if (bad) {
    failed++;
    console.log(`\nFAILED seed ${seed} ${outcome.hash}: ${outcome.line}`);
    for (const line of outcome.more) console.log(`  ${line}`);
    for (const problem of outcome.problems.slice(0, 8)) console.log(`  ${problem.checker}: ${problem.text}`);
    console.log(
      `  again: npm run sim -- --seed ${seed}${flags.tier === "full" ? "" : ` --tier ${flags.tier}`}`,
    );
  } else if (!flags.quiet) {
    console.log(`seed ${seed} ${outcome.hash}: ${outcome.line}`);
  }
  if (flags.told) {
    for (const { checker, text } of outcome.problems) console.log(`@problem ${checker} ${text}`);
  }
  if (flags.told) console.log(`@end ${seed} ${outcome.hash} ${bad ? "failed" : "ok"}`);
  if (bad && flags.untilFailed) break;
}
const seconds = (performance.now() - started) / 1000;
const micro = flags.tier === "micro" ? `, ${microRuns} micro runs` : "";
console.log(
  `${run} seeds${micro}, ${failed} failed, ${seconds.toFixed(1)} s; ${rejected.length} rejections unhandled`,
);
for (const error of rejected.slice(0, 3)) console.log(error);
if (flags.told) console.log("@done");
process.exit(failed > 0 ? 1 : 0);
