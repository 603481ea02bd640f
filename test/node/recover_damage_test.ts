import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, openNode, type VolumeFile } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { blockKind, blockStamp, KIND_LEAF, sealBlock } from "../../src/ground/block.ts";
import { entryCount, search } from "../../src/ground/entries.ts";
import { removeAt } from "../../src/ground/entries_write.ts";
import { keyOf } from "../../src/ground/key.ts";
import { withFaults } from "../../src/testing/mod.ts";

const BLOCK_BYTES = 8192;

/** The block number and bytes of the leaf with so many entries. */
async function leafOf(file: VolumeFile, entries: number): Promise<{ block: number; bytes: Uint8Array }> {
  for (let block = 5; block < await file.size(); block++) {
    const bytes = new Uint8Array(BLOCK_BYTES);
    await file.read(block, bytes);
    if (blockKind(bytes, 0) === KIND_LEAF && entryCount(bytes, 0) === entries) return { block, bytes };
  }
  throw new Error(`No leaf has ${entries} entries`);
}

test("recovery: a record that cannot be applied leaves its block as the record before it did", async () => {
  const disk = createMemoryStorage();
  let isFailing = false;
  const failing = withFaults(disk, ({ operation, path }) => {
    const strikes = isFailing && operation === "sync" && path.includes("/journal.");
    return strikes ? { kind: "syncFailure" } : undefined;
  });
  const node = await openNode({ dir: "/first" }, { storage: failing });
  const values = (await node.mount("/v", { create: true })).global<string>("A");
  for (const key of ["a", "b", "c"]) await values.set([key], key);
  await node.checkpoint();
  await values.set(["d"], "d");
  // The node ends with these in its journal and nothing of them in the volume.
  isFailing = true;
  await assertRejects(() =>
    node.transact(async (tx) => {
      await tx.global(values).zkill(["a"]);
      await tx.global(values).zkill(["b"]);
    })
  );
  await node.close();
  const file = await disk.openVolume("/v/cohort.dat", { blockSize: BLOCK_BYTES, access: "write" });
  const { block, bytes } = await leafOf(file, 3);
  const key = keyOf(["b"]);
  removeAt(bytes, 0, search(bytes, 0, key, key.length));
  sealBlock(bytes, 0, BLOCK_BYTES);
  await file.write([{ block, bytes }]);

  const other = await openNode({ dir: "/other" }, { storage: disk });
  await assertRejects(() => other.mount("/v"), CohortError, "the key is not in the block");
  await other.close();
  const found = new Uint8Array(BLOCK_BYTES);
  await file.read(block, found);
  // a and c were there, d was replayed; the half of the transaction that could be done is not there.
  assertEquals([entryCount(found, 0), blockStamp(found, 0)], [3, blockStamp(bytes, 0) + 1]);
  await file.close();
});
