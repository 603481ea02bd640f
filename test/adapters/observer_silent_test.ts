import { test } from "#test";
import { createSilentObserver } from "../../adapters/observer_silent.ts";
import { observerSuite } from "../../src/testing/port_suites.ts";

observerSuite({ name: "silent", test, make: createSilentObserver });
