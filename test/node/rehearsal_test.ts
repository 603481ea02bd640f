import { test } from "#test";
import { assertEquals } from "@std/assert";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createSystemEntropy } from "../../adapters/entropy_system.ts";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { rehearseRecovery } from "../../src/node/rehearsal.ts";
import { withFaults } from "../../src/testing/mod.ts";

test("rehearsal: a recovery is run to its end, and nothing is left of it", async () => {
  const calls = new Set<string>(), events = new Set<string>();
  const storage = withFaults(createMemoryStorage(), ({ operation, path }) => {
    calls.add(`${operation} ${path.replace(/[0-9a-f]{32}/, "*")}`);
    return undefined;
  });
  await rehearseRecovery({
    storage,
    clock: createSystemClock(),
    entropy: createSystemEntropy(),
    observer: { traits: { version: 1 }, event: (name) => void events.add(name), measure: () => {} },
  });
  // What a recovery of another's journal does, and blocks of it that go home.
  assertEquals(calls.has("createRegister /rehearsal/*/journal.end"), true, [...calls].join("\n"));
  assertEquals(events.has("node.litter"), false);
});
