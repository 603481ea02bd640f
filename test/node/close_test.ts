import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, isCode, openNode } from "@cohort/db";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createSystemEntropy } from "../../adapters/entropy_system.ts";
import { createSilentObserver } from "../../adapters/observer_silent.ts";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { openNodeCore } from "../../src/node/open_node.ts";
import { withFaults } from "../../src/testing/mod.ts";

test("close: an end that fails leaves nothing open", async () => {
  const disk = createMemoryStorage();
  let isFailing = false;
  const storage = withFaults(disk, ({ operation, path }) => {
    const strikes = isFailing && operation === "sync" && /journal\.[0-9]+$/.test(path);
    return strikes ? { kind: "syncFailure" } : undefined;
  });
  const world = {
    storage,
    clock: createSystemClock(),
    entropy: createSystemEntropy(),
    observer: createSilentObserver(),
  };
  let ended = 0;
  const node = await openNodeCore({ dir: "/node", durability: "relaxed" }, world, () => {
    ended++;
    return Promise.resolve();
  });
  const database = await node.mount("/v", { create: true });
  await database.global<number>("A").set([1], 1);
  await database.dismount();
  isFailing = true;
  // Nothing but the end mark is left to be synced.
  await node.close().catch((error) => assertEquals(error instanceof CohortError, true, String(error)));
  assertEquals(ended, 1);
  await using other = await openNode({ dir: "/other" }, { storage: disk });
  assertEquals(await (await other.mount("/v")).global<number>("A").get([1]), 1);
  await assertRejects(() => node.mount("/v"));
  assertEquals(isCode(await database.global("A").get([1]).catch((error) => error), "NOT_MOUNTED"), true);
});

test("close: what waits for a disk that takes nothing is given up by its deadline, and goes on", async () => {
  let isFailing = false;
  const fault = { kind: "error", code: "IO", errno: "EIO" } as const;
  const storage = withFaults(
    createMemoryStorage(),
    ({ operation }) => isFailing && operation === "write" ? fault : undefined,
  );
  await using node = await openNode({ dir: "/node" }, { storage });
  const database = await node.mount("/v", { create: true });
  const global = database.global<number>("A");
  await global.set([1], 1);
  isFailing = true;
  const calls = [
    () => node.checkpoint({ timeoutMs: 20 }),
    () => global.set([2], 2, { timeoutMs: 20 }),
    () => database.dismount({ timeoutMs: 20 }),
  ];
  for (const call of calls) {
    assertEquals(isCode(await assertRejects(call), "FROZEN"), true, String(call));
  }
  isFailing = false;
  await database.dismount();
  assertEquals(await (await node.mount("/v")).global<number>("A").get([1]), 1);
});
