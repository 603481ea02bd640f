/** The acceptance suite of the port, on this adapter: plain, and with answers delayed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Storage } from "@cohort/db";
import { drawnDelays, storageSuite, type StorageUnderTest, withFaults } from "@cohort/db/testing";
import { createPromisesStorage } from "./storage_promises.ts";

async function make(wrap: (storage: Storage) => Storage): Promise<StorageUnderTest> {
  const root = await mkdtemp(join(tmpdir(), "own-adapter-"));
  return {
    storage: wrap(createPromisesStorage(join(root, "files"))),
    directory: "/suite",
    dispose: async () => await rm(root, { recursive: true }),
  };
}

const traits = { name: "promises", synchronousReads: false } as const;

storageSuite({
  name: "promises",
  test,
  traits,
  make: () => make((storage) => storage),
});

storageSuite({
  name: "promises under delays",
  test,
  traits,
  make: () => make((storage) => withFaults(storage, drawnDelays(3))),
});
