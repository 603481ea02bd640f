import { test } from "#test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileStorage, type FileStorageOptions } from "../../adapters/storage_file.ts";
import type { Storage } from "../../src/ports/mod.ts";
import { drawnDelays } from "../../src/testing/fault_plan.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";
import { storageSuite, type StorageUnderTest } from "../../src/testing/storage_suite.ts";

const traits = { name: "file", shared: true, durable: true } as const;

function make(options: FileStorageOptions, wrap: (storage: Storage) => Storage): StorageUnderTest {
  const directory = mkdtempSync(join(tmpdir(), "cohort-file-"));
  const storage = createFileStorage(options);
  return {
    storage: wrap(storage),
    directory: `${directory}/suite`,
    dispose: () => rmSync(directory, { recursive: true }),
  };
}

storageSuite({
  name: "file",
  test,
  traits: { ...traits, synchronousReads: true },
  make: () => make({}, (storage) => storage),
});

storageSuite({
  name: "file off the loop",
  test,
  traits: { ...traits, synchronousReads: false },
  make: () => make({ onLoop: false }, (storage) => storage),
});

storageSuite({
  name: "file under pass-through",
  test,
  traits,
  make: () => make({}, (storage) => withFaults(storage, () => undefined)),
});

storageSuite({
  name: "file under drawn delays",
  test,
  traits,
  make: () => make({}, (storage) => withFaults(storage, drawnDelays(7))),
});
