import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { type Observer, openNode, type Storage } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { newestHeader } from "../../src/storage/volume_header.ts";
import { type FaultPlan, withFaults } from "../../src/testing/mod.ts";

const BLOCK_BYTES = 8192;
const PATH = "/v/cohort.dat";
/** Reads of the volume from the first on, each of which stops short in one trial. */
const TRIALS = 14;

/** The n-th read of the volume stops short, once. */
const shortRead = (n: number): FaultPlan => {
  let reads = 0;
  return ({ operation, path }) => {
    const strikes = operation === "read" && path === PATH && reads++ === n;
    return strikes ? { kind: "shortRead", bytes: 50 } : undefined;
  };
};

async function stampCeiling(disk: Storage): Promise<number> {
  const file = await disk.openVolume(PATH, { blockSize: BLOCK_BYTES, access: "read" });
  const slots = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)] as const;
  for (const [i, slot] of slots.entries()) await file.read(i, slot);
  await file.close();
  return newestHeader(slots[0], slots[1], PATH).stampCeiling;
}

test("mount: a header slot that a read brings only a part of is not taken for a damaged one", async () => {
  const disk = createMemoryStorage();
  let opened = 0;
  const life = async (storage: Storage, name: string, sets: number): Promise<number> => {
    await using node = await openNode({ dir: `/node${++opened}` }, { storage });
    // Other blocks that are read in part are refused, which is as good.
    const mount = () => node.mount("/v", { create: true });
    const values = (await mount().catch(mount)).global<number>(name);
    for (let i = 0; i < sets; i++) await values.set([1], i).catch(() => values.set([1], i));
    await node.close();
    return await stampCeiling(disk);
  };
  await life(disk, "Quiet", 1);
  for (let n = 0; n < TRIALS; n++) {
    // Nothing in the other global tells how far stamps have come.
    const before = await life(disk, "Busy", 20);
    const after = await life(withFaults(disk, shortRead(n)), "Quiet", 1);
    assert(after > before, `stamps up to ${before} were given, after a short read ${n} it says ${after}`);
  }
});

test("recovery: a block that a read brings only a part of is not taken for a damaged one", async () => {
  for (let n = 0; n < TRIALS; n++) {
    const disk = createMemoryStorage();
    let fails = false;
    const failing = withFaults(disk, ({ operation, path }) => {
      return fails && operation === "sync" && path.includes("/journal.")
        ? { kind: "syncFailure" }
        : undefined;
    });
    const node = await openNode({ dir: "/first" }, { storage: failing });
    const values = (await node.mount("/v", { create: true })).global<number>("A");
    for (let i = 0; i < 20; i++) await values.set([i], i);
    await node.checkpoint();
    fails = true;
    await values.set([1], 2).catch(() => {});
    await node.close();
    const heard: string[] = [];
    const observer: Observer = {
      traits: { version: 1 },
      event: (name) => void heard.push(name),
      measure: () => {},
    };
    await using other = await openNode({ dir: "/other" }, {
      storage: withFaults(disk, shortRead(n)),
      observer,
    });
    await other.mount("/v").catch(() => {});
    assertEquals(heard.filter((name) => name === "volume.mismatch"), [], `read ${n} of the volume`);
  }
});
