/** A loop that warms up until an instant that is given, and counts from then on. */
import { countAwaited, countInFlight, countSynchronous } from "../common/measure.ts";
import type { Costs, TimedFigure } from "./job.ts";

/** A loop of so many milliseconds, with so many operations between two looks at the clock: its rate. */
export type Loop = (ms: number, every: number) => number | Promise<number>;

/** What a timed loop needs besides. */
export interface TimedOptions {
  readonly ms: number;
  /** What it has cost until now. */
  readonly look?: (() => Costs) | undefined;
}

/** Milliseconds between warming up and the instant: the loop turns, and all that waits is done. */
const REST_MS = 30;
/** Of these the last are spent looking at the clock. */
const LOOK_MS = 3;
const EVERY_MAX = 16;

/** A synchronous operation, one after the other. */
export function synchronous(operation: () => unknown): Loop {
  return (ms, every) => countSynchronous(operation, ms, every);
}

/** An operation that is awaited, one after the other. */
export function awaited(operation: () => Promise<unknown>): Loop {
  return (ms, every) => countAwaited(operation, ms, every);
}

/** The same with so many at a time. */
export function inFlight(operation: () => Promise<unknown>, width: number): Loop {
  return (ms) => countInFlight(operation, width, ms, []);
}

/** Runs a loop from an instant on; until then it warms up. */
export function timed(
  loop: Loop,
  { ms, look }: TimedOptions,
): (at: number) => Promise<TimedFigure> {
  return async (at) => {
    const warmMs = at - Date.now() - REST_MS;
    const warm = warmMs > 0 ? await loop(warmMs, 1) : 0;
    await instant(at);
    const began = Date.now();
    const before = look?.();
    const start = performance.now();
    const rate = await loop(ms, everyOf(warm));
    const tookMs = performance.now() - start;
    return {
      rate,
      operations: Math.round(rate * tookMs / 1000),
      began,
      ended: began + tookMs,
      lateMs: began - at,
      costs: before && difference(look!(), before),
    };
  };
}

/** Operations between two looks at the clock, so that these take little and are no more than 1 ms apart. */
export function everyOf(rate: number): number {
  return Math.max(1, Math.min(EVERY_MAX, Math.floor(rate / 1000)));
}

async function instant(at: number): Promise<void> {
  const wait = at - Date.now() - LOOK_MS;
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  while (Date.now() < at);
}

function difference(after: Costs, before: Costs): Costs {
  return {
    transfers: after.transfers - before.transfers,
    messages: after.messages - before.messages,
    syncs: after.syncs - before.syncs,
  };
}
