/** Nodes of every block size at the least pool and segment they may have. */
import { test } from "#test";
import { assertEquals, assertThrows } from "@std/assert";
import { openNode, type Value } from "../../mod.ts";
import { BLOCK_BYTES_ALLOWED } from "../../src/ground/limits.ts";
import { settingsOf } from "../../src/node/options.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";
import { assertSound } from "../global/rig.ts";

for (const blockSize of BLOCK_BYTES_ALLOWED) {
  test(`blocks of ${blockSize} bytes: writes, splits, recovery in the least segment`, async () => {
    const segmentBytes = Math.max(65_536, 8 * blockSize);
    const poolBytes = 32 * blockSize;
    const options = { blockSize, poolBytes, segmentBytes, checkpointBytes: segmentBytes };
    const files = new CrashedFiles();
    const node = await openNode({ dir: "/one", ...options }, { storage: files });
    const database = await node.mount("/v", { create: true });
    const global = database.global<Value>("A");
    for (let i = 0; i < 300; i++) await global.set([i % 7, i], "v".repeat((i * 977) % 3000) + i);
    await global.set([3, "large"], "L".repeat(2 * blockSize));
    await global.kill([5]);
    const left = CrashedFiles.of(files);
    await node.close();

    const next = await openNode({ dir: "/two", ...options }, { storage: left });
    const recovered = await next.mount("/v");
    await assertSound(recovered);
    const found = recovered.global<Value>("A");
    for (let i = 0; i < 300; i++) {
      const value = i % 7 === 5 ? undefined : "v".repeat((i * 977) % 3000) + i;
      assertEquals(await found.get([i % 7, i]), value);
    }
    assertEquals(await found.get([3, "large"]), "L".repeat(2 * blockSize));
    await next.close();
  });
}

test("a segment too small for a change of a few blocks is refused when the node opens", () => {
  assertThrows(() => settingsOf({ blockSize: 32_768, segmentBytes: 65_536 }), RangeError, "segmentBytes");
  assertEquals(settingsOf({ blockSize: 32_768, segmentBytes: 262_144 }).segmentBytes, 262_144);
});
