import { test } from "#test";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { drawnDelays } from "../../src/testing/fault_plan.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";
import { storageSuite } from "../../src/testing/storage_suite.ts";

const traits = {
  name: "memory",
  shared: false,
  durable: false,
  synchronousReads: true,
  fencing: "none",
} as const;

storageSuite({
  name: "memory",
  test,
  traits,
  make: () => ({ storage: createMemoryStorage(), directory: "/suite", dispose: () => {} }),
});

storageSuite({
  name: "memory under pass-through",
  test,
  traits,
  make: () => ({
    storage: withFaults(createMemoryStorage(), () => undefined),
    directory: "suite",
    dispose: () => {},
  }),
});

storageSuite({
  name: "memory under drawn delays",
  test,
  traits,
  make: () => ({
    storage: withFaults(createMemoryStorage(), drawnDelays(7)),
    directory: "/suite/deep/er",
    dispose: () => {},
  }),
});
