import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "#test";
import { createSocketInterconnect } from "../../adapters/interconnect_socket.ts";
import { interconnectSuite } from "../../src/testing/mod.ts";

interconnectSuite({
  name: "socket",
  test,
  make: () => ({
    interconnect: () => createSocketInterconnect(),
    // Port 1 of the loopback interface: nobody but the system could listen there.
    nowhere: "tcp://127.0.0.1:1",
    pass: (ms: number) => sleep(ms),
    dispose: () => {},
  }),
});

interconnectSuite({
  name: "unix socket",
  test,
  make: () => {
    const directory = mkdtempSync(join(tmpdir(), "cohort-link-"));
    let number = 0;
    return {
      interconnect: () => createSocketInterconnect({ path: join(directory, `s${++number}`) }),
      nowhere: `unix:${join(directory, "none")}`,
      pass: (ms: number) => sleep(ms),
      dispose: () => rmSync(directory, { recursive: true, force: true }),
    };
  },
});
