/**
 * The simulator's command: `npm run sim -- --seeds N [--seed S] [--tier micro|full] [--trace] [--minutes M]`.
 *
 * Runs seeds one after the other, prints one line for each that fails with its options and the command that
 * plays it again, and ends with exit code 1 when any did.
 */
import process from "node:process";
import { openEngine } from "../../src/testing/sim/bind_node.ts";
import { runSeed, type SeedResult } from "../../src/testing/sim/run/run_seed.ts";
import { nativeDrain } from "./drain.ts";

interface Flags {
  readonly seeds: number;
  readonly seed: number | undefined;
  readonly trace: boolean;
  readonly minutes: number;
  readonly quiet: boolean;
  readonly told: boolean;
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
  };
}

/** One line about a seed that passed. */
function lineOf(result: SeedResult): string {
  const faults = [...result.faults].map(([kind, count]) => `${kind} ${count}`).join(", ");
  return `seed ${result.seed} ${result.hash}: ${result.operations} operations, ${result.crashes} crashes, ` +
    `${result.blocks} blocks, ${result.events} events, ${result.virtualSeconds} s; ${faults}`;
}

function report(result: SeedResult): void {
  console.log(`\nFAILED ${lineOf(result)}`);
  console.log(`  ${result.options}`);
  console.log(`  operations: ${JSON.stringify(Object.fromEntries(result.counts))}`);
  console.log(`  ended badly: ${JSON.stringify(Object.fromEntries(result.failures))}`);
  for (const problem of result.problems.slice(0, 8)) console.log(`  ${problem.checker}: ${problem.text}`);
  console.log(`  again: npm run sim -- --seed ${result.seed}`);
}

const flags = flagsOf(process.argv.slice(2));
const drain = await nativeDrain();
const rejected: unknown[] = [];
process.on("unhandledRejection", (error: unknown) => {
  rejected.push(error);
});
const first = flags.seed ?? Math.floor(Date.now() / 1000) * 1000;
const until = performance.now() + flags.minutes * 60_000;
let failed = 0;
let run = 0;
const started = performance.now();
for (; run < flags.seeds && performance.now() < until; run++) {
  if (flags.told) console.log(`@start ${first + run}`);
  const print = flags.trace ? (line: string) => console.log(line) : undefined;
  const result = await runSeed(first + run, { open: openEngine, drain, print });
  if (result.problems.length > 0) {
    failed++;
    report(result);
  } else if (!flags.quiet) {
    console.log(lineOf(result));
  }
  if (flags.told) {
    console.log(`@end ${result.seed} ${result.hash} ${result.problems.length > 0 ? "failed" : "ok"}`);
  }
}
const seconds = (performance.now() - started) / 1000;
console.log(
  `${run} seeds, ${failed} failed, ${seconds.toFixed(1)} s; ${rejected.length} rejections nobody handled`,
);
for (const error of rejected.slice(0, 3)) console.log(error);
process.exit(failed > 0 ? 1 : 0);
