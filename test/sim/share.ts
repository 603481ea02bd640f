/**
 * The simulator's share of `npm test`: a few seeds each time, many under `CI=true`. The runtimes run at the
 * same time and share the standing seeds.
 */
import { existsSync, readFileSync } from "node:fs";
import { openClusterEngine } from "../../src/testing/sim/bind_cluster.ts";
import { openEngine } from "../../src/testing/sim/bind_node.ts";
import { runCluster } from "../../src/testing/sim/cluster/run_cluster.ts";
import { runMicro } from "../../src/testing/sim/run/micro.ts";
import { runSeed } from "../../src/testing/sim/run/run_seed.ts";
import type { Problem } from "../../src/testing/sim/check/problems.ts";
import type { Drain } from "../../src/testing/sim/scheduler.ts";
import { DEEP } from "../support/depth.ts";
import { nativeDrain } from "./drain.ts";

export { DEEP };

/** Which tier. */
export type Tier = "full" | "micro" | "cluster";

/** The runtime this is. */
export const RUNTIME: "deno" | "bun" = "Deno" in globalThis ? "deno" : "bun";

/** A first seed that no run before had, another one on each runtime. */
export function freshSeed(): number {
  return Math.floor(Date.now() / 1000) * 10_000 + (RUNTIME === "deno" ? 0 : 5000);
}

/** What came of some seeds. */
export interface ShareReport {
  seeds: number;
  /** Recoveries checked: one a full seed at least, hundreds a micro seed. */
  runs: number;
  /** Of each seed that failed: its replay command and first problem. */
  readonly failures: string[];
  readonly hashes: Map<number, string>;
}

/** How far to go: no seed begins after `budgetMs`, nor when `runsMin` are done. */
export interface ShareBounds {
  readonly budgetMs?: number;
  readonly runsMin?: number;
}

/** Runs the seeds one after the other. */
export async function runShare(
  tier: Tier,
  seeds: Iterable<number>,
  bounds: ShareBounds = {},
): Promise<ShareReport> {
  const { budgetMs = Infinity, runsMin = Infinity } = bounds;
  const drain = await nativeDrain();
  const began = performance.now();
  const report: ShareReport = { seeds: 0, runs: 0, failures: [], hashes: new Map() };
  for (const seed of seeds) {
    if (performance.now() - began > budgetMs || report.runs >= runsMin) break;
    const result = await runOne(tier, seed, drain);
    report.seeds++;
    report.runs += result.runs;
    report.hashes.set(seed, result.hash);
    const [first] = result.problems;
    if (first === undefined) continue;
    const again = `npm run sim -- --seed ${seed} --tier ${tier} --runtime ${RUNTIME}`;
    report.failures.push(`${again}: ${result.problems.length} problems, ${first.checker}: ${first.text}`);
  }
  return report;
}

/** What a seed came to; `runs` are recoveries checked. */
interface SeedReport {
  readonly hash: string;
  readonly problems: readonly Problem[];
  readonly runs: number;
}

async function runOne(tier: Tier, seed: number, drain: Drain | undefined): Promise<SeedReport> {
  if (tier === "micro") return await runMicro(seed, { open: openEngine, drain });
  if (tier === "full") return { ...await runSeed(seed, { open: openEngine, drain }), runs: 1 };
  const result = await runCluster(seed, { open: openClusterEngine, drain });
  return { ...result, runs: result.recoveries };
}

/** `count` seeds from `first` on. */
export function* seedsFrom(first: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield first + i;
}

/**
 * A fresh seed, then `count` standing ones from `first` on, the same each time: what a fresh one finds is a
 * bug to be fixed, and must not hang on luck how often somebody else's change is refused for it. Campaigns
 * look at fresh seeds by the thousand.
 */
export function* freshThenStanding(fresh: number, first: number, count: number): Generator<number> {
  yield fresh;
  yield* seedsFrom(first, count);
}

/** Seeds that failed once. */
export function keptSeeds(tier: Tier): number[] {
  const path = new URL(`./seeds/${tier}.json`, import.meta.url);
  if (!existsSync(path)) return [];
  const kept: { readonly seed: number }[] = JSON.parse(readFileSync(path, "utf8"));
  return kept.map(({ seed }) => seed);
}
