import { test } from "#test";
import { createSystemEntropy } from "../../adapters/entropy_system.ts";
import { entropySuite } from "../../src/testing/port_suites.ts";

entropySuite({ name: "system", test, make: createSystemEntropy });
