/**
 * Fuzz: bad inputs for every decoder of bytes or text that Cohort did not make itself, drawn from a seed.
 *
 * Input `i` of seed `s` is the same on every machine and runtime, so `s:i` is all that is needed to see a
 * failure again (`node test/fuzz.mjs --replay s:i`). A failure is: damage that was not noticed, an error that
 * is no `CohortError` of a code the decoder names, an input that takes too long, memory that grows.
 */
import process from "node:process";
import { Prng } from "../support/prng.ts";

/** What became of an input. */
export type Outcome = "detected" | "refused" | "read";

/** A decoder under test with its way to make inputs. */
export interface Target {
  /** Name in reports. */
  readonly name: string;
  /** Share of the inputs against the weights of the others, in steps of 0.1. */
  readonly weight: number;
  /** Makes one input and judges what the decoder does; throws what is wrong. */
  run(prng: Prng): Outcome | Promise<Outcome>;
}

/** Inputs by outcome. */
export type Counts = Record<Outcome, number>;

/** A failure: where, and what. */
export interface FuzzFailure {
  /** `seed:input`. */
  readonly replay: string;
  readonly target: string;
  readonly problem: string;
}

/** What a run did. */
export interface FuzzReport {
  readonly inputs: number;
  readonly seconds: number;
  readonly failures: readonly FuzzFailure[];
  /** By target. */
  readonly counts: Readonly<Record<string, Counts>>;
  /** The input that took longest, in milliseconds. */
  readonly slowestMs: number;
  /** Most resident memory seen above that of the start, in bytes. */
  readonly grownBytes: number;
}

/** How to run. */
export interface FuzzOptions {
  readonly seed: number;
  /** Inputs `[from, to)`. */
  readonly from?: number;
  readonly to: number;
  /** Ends early, after whole inputs; no limit by default. */
  readonly secondsMax?: number;
  /** An input that takes longer is a failure. */
  readonly inputMsMax?: number;
  /** More growth of resident memory is a failure. */
  readonly growthBytesMax?: number;
  /** Ends after so many failures; 20 by default. */
  readonly failuresMax?: number;
}

const FAILURES_MAX = 20;
/** Inputs between two looks at clock and memory. */
const LOOK_EVERY = 256;
const INPUT_MS_MAX = 2000;
const GROWTH_BYTES_MAX = 768 * 1024 * 1024;

/** `seed:input` of the input being judged, for what is thrown past it. */
export let current = "";

/** Runs inputs of all targets, each drawn by weight. */
export async function fuzz(targets: readonly Target[], options: FuzzOptions): Promise<FuzzReport> {
  const { seed, from = 0, to, secondsMax = Infinity, inputMsMax = INPUT_MS_MAX } = options;
  const { growthBytesMax = GROWTH_BYTES_MAX, failuresMax = FAILURES_MAX } = options;
  const draw = drawByWeight(targets);
  const counts: Record<string, Counts> = {};
  for (const { name } of targets) counts[name] = { detected: 0, refused: 0, read: 0 };
  const failures: FuzzFailure[] = [];
  const started = performance.now();
  const before = process.memoryUsage.rss();
  let slowestMs = 0, grownBytes = 0, input = from;
  for (; input < to && failures.length < failuresMax; input++) {
    current = `${seed}:${input}`;
    const prng = prngOf(seed, input);
    const target = draw(prng);
    const fail = (problem: string): void =>
      void failures.push({ replay: current, target: target.name, problem });
    const at = performance.now();
    try {
      const answer = target.run(prng);
      counts[target.name]![typeof answer === "string" ? answer : await answer]++;
    } catch (error) {
      fail(describe(error));
    }
    let tookMs = performance.now() - at;
    // What was slow because the machine was busy is quicker the second time.
    if (tookMs > inputMsMax) tookMs = Math.min(tookMs, await timeOf(seed, input, draw));
    if (tookMs > slowestMs) slowestMs = tookMs;
    if (tookMs > inputMsMax) fail(`it took ${Math.round(tookMs)} ms`);
    if ((input - from) % LOOK_EVERY !== 0) continue;
    grownBytes = Math.max(grownBytes, process.memoryUsage.rss() - before);
    if (grownBytes > growthBytesMax) {
      fail(`memory grew by ${grownBytes} bytes`);
      break;
    }
    if ((performance.now() - started) / 1000 > secondsMax) {
      input++;
      break;
    }
  }
  const seconds = (performance.now() - started) / 1000;
  return { inputs: input - from, seconds, failures, counts, slowestMs, grownBytes };
}

/** Milliseconds that one input takes. */
async function timeOf(seed: number, input: number, draw: (prng: Prng) => Target): Promise<number> {
  const prng = prngOf(seed, input);
  const target = draw(prng);
  const at = performance.now();
  try {
    await target.run(prng);
  } catch {
    // It was judged the first time.
  }
  return performance.now() - at;
}

/** The generator of one input. */
export function prngOf(seed: number, input: number): Prng {
  return new Prng(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(input + 1, 0x85eb_ca6b));
}

/** Lines of a report, one a target. */
export function describeReport(report: FuzzReport): string[] {
  const lines = Object.entries(report.counts).map(([name, { detected, refused, read }]) =>
    `  ${name.padEnd(28)} ${detected} detected, ${refused} refused, ${read} read`
  );
  const { inputs, seconds, slowestMs, grownBytes } = report;
  const rate = Math.round(inputs / Math.max(seconds, 0.001));
  const grown = Math.round(grownBytes / 2 ** 20);
  lines.unshift(
    `${inputs} inputs in ${seconds.toFixed(1)} s (${rate}/s), slowest ${
      slowestMs.toFixed(1)
    } ms, +${grown} MiB`,
  );
  for (const { replay, target, problem } of report.failures) {
    lines.push(`FAILED ${target}: ${problem}`, `  node test/fuzz.mjs --replay ${replay}`);
  }
  return lines;
}

function drawByWeight(targets: readonly Target[]): (prng: Prng) => Target {
  const wheel = targets.flatMap((target) =>
    Array.from({ length: Math.max(1, Math.round(target.weight * 10)) }, () => target)
  );
  return (prng) => wheel[prng.below(wheel.length)]!;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const code = "code" in error ? ` ${String(error.code)}` : "";
  const place = error.stack?.split("\n").find((line) => /\/(?:src|adapters)\//.test(line))?.trim() ?? "";
  return `${error.name}${code}: ${error.message} ${place.replace(/file:\/\/\S*\/(?=src|adapters)/, "")}`;
}
