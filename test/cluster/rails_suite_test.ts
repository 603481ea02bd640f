/** Rails: the port's promises over two interconnects, and over one. */
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "#test";
import { rails } from "@cohort/db";
import { createLoopbackHub } from "../../adapters/interconnect_loopback.ts";
import { createSocketInterconnect } from "../../adapters/interconnect_socket.ts";
import { interconnectSuite } from "../../src/testing/mod.ts";

const pass = (ms: number) => sleep(ms);

interconnectSuite({
  name: "rails of loopback and loopback",
  test,
  make: () => {
    const hubs = [createLoopbackHub(), createLoopbackHub()] as const;
    return {
      interconnect: () => rails(hubs[0].interconnect(), hubs[1].interconnect(), { probeMs: 20 }),
      nowhere: "rails:loopback:999,loopback:999",
      pass,
      dispose: () => {},
    };
  },
});

interconnectSuite({
  name: "rails of socket and socket",
  test,
  make: () => ({
    interconnect: () =>
      rails(createSocketInterconnect(), createSocketInterconnect({ host: "127.0.0.2" }), { probeMs: 20 }),
    nowhere: "rails:tcp://127.0.0.1:1,tcp://127.0.0.2:1",
    pass,
    dispose: () => {},
  }),
});

interconnectSuite({
  name: "rails of one socket",
  test,
  make: () => ({
    interconnect: () => rails(createSocketInterconnect(), undefined, { probeMs: 20 }),
    nowhere: "rails:tcp://127.0.0.1:1",
    pass,
    dispose: () => {},
  }),
});
