/**
 * Linearizability of keys whose every write has a value of its own, however many operations there are: all
 * that touches one value must lie in one zone of time, and zones must not contradict each other (Gibbons and
 * Korach, "Testing shared memories", 1997). Exact, and sorted once; the search of `check/registers.ts` is for
 * values that repeat.
 */

/** A write of a key. Times as in `record.ts`. */
export interface KeyWrite {
  readonly value: string;
  readonly called: number;
  /** Infinity when its outcome is unknown. */
  returned: number;
}

/** A read of a key. */
export interface KeyRead {
  readonly value: string;
  readonly called: number;
  readonly returned: number;
}

/** From the earliest end to the latest begin of what touches a value; forward when that is a span of time. */
interface Zone {
  readonly value: string;
  /** Earliest return. */
  ends: number;
  /** Latest call. */
  begins: number;
}

/** What no order of the operations on a key explains; empty when there is one that does. */
export function checkKey(
  key: string,
  initial: string,
  writes: readonly KeyWrite[],
  reads: readonly KeyRead[],
): string[] {
  const zones = new Map<string, Zone>();
  const written = new Map<string, KeyWrite>();
  const first: KeyWrite = { value: initial, called: -Infinity, returned: -Infinity };
  for (const write of [first, ...writes]) {
    written.set(write.value, write);
    zones.set(write.value, { value: write.value, ends: write.returned, begins: write.called });
  }
  const problems: string[] = [];
  for (const { value, called, returned } of reads) {
    const zone = zones.get(value);
    if (zone === undefined) problems.push(`${key}: ${value} was read at ${called}, and nobody wrote it`);
    else if (returned < written.get(value)!.called) {
      problems.push(`${key}: ${value} was read at ${called}, before it was written`);
    } else {
      zone.ends = Math.min(zone.ends, returned);
      zone.begins = Math.max(zone.begins, called);
    }
  }
  // A write of unknown outcome that nobody has seen may never have been.
  const all = [...zones.values()].filter((zone) => zone.ends !== Infinity);
  return [...problems, ...contradictions(key, all)];
}

function contradictions(key: string, zones: readonly Zone[]): string[] {
  const forward = zones.filter((zone) => zone.ends < zone.begins).sort((a, b) => a.ends - b.ends);
  const problems: string[] = [];
  for (let i = 1; i < forward.length; i++) {
    const [before, after] = [forward[i - 1]!, forward[i]!];
    if (after.ends >= before.begins) continue;
    problems.push(
      `${key}: ${before.value} stood at ${before.ends} and was read at ${before.begins}, ` +
        `and ${after.value} stood at ${after.ends} and was read at ${after.begins}`,
    );
  }
  for (const zone of zones) {
    if (zone.ends < zone.begins) continue;
    const over = lastBefore(forward, zone.begins);
    if (over === undefined || zone.ends >= over.begins) continue;
    problems.push(
      `${key}: ${over.value} stood at ${over.ends} and was read at ${over.begins}, ` +
        `though ${zone.value} was written from ${zone.begins} to ${zone.ends}`,
    );
  }
  return problems;
}

/** The last of the sorted zones that ends before an instant. */
function lastBefore(sorted: readonly Zone[], instant: number): Zone | undefined {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.ends < instant) low = middle + 1;
    else high = middle;
  }
  return sorted[low - 1];
}
