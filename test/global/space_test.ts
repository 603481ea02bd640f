import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { checkDatabase } from "../../src/global/check.ts";

const EXTENT_BLOCKS = 8;
const VALUE_BYTES = 400_000;

test("takeBlock: one change begins as many extents as it needs", async () => {
  // Bounded, so that a volume which is grown again and again fails instead of going on.
  const storage = createMemoryStorage({ bytesMax: 64 * 1024 * 1024 });
  await using node = await openNode({}, { storage });
  const database = await node.mount("/v", { create: true, extentBlocks: EXTENT_BLOCKS });
  const values = database.global<Uint8Array>("A");
  // 50 blocks, 7 to an extent.
  await values.set([1], new Uint8Array(VALUE_BYTES).fill(7));
  assertEquals((await values.get([1]))?.length, VALUE_BYTES);
  assertEquals((await checkDatabase(database.core)).problems, []);
  const { blocks, blockSize } = database.status;
  assert(blocks * blockSize < 4 * VALUE_BYTES, `${blocks} blocks`);
});
