import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { clockSuite } from "../../src/testing/port_suites.ts";

clockSuite({ name: "system", test, make: () => ({ clock: createSystemClock() }) });
