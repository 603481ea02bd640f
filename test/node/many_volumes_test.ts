/**
 * A node that meets ever more databases: the table of its journal is bounded, and says when it is full (I10).
 */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { isCode, openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";

test("mount: more databases than a node's journal can name are refused, and those it has go on", async () => {
  const storage = createMemoryStorage();
  const options = { dir: "/node", poolBytes: 64 * 8192, segmentBytes: 65_536, checkpointBytes: 100_000 };
  await using node = await openNode(options, { storage });
  const first = (await node.createDatabase("/first")).global<string>("A");
  let refused: unknown;
  let mounted = 0;
  for (; mounted < 800 && refused === undefined; mounted++) {
    try {
      const database = await node.createDatabase(`/tenants/${mounted}`, { extentBlocks: 8 });
      await database.global<string>("A").set([1], "v".repeat(1_000), { timeoutMs: 2_000 });
      await database.dismount();
    } catch (error) {
      refused = error;
    }
  }
  assert(isCode(refused, "FULL"), `after ${mounted}: ${refused}`);
  assert(mounted > 50);
  for (let i = 0; i < 200; i++) await first.set([i], "w".repeat(1_000), { timeoutMs: 2_000 });
  const again = await node.mount("/tenants/0");
  await again.global<string>("A").set([2], "again");
  assertEquals(await again.global<string>("A").get([1]), "v".repeat(1_000));
  assertEquals(node.status.state, "active");
  await using other = await openNode({ ...options, dir: "/other" }, { storage });
  await other.mount(`/tenants/${mounted - 1}`);
});
