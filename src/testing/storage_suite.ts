/**
 * The acceptance suite of Storage: every promise of the port that can be seen without losing power, as a
 * named test.
 *
 * ```ts ignore
 * import { storageSuite } from "@cohort/db/testing";
 * import { test } from "bun:test";
 * storageSuite({ name: "mine", test, make: async () => ({ storage, directory, dispose }) });
 * ```
 */
import type { Answer } from "../ports/answer.ts";
import type { Storage, StorageTraits } from "../ports/storage.ts";
import type { TestFunction } from "./expect.ts";
import { fenceTests } from "./suites/fence_tests.ts";
import { handleTests } from "./suites/handle_tests.ts";
import { nameTests } from "./suites/name_tests.ts";
import { registerTests } from "./suites/register_tests.ts";
import { streamTests } from "./suites/stream_tests.ts";
import { volumeTests } from "./suites/volume_tests.ts";

/** What one test gets: a storage of its own, and a directory in it that holds nothing. */
export interface StorageUnderTest {
  /** The storage, new and open. */
  readonly storage: Storage;
  /** Where the test may make files. It need not exist. */
  readonly directory: string;
  /** Removes what the test left. The storage is closed by then. */
  dispose(): Answer<void>;
}

/** Options of {@linkcode storageSuite}. */
export interface StorageSuiteOptions {
  /** Leads the name of each test. */
  readonly name: string;
  /** Called once a test. */
  make(): Answer<StorageUnderTest>;
  /** The runner's own. */
  readonly test: TestFunction;
  /** Traits that the storage must have. */
  readonly traits?: Partial<StorageTraits>;
}

/** A test of the suite: `at` makes a path from a name in the test's directory. */
export type StorageTest = (storage: Storage, at: (name: string) => string) => Promise<void>;

/** Registers a test of the suite. */
export type StorageCheck = (name: string, run: StorageTest) => void;

/** Registers all tests of the suite with the runner. */
export function storageSuite(options: StorageSuiteOptions): void {
  const check: StorageCheck = (name, run) => {
    options.test(`${options.name} storage: ${name}`, async () => {
      const { storage, directory, dispose } = await options.make();
      try {
        await run(storage, (file) => `${directory}/${file}`);
      } finally {
        await closeOnce(storage);
        await dispose();
      }
    });
  };
  registerTests(check);
  volumeTests(check);
  streamTests(check);
  nameTests(check);
  handleTests(check, options.traits ?? {});
  fenceTests(check);
}

/** Some tests close the storage themselves, and a second time is an error. */
async function closeOnce(storage: Storage): Promise<void> {
  try {
    await storage.close();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "CLOSED") throw error;
  }
}
