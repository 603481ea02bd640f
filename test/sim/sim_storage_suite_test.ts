/**
 * The acceptance suite of Storage over the simulated disk: answered by value, by promise, and in a drawn
 * manner.
 */
import { setImmediate } from "node:timers";
import { test } from "#test";
import { storageSuite } from "../../src/testing/storage_suite.ts";
import { SimHost } from "../../src/testing/sim/host.ts";
import {
  ALWAYS_PROMISES,
  ALWAYS_VALUES,
  drawLatencies,
  type Latencies,
} from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { Trace } from "../../src/testing/sim/trace.ts";

const BOUNDS = { eventsMax: Number.MAX_SAFE_INTEGER, timeMax: Number.MAX_SAFE_INTEGER };

function suite(name: string, latencies: Latencies): void {
  storageSuite({
    name,
    test,
    make: () => {
      const trace = new Trace();
      const scheduler = new Scheduler(1, trace);
      const host = new SimHost({ seed: 1, scheduler, trace, latencies });
      let over = false;
      // The suite's tests live in real time: events are run as they come until the test is over.
      const pump = async () => {
        while (!over) {
          await scheduler.run(() => over, BOUNDS);
          await new Promise<void>((resolve) => setImmediate(() => resolve()));
        }
      };
      void pump();
      return {
        storage: new SimStorage(host.spawn()),
        directory: "/suite",
        dispose: () => {
          over = true;
        },
      };
    },
  });
}

suite("sim by value", ALWAYS_VALUES);
suite("sim by promise", ALWAYS_PROMISES);
suite("sim as drawn", drawLatencies(new Prng(12)));
