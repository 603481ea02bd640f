/**
 * Ledger: what workers have acknowledged over all their lives, and whether what the next one finds is that.
 */
import { LANE_COUNT } from "./lanes.ts";
import type { Found } from "./worker.ts";

/** What was acknowledged. */
export class Ledger {
  /** Last acknowledged operation of each lane. */
  readonly acknowledged: number[] = new Array(LANE_COUNT).fill(0);
  /** Findings; none when nothing was lost. */
  readonly problems: string[] = [];
  /** Operations acknowledged, increments included. */
  operations = 0;
  /** Milliseconds that each recovery took which was compared. */
  readonly mountMs: number[] = [];
  /** Acknowledged reads of the counter. */
  reads = 0;
  /** Reads of what nobody changes. */
  looks = 0;
  /** Operations that found no space. */
  full = 0;
  readonly #given = new Set<number>();
  /** Highest value of the counter that anybody was told. */
  #told = 0;

  /** Takes a line of a worker: `a LANE N`, `c VALUE`, `r VALUE`, or the fact that tells what it found. */
  hear(line: string): void {
    if (line.startsWith("{")) {
      const fact = JSON.parse(line) as Found;
      if (fact.what === "ready") this.#compare(fact);
      return;
    }
    const [kind, first, second] = line.split(" ");
    if (kind === "a") this.#heardOperation(Number(first), Number(second));
    else if (kind === "c") this.#heardIncrement(Number(first));
    else if (kind === "r") {
      this.reads++;
      this.#told = Math.max(this.#told, Number(first));
    } else if (kind === "s") this.looks++;
    else if (kind === "f") this.full++;
    else this.problems.push(`a worker said ${JSON.stringify(line)}`);
  }

  /** Pretends that two more operations of each lane, and an increment, were acknowledged. */
  invent(): void {
    for (const lane of this.acknowledged.keys()) this.acknowledged[lane]! += 2;
    this.#told += 1000;
  }

  /** Takes what a worker found after recovery. */
  #compare(found: Found): void {
    this.mountMs.push(found.mountMs);
    this.problems.push(...found.problems);
    for (const [lane, reached] of found.reached.entries()) {
      const last = this.acknowledged[lane]!;
      if (reached < last) this.problems.push(`lane ${lane}: ${last - reached} of ${last} operations lost`);
      this.acknowledged[lane] = reached;
    }
    if (found.counter < this.#told) {
      this.problems.push(`the counter stands at ${found.counter} and was told as ${this.#told}`);
    }
    this.#told = found.counter;
  }

  #heardOperation(lane: number, n: number): void {
    if (n !== this.acknowledged[lane]! + 1) {
      this.problems.push(`lane ${lane}: operation ${n} after ${this.acknowledged[lane]}`);
    }
    this.acknowledged[lane] = n;
    this.operations++;
  }

  #heardIncrement(value: number): void {
    if (this.#given.has(value)) this.problems.push(`the counter gave ${value} twice`);
    this.#given.add(value);
    this.#told = Math.max(this.#told, value);
    this.operations++;
  }
}

/** Last operation of each lane that a log tells of: acknowledged, or found by a life that took over. */
export function acknowledgedIn(log: string): number[] {
  const acknowledged = new Array<number>(LANE_COUNT).fill(0);
  const note = (lane: number, n: number): void => {
    acknowledged[lane] = Math.max(acknowledged[lane]!, n);
  };
  for (const line of log.split("\n").slice(0, -1)) {
    const [kind, lane, n] = line.split(" ");
    if (kind === "a") note(Number(lane), Number(n));
    if (line.startsWith('{"what":"ready"')) {
      (JSON.parse(line) as Found).reached.forEach((n, lane) => note(lane, n));
    }
  }
  return acknowledged;
}
