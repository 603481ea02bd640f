/**
 * Rates and latencies of loops in this process.
 *
 * Rates come from plain loops that read the clock once in so many operations: a get takes a microsecond or
 * two, and reading the clock around each, as tinybench does, would be a good part of it. Latencies are
 * tinybench's: there the clock around each operation is the point. With many in flight one of them is timed
 * within the loop.
 */
import { Bench } from "tinybench";

/** What a loop gave. */
export interface Measured {
  /** Operations a second. */
  readonly rate: number;
  readonly p50Us?: number | undefined;
  readonly p99Us?: number | undefined;
}

/** Operations between two looks at the clock. */
const EVERY = 16;
const SAMPLES_MAX = 1 << 17;

/** How a loop is run. */
export interface LoopOptions {
  /** Milliseconds of the timed loop; as long again is spent on warming up, and half on latencies. */
  readonly ms: number;
  /** Operations that one call makes; 1 by default. */
  readonly operations?: number;
  /** Calls between two looks at the clock; 16 by default, 1 for those that sync. */
  readonly every?: number;
}

/** A synchronous operation, one after the other. */
export async function synchronous(operation: () => unknown, options: LoopOptions): Promise<Measured> {
  const { ms, operations = 1, every = EVERY } = options;
  countSynchronous(operation, ms, every);
  const rate = countSynchronous(operation, ms, every) * operations;
  return { rate, ...await latency(operation, ms / 2, false) };
}

/** Operations a second of a plain loop. */
export function countSynchronous(operation: () => unknown, ms: number, every: number): number {
  const began = performance.now();
  let count = 0;
  let elapsed = 0;
  while (elapsed < ms) {
    for (let i = 0; i < every; i++) operation();
    count += every;
    elapsed = performance.now() - began;
  }
  return count / elapsed * 1000;
}

/** An operation that is awaited, one after the other. */
export async function awaited(
  operation: () => Promise<unknown>,
  options: LoopOptions,
): Promise<Measured> {
  const { ms, every = EVERY } = options;
  await countAwaited(operation, ms, every);
  const rate = await countAwaited(operation, ms, every);
  return { rate, ...await latency(operation, ms / 2, true) };
}

/** The same of one that awaits each. */
export async function countAwaited(
  operation: () => Promise<unknown>,
  ms: number,
  every: number,
): Promise<number> {
  const began = performance.now();
  let count = 0;
  let elapsed = 0;
  while (elapsed < ms) {
    for (let i = 0; i < every; i++) await operation();
    count += every;
    elapsed = performance.now() - began;
  }
  return count / elapsed * 1000;
}

/** The same with `width` of them in flight all the time. */
export async function inFlight(
  operation: () => Promise<unknown>,
  width: number,
  options: LoopOptions,
): Promise<Measured> {
  await countInFlight(operation, width, options.ms, []);
  const samples: number[] = [];
  const rate = await countInFlight(operation, width, options.ms, samples);
  samples.sort((a, b) => a - b);
  const at = (part: number): number | undefined => {
    const ms = samples[Math.floor(samples.length * part)];
    return ms === undefined ? undefined : ms * 1000;
  };
  return { rate, p50Us: at(0.5), p99Us: at(0.99) };
}

/** The same with `width` of them at a time; times of some of them, in milliseconds, go into `samples`. */
export async function countInFlight(
  operation: () => Promise<unknown>,
  width: number,
  ms: number,
  samples: number[],
): Promise<number> {
  const began = performance.now();
  let count = 0;
  let over = false;
  const timed = async (): Promise<void> => {
    while (!over) {
      const start = performance.now();
      await operation();
      const end = performance.now();
      count++;
      if (samples.length < SAMPLES_MAX) samples.push(end - start);
      if (end - began >= ms) over = true;
    }
  };
  const others = async (): Promise<void> => {
    while (!over) {
      await operation();
      count++;
    }
  };
  await Promise.all(Array.from({ length: width }, (_, i) => i === 0 ? timed() : others()));
  return count / (performance.now() - began) * 1000;
}

async function latency(
  operation: () => unknown,
  ms: number,
  async: boolean,
): Promise<{ p50Us: number | undefined; p99Us: number | undefined }> {
  const bench = new Bench({ time: ms, iterations: 50, warmup: false });
  bench.add("operation", operation, { async });
  await bench.run();
  const { result } = bench.tasks[0]!;
  if (result.state !== "completed") throw new Error(`The latency loop ended ${result.state}`);
  return { p50Us: result.latency.p50 * 1000, p99Us: result.latency.p99 * 1000 };
}

/** Records a second of something done once. */
export async function once(records: number, work: () => unknown): Promise<Measured> {
  const began = performance.now();
  await work();
  return { rate: records / (performance.now() - began) * 1000 };
}
