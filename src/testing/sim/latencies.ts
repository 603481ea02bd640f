/** How fast a simulated host answers, and whether by value or by promise. */
import type { PortCall } from "./faults.ts";
import type { Prng } from "./prng.ts";

/** The manner of a host; drawn per seed. */
export interface Latencies {
  /** Of 100 calls of each sort, how many are answered by value. */
  readonly valuePercent: Readonly<Record<PortCall, number>>;
  /** Typical virtual microseconds of an answer by promise. */
  readonly readUs: number;
  /** The same for writes. */
  readonly writeUs: number;
  /** The same for syncs, registers and removals. */
  readonly syncUs: number;
}

/** Every call is answered by value: nothing ever waits. */
export const ALWAYS_VALUES: Latencies = {
  valuePercent: percents(() => 100),
  readUs: 1,
  writeUs: 1,
  syncUs: 1,
};

/** Every call is answered by promise. */
export const ALWAYS_PROMISES: Latencies = {
  valuePercent: percents(() => 0),
  readUs: 50,
  writeUs: 80,
  syncUs: 300,
};

/** Draws a manner: a fast or a slow disk, values always, never or now and then, by sort of call. */
export function drawLatencies(chance: Prng): Latencies {
  const slow = chance.pick([1, 1, 3, 10]);
  const manner = chance.below(5);
  const percent = () => chance.pick([0, 20, 50, 80, 100]);
  return {
    valuePercent: manner === 0 ? percents(() => 0) : manner === 1 ? percents(() => 100) : percents(percent),
    readUs: 40 * slow,
    writeUs: 60 * slow,
    syncUs: chance.pick([120, 250, 2000]) * slow,
  };
}

function percents(draw: () => number): Record<PortCall, number> {
  return {
    open: draw(),
    read: draw(),
    write: draw(),
    sync: draw(),
    grow: draw(),
    register: draw(),
    list: draw(),
    remove: draw(),
    rest: draw(),
  };
}
