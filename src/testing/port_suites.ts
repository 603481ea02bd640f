/** The acceptance suites of Clock, Entropy and Observer. */
import type { Answer } from "../ports/answer.ts";
import type { Clock } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Observer, Severity } from "../ports/observer.ts";
import { expect, expectEqual, expectError, type TestFunction } from "./expect.ts";

/** The first millisecond of 2020. */
const MS_2020 = 1_577_836_800_000;

/** Options of {@linkcode clockSuite}. */
export interface ClockSuiteOptions {
  /** Leads the name of each test. */
  readonly name: string;
  /** Called once a test; `advance` lets a virtual clock's time pass, a real one passes its own. */
  make(): { readonly clock: Clock; advance?(ms: number): Answer<void> };
  /** The runner's own. */
  readonly test: TestFunction;
}

/** What a test does with a clock; `pass` waits until so much of its time has gone by. */
type ClockTest = (clock: Clock, pass: (ms: number) => Promise<void>) => Promise<void>;

/**
 * Registers the tests of a clock: time that does not go back, tasks that run once, in time and unless
 * cancelled.
 */
export function clockSuite(options: ClockSuiteOptions): void {
  const check = (name: string, run: ClockTest): void => {
    options.test(`${options.name} clock: ${name}`, async () => {
      const { clock, advance } = options.make();
      const pass = async (ms: number): Promise<void> => {
        if (advance !== undefined) await advance(ms);
        else await new Promise<void>((resolve) => clock.after(ms, resolve));
      };
      await run(clock, pass);
    });
  };
  timeTests(check);
  taskTests(check);
}

function timeTests(check: (name: string, run: ClockTest) => void): void {
  check("traits are complete", async (clock) => {
    await undefined;
    expectEqual(clock.traits.version, 1, "version");
    expectEqual(typeof clock.traits.virtual, "boolean", "virtual");
  });

  check("monotonic time never goes back, and passes", async (clock, pass) => {
    const start = clock.monotonicMs();
    let last = start;
    for (let index = 0; index < 1000; index++) {
      const now = clock.monotonicMs();
      expect(now >= last, `${now} is before ${last}`);
      last = now;
    }
    await pass(20);
    expect(clock.monotonicMs() >= start + 20, "20 ms have passed");
  });

  check("wall time passes with it, and a real one is of this century", async (clock, pass) => {
    const start = clock.wallMs();
    await pass(20);
    expect(clock.wallMs() - start >= 10, "time has passed");
    expect(clock.traits.virtual || start > MS_2020, `${start} ms is a time after 2020`);
  });
}

function taskTests(check: (name: string, run: ClockTest) => void): void {
  check("after runs a task once, never before its time, and not at once", async (clock, pass) => {
    for (const delay of [0, 0.5, 3, 15.7]) {
      let runs = 0;
      let ran = 0;
      const start = clock.monotonicMs();
      clock.after(delay, () => {
        runs++;
        ran = clock.monotonicMs();
      });
      expectEqual(runs, 0, "runs inside the call");
      await pass(delay + 30);
      expectEqual(runs, 1, `runs of a delay of ${delay} ms`);
      expect(ran - start >= delay, `ran after ${ran - start} ms, asked were ${delay}`);
    }
  });

  check("tasks run in the order of their times", async (clock, pass) => {
    const order: number[] = [];
    for (const delay of [30, 5, 20]) clock.after(delay, () => void order.push(delay));
    await pass(80);
    expectEqual(order, [5, 20, 30], "order");
  });

  check("a cancelled task does not run; to cancel late or again is harmless", async (clock, pass) => {
    let runs = 0;
    const cancel = clock.after(5, () => void runs++);
    cancel();
    cancel();
    const late = clock.after(1, () => void runs++, true);
    await pass(40);
    late();
    expectEqual(runs, 1, "runs");
  });

  check("a task may make another", async (clock, pass) => {
    let runs = 0;
    clock.after(1, () => {
      runs++;
      clock.after(1, () => void runs++);
    });
    await pass(60);
    expectEqual(runs, 2, "runs");
  });

  check("a delay of years does not run now, and can be cancelled", async (clock, pass) => {
    let runs = 0;
    const cancel = clock.after(2 ** 36, () => void runs++);
    await pass(20);
    cancel();
    expectEqual(runs, 0, "runs");
  });

  check("a delay that is negative or no number is a RangeError", async (clock) => {
    await expectError(() => void clock.after(-1, () => {}), RangeError);
    await expectError(() => void clock.after(NaN, () => {}), RangeError);
  });
}

/** Options of {@linkcode entropySuite}. */
export interface EntropySuiteOptions {
  /** Leads the name of each test. */
  readonly name: string;
  /** Called once a test. */
  make(): Entropy;
  /** The runner's own. */
  readonly test: TestFunction;
}

/**
 * Registers the tests of a source of chance: it fills all, only what it is given, and never the same twice.
 */
export function entropySuite(options: EntropySuiteOptions): void {
  const check = (name: string, run: (entropy: Entropy) => void): void => {
    options.test(`${options.name} entropy: ${name}`, async () => {
      await undefined;
      run(options.make());
    });
  };

  check("traits are complete", (entropy) => {
    expectEqual(entropy.traits.version, 1, "version");
    expectEqual(typeof entropy.traits.seeded, "boolean", "seeded");
  });

  check("fill answers what it was given, of any length", (entropy) => {
    for (const length of [0, 1, 16, 65_536, 200_000]) {
      const into = new Uint8Array(length);
      expect(entropy.fill(into) === into, `the array of ${length} bytes`);
    }
  });

  check("fill reaches every byte, and none outside", (entropy) => {
    const buffer = new Uint8Array(100_000);
    const inside = buffer.subarray(1000, 99_000);
    for (let round = 0; round < 3; round++) entropy.fill(inside);
    expect(buffer.subarray(0, 1000).every((byte) => byte === 0), "bytes before");
    expect(buffer.subarray(99_000).every((byte) => byte === 0), "bytes behind");
    const counts = new Array<number>(256).fill(0);
    for (const byte of inside) counts[byte]!++;
    // 383 of each are expected, with a deviation of 20.
    expect(counts.every((count) => count > 200 && count < 600), `bytes are spread: ${counts}`);
  });

  check("fill never answers the same twice", (entropy) => {
    const seen = new Set<string>();
    for (let round = 0; round < 1000; round++) seen.add(entropy.fill(new Uint8Array(16)).join());
    expectEqual(seen.size, 1000, "different draws of 16 bytes");
  });
}

/** Options of {@linkcode observerSuite}. */
export interface ObserverSuiteOptions {
  /** Leads the name of each test. */
  readonly name: string;
  /** Called once a test. */
  make(): Observer;
  /** The runner's own. */
  readonly test: TestFunction;
}

/** Registers the tests of an observer: whatever it is told, it answers nothing and throws nothing. */
export function observerSuite(options: ObserverSuiteOptions): void {
  const check = (name: string, run: (observer: Observer) => void): void => {
    options.test(`${options.name} observer: ${name}`, async () => {
      await undefined;
      run(options.make());
    });
  };

  check("traits are complete", (observer) => expectEqual(observer.traits.version, 1, "version"));

  check("an event of any gravity and facts is taken", (observer) => {
    const facts = {
      text: 'a "b"\n\u2028\0',
      count: -0,
      much: 2n ** 70n,
      yes: true,
      none: undefined,
      nan: NaN,
    };
    for (const severity of ["debug", "info", "warn", "error"] satisfies Severity[]) {
      expectEqual(observer.event("some.thing", severity, facts), undefined, "answer");
      expectEqual(observer.event("", severity, {}), undefined, "answer");
    }
  });

  check("a measure of any value is taken", (observer) => {
    for (const value of [0, -1, 0.5, NaN, Infinity, Number.MAX_VALUE]) {
      expectEqual(observer.measure("some_thing_ms", value), undefined, "answer");
    }
  });

  check("facts are not kept or changed", (observer) => {
    const facts = Object.freeze({ a: 1 });
    observer.event("some.thing", "error", facts);
    expectEqual(Object.keys(facts), ["a"], "facts");
  });
}
