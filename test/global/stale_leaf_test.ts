/** A drive that lost a write: a leaf as it was before it took in its neighbours leads nobody in a circle. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, type Global, type Node, openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";

const BLOCK = 8192;
const VALUE = "v".repeat(300);

type Disk = ReturnType<typeof createMemoryStorage>;

async function blocksOf(disk: Disk): Promise<Uint8Array[]> {
  const file = await disk.openVolume("/v/cohort.dat", { access: "read", blockSize: BLOCK });
  const blocks: Uint8Array[] = [];
  for (let block = 0; block < await file.size(); block++) {
    const bytes = new Uint8Array(BLOCK);
    await file.read(block, bytes);
    blocks.push(bytes);
  }
  await file.close();
  return blocks;
}

async function withGlobal<T>(
  disk: Disk,
  work: (global: Global<string>, node: Node) => Promise<T>,
): Promise<T> {
  await using node = await openNode({ dir: "/node" }, { storage: disk });
  return await work((await node.mount("/v", { create: true })).global<string>("A"), node);
}

/** A tree whose leaves, all but the last, are as they were when they covered less. */
async function damagedDisk(): Promise<Disk> {
  const disk = createMemoryStorage();
  await withGlobal(disk, async (global) => {
    for (let i = 0; i < 2_000; i++) await global.set([i], VALUE);
  });
  const before = await blocksOf(disk);
  await withGlobal(disk, async (global) => {
    for (let i = 0; i < 2_000; i++) if (i % 20 > 0) await global.kill([i]);
  });
  const after = await blocksOf(disk);
  const leaves = before.map((_, block) => block).filter((block) =>
    before[block]![5] === 3 && after[block]![5] === 3 &&
    before[block]!.some((byte, i) => byte !== after[block]![i])
  );
  assert(leaves.length > 2, `${leaves.length} leaves`);
  const file = await disk.openVolume("/v/cohort.dat", { access: "write", blockSize: BLOCK });
  for (const block of leaves.slice(0, -1)) await file.write([{ block, bytes: before[block]! }]);
  await file.close();
  return disk;
}

test("a leaf as it once was: a walk forward is CORRUPT, and none goes in a circle", async () => {
  const disk = await damagedDisk();
  await withGlobal(disk, async (global, node) => {
    const walk = async (reverse: boolean): Promise<void> => {
      let last = reverse ? Infinity : -1;
      for await (const [[key]] of global.entries([], { reverse })) {
        assert(reverse ? (key as number) < last : (key as number) > last, `${key} after ${last}`);
        last = key as number;
      }
    };
    const error = await assertRejects(
      () => walk(false),
      CohortError,
      "it does not cover the key that led to it",
    );
    assertEquals(error.code, "CORRUPT");
    // Backward their low keys, which are as they were, lead on.
    await walk(true);
    let steps = 0;
    const order = async (): Promise<void> => {
      for (let key = await global.order([""]); key !== undefined; key = await global.order([key])) {
        assert(++steps < 5_000, "it goes in a circle");
      }
    };
    await assertRejects(order, CohortError, "it does not cover the key that led to it");
    const copy = (await node.mount("/v")).global<string>("B");
    await assertRejects(
      () => copy.merge([], global),
      CohortError,
      "it does not cover the key that led to it",
    );
    assertEquals(await copy.data([]), 0, "nothing of it was copied");
  });
});
