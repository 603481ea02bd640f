import { setTimeout as sleep } from "node:timers/promises";
import { test } from "#test";
import { createLoopbackHub } from "../../adapters/interconnect_loopback.ts";
import { interconnectSuite } from "../../src/testing/mod.ts";

interconnectSuite({
  name: "loopback",
  test,
  make: () => {
    const hub = createLoopbackHub();
    return {
      interconnect: () => hub.interconnect(),
      nowhere: "loopback:999",
      pass: (ms: number) => sleep(ms),
      dispose: () => {},
    };
  },
});
