import { assertEquals } from "@std/assert";
import { test } from "#test";
import { openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { withFaults } from "../../src/testing/mod.ts";

test("WriteDaemon: a failure while nothing is wanted any more does not freeze writes for ever", async () => {
  let failures = 0;
  // The segment that a quiet time's cycle made superfluous cannot be removed, once.
  const storage = withFaults(createMemoryStorage(), ({ operation, path }) => {
    const strikes = operation === "remove" && /journal\.[0-9]+$/.test(path) && failures++ === 0;
    return strikes ? { kind: "error", code: "IO", errno: "EIO" } : undefined;
  });
  await using node = await openNode({ dir: "/node", segmentBytes: 65_536, idleMs: 20 }, { storage });
  const values = (await node.mount("/v", { create: true })).global<string>("A");
  for (let i = 0; i < 600; i++) await values.set([i % 50], "x".repeat(200));
  while (failures === 0) await new Promise((done) => setTimeout(done, 5));
  await values.set([1], "later", { timeoutMs: 5_000 });
  assertEquals(await values.get([1]), "later");
});

test("WriteDaemon: a journal that fills the disk before the first cycle gets its space back", async () => {
  const storage = createMemoryStorage({ bytesMax: 1_000_000 });
  await using node = await openNode({ dir: "/node", segmentBytes: 65_536, poolBytes: 64 * 8192 }, {
    storage,
  });
  const values = (await node.mount("/v", { create: true })).global<string>("A");
  for (let i = 0; i < 2_000; i++) await values.set([i % 50], "x".repeat(500));
  assertEquals(node.status.state, "active");
});
