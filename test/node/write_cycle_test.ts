/**
 * What a node shows of its write cycles, and that they hold nobody up (cache-cluster-rules W1, W2, W9, W10).
 */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { PHASE } from "../../src/buffer/write_phase.ts";
import { type FaultOperation, withFaults } from "../../src/testing/mod.ts";

/** Which call a phase waits in. */
const CALLS: ReadonlyArray<readonly [number, FaultOperation, RegExp]> = [
  [PHASE.images, "sync", /\/image$/],
  [PHASE.home, "write", /\.dat$/],
  [PHASE.syncing, "sync", /\.dat$/],
  [PHASE.clearing, "write", /\/image$/],
];

for (const [phase, stalled, file] of CALLS) {
  test(`a write cycle that stalls in phase ${phase} lets changes and reads go on`, async () => {
    let isStalling = false;
    let writes = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const storage = withFaults(createMemoryStorage(), ({ operation, path }) => {
      if (!isStalling || operation !== stalled || !file.test(path)) return undefined;
      // Entries, header, release mark.
      if (phase === PHASE.clearing && ++writes < 3) return undefined;
      return { kind: "stall", until: promise };
    });
    await using node = await openNode({ dir: "/node" }, { storage });
    const values = (await node.createDatabase("/v")).global<number>("A");
    for (let i = 0; i < 10; i++) await values.set([i], 0);
    isStalling = true;
    const home = node.checkpoint();
    while (node.status.writeDaemon!.phase !== phase) await new Promise((done) => setTimeout(done, 1));
    for (let i = 0; i < 10; i++) await values.set([i], 1);
    assertEquals(await values.increment([3]), 2);
    assertEquals(await values.get([4]), 1);
    const { writeDaemon } = node.status;
    assertEquals([writeDaemon!.phase, writeDaemon!.updatersHeld], [phase, false]);
    resolve();
    await home;
    assert(node.status.writeDaemon!.blocksRedirtied > 0);
  });
}

test("the last 20 write cycles are told", async () => {
  await using node = await openNode();
  const values = (await node.createDatabase("/v")).global<number>("A");
  for (let cycle = 1; cycle <= 25; cycle++) {
    await values.set([1], cycle);
    await node.checkpoint();
  }
  const { cycle, recent, blocksWritten } = node.status.writeDaemon!;
  assertEquals(recent.map((it) => it.cycle), Array.from({ length: 20 }, (_, i) => cycle - 19 + i));
  assert(recent.every((it) => it.blocks > 0 && it.imagesMs >= 0 && it.homeMs >= 0 && it.redirtied === 0));
  assert(blocksWritten >= 25);
});
