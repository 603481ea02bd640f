/**
 * The scheduler: virtual time, one event at a time, all promise jobs drained between two events.
 *
 * Nothing in a simulated world waits for a real timer or a real disk, so order depends on the seed alone. An
 * event runs, then every promise job it caused, and only then the next event: the same on each runtime,
 * because the language fixes the order of promise jobs. Draining by `setImmediate` is proven by the event
 * loop's own rule; a runtime's own "run the microtasks now" is about twice as fast and gives the same hashes
 * (test/sim/drain.ts).
 */
import { setImmediate } from "node:timers";
import { EventHeap, type SimEvent, type SimOwner } from "./heap.ts";
import { Prng } from "./prng.ts";
import type { Trace } from "./trace.ts";

/** Runs all promise jobs that wait, to the last, before it returns. */
export type Drain = () => void;

/** How a run ended: its condition held, no event was left, or a bound was met. */
export type RunEnd = "done" | "idle" | "events" | "time";

/** What bounds a run. */
export interface RunBounds {
  /** Most events. */
  readonly eventsMax: number;
  /** Virtual microseconds (absolute) not to be passed. */
  readonly timeMax: number;
}

/** Events between two turns of the real event loop when a native drain is used. */
const EVENTS_PER_TURN = 512;

/** Virtual time and the events in it. */
export class Scheduler {
  readonly #heap = new EventHeap();
  readonly #chance: Prng;
  readonly #trace: Trace;
  readonly #drain: Drain | undefined;
  #now = 0;
  #order = 0;
  #events = 0;
  #failure: { error: unknown } | undefined;

  /** `drain` is the runtime's own drain; without it each event costs a turn of the event loop. */
  constructor(seed: number, trace: Trace, drain?: Drain) {
    this.#chance = new Prng(seed, "scheduler");
    this.#trace = trace;
    this.#drain = drain;
  }

  /** Virtual microseconds since the world began. */
  get now(): number {
    return this.#now;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /**
   * Runs `task` after `delayUs` virtual microseconds, unless its owner is dead by then; answers its cancel.
   */
  after(delayUs: number, task: () => void, owner?: SimOwner): () => void {
    const event: SimEvent = {
      time: this.#now + Math.max(0, Math.floor(delayUs)),
      tie: this.#chance.next32(),
      order: this.#order++,
      owner,
      task,
    };
    this.#heap.push(event);
    return () => {
      event.task = undefined;
    };
  }

  /** A promise that is resolved after `delayUs`. */
  sleep(delayUs: number, owner?: SimOwner): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayUs, resolve, owner);
    });
  }

  /** Makes the run in progress reject with `error` after the present event. The first one counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Steps until `until()` holds. Rejects with what was given to `fail`, or what a task threw. */
  run(until: () => boolean, bounds: RunBounds): Promise<RunEnd> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        try {
          const end = this.#turn(until, bounds);
          if (end === undefined) setImmediate(turn);
          else resolve(end);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      // From a turn of its own: a native drain does nothing when called from inside a promise job.
      setImmediate(turn);
    });
  }

  #turn(until: () => boolean, bounds: RunBounds): RunEnd | undefined {
    const steps = this.#drain === undefined ? 1 : EVENTS_PER_TURN;
    for (let i = 0; i < steps; i++) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (until()) return "done";
      if (this.#events >= bounds.eventsMax) return "events";
      const event = this.#next(bounds.timeMax);
      if (event === undefined) return this.#heap.size === 0 ? "idle" : "time";
      this.#events++;
      this.#now = event.time;
      this.#trace.note("event", event.time, event.order);
      (event.task as () => void)();
      this.#drain?.();
    }
    return undefined;
  }

  #next(timeMax: number): SimEvent | undefined {
    for (;;) {
      const first = this.#heap.peek();
      if (first === undefined) return undefined;
      if (first.task === undefined || first.owner?.alive === false) {
        this.#heap.pop();
        continue;
      }
      if (first.time > timeMax) return undefined;
      const pausedUntil = first.owner?.pausedUntil ?? 0;
      this.#heap.pop();
      if (pausedUntil <= first.time) return first;
      // A stopped process finds everything late at once when it runs again; order of entry is kept.
      first.time = pausedUntil;
      first.tie = 0;
      this.#heap.push(first);
    }
  }
}
