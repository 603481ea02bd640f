/** The small ports of a simulated process: clock, entropy, observer. */
import type { Clock, ClockTraits } from "../../ports/clock.ts";
import type { Entropy, EntropyTraits } from "../../ports/entropy.ts";
import type { Facts, Observer, ObserverTraits, Severity } from "../../ports/observer.ts";
import type { SimHost, SimProcess } from "./host.ts";
import type { Prng } from "./prng.ts";
import type { Trace } from "./trace.ts";

/** Virtual milliseconds since 1970 at the beginning of every world. */
const WALL_ZERO_MS = 1_700_000_000_000;

/**
 * A clock over virtual time; the wall clock may jump, the monotonic one never goes back, and each process's
 * own may run fast or slow.
 */
export class SimClock implements Clock {
  readonly traits: ClockTraits = { version: 1, virtual: true };
  readonly #host: SimHost;
  readonly #process: SimProcess;

  constructor(process: SimProcess) {
    this.#host = process.host;
    this.#process = process;
  }

  monotonicMs(): number {
    const { clockRate, clockLagUs } = this.#process;
    return (this.#host.scheduler.now - clockLagUs) * clockRate / 1000;
  }

  wallMs(): number {
    const { wallOffsetMs } = this.#process;
    return WALL_ZERO_MS + Math.floor(this.#host.scheduler.now / 1000) + this.#host.wallOffsetMs +
      wallOffsetMs;
  }

  after(delayMs: number, task: () => void, _background?: boolean): () => void {
    if (!this.#process.alive) return () => {};
    return this.#host.scheduler.after(delayMs * 1000, task, this.#process);
  }
}

/** Chance that can be played again. */
export class SimEntropy implements Entropy {
  readonly traits: EntropyTraits = { version: 1, seeded: true };
  readonly #chance: Prng;

  constructor(chance: Prng) {
    this.#chance = chance;
  }

  fill(into: Uint8Array): Uint8Array {
    return this.#chance.fill(into);
  }
}

/** An event that an engine reported. */
export interface ObservedEvent {
  readonly name: string;
  readonly severity: Severity;
  readonly facts: Facts;
  readonly timeUs: number;
}

/** Puts events into the trace and keeps those that are warnings or errors. */
export class SimObserver implements Observer {
  readonly traits: ObserverTraits = { version: 1 };
  /** Warnings and errors, in order. */
  readonly grave: ObservedEvent[] = [];
  /** How often each event was reported. */
  readonly counts: Map<string, number> = new Map();
  readonly #trace: Trace;
  readonly #now: () => number;

  constructor(trace: Trace, now: () => number) {
    this.#trace = trace;
    this.#now = now;
  }

  event(name: string, severity: Severity, facts: Facts): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    this.#trace.note("observed", name);
    if (this.#trace.printing) this.#trace.say(`${severity} ${name} ${JSON.stringify(facts, textOfBigint)}`);
    if (severity === "warn" || severity === "error") {
      this.grave.push({ name, severity, facts, timeUs: this.#now() });
    }
  }

  measure(name: string, _value: number): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

function textOfBigint(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
