import { assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError, openNode, type VolumeFile } from "@cohort/db";
import { Change } from "../../src/buffer/change.ts";
import { Pool } from "../../src/buffer/pool.ts";
import { GROUP_RECORDS_MAX } from "../../src/storage/journal_frame.ts";
import { Volume } from "../../src/storage/volume.ts";

test("Engine: a change that was granted space asks again when stamps jumped above the grant", async () => {
  await using node = await openNode();
  const database = await node.mount("/v", { create: true });
  const values = database.global<string>("A");
  await values.set([1], "x");
  const { journal, stamps } = database.core.engine;
  const taken: number[] = [];
  for (let bytes = 1 << 20; bytes >= 64; bytes >>= 1) {
    while (journal.admitNow(bytes, stamps.peek)) taken.push(bytes);
  }
  const killed = values.kill([1]);
  // The grant; and in the same turn a volume of a long life is mounted.
  for (const bytes of taken) journal.withdraw(bytes);
  stamps.hear(2 ** 40);
  await killed;
  assertEquals(await values.get([1]), undefined);
  assertEquals(node.status.state, "active");
});

test("Change: more blocks than a group can name are too large a transaction", () => {
  const blockBytes = 64;
  const pool = new Pool((GROUP_RECORDS_MAX + 2) * blockBytes, blockBytes);
  const id = "0".repeat(32);
  const facts = { blockSize: blockBytes, extentBlocks: 64, tag: 1, id, incarnation: id };
  const volume = new Volume({ path: "/v" } as VolumeFile, facts, 0, GROUP_RECORDS_MAX + 9, false);
  const change = new Change(pool, false);
  const value = new Uint8Array(8);
  for (let block = 5; block < 5 + GROUP_RECORDS_MAX; block++) {
    change.createValue(volume, block, 3, value, 0, 8);
  }
  assertEquals(change.groupBytesMax > 0, true);
  change.createValue(volume, 5 + GROUP_RECORDS_MAX, 3, value, 0, 8);
  assertThrows(() => change.groupBytesMax, CohortError, "at most 65535");
  change.release();
});
