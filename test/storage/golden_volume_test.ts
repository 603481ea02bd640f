/** A new volume, byte by byte. */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { FIRST_BLOCKS, initialImage, newestHeader } from "../../src/storage/volume_header.ts";
import golden from "../golden/initial_volume.json" with { type: "json" };
import { blockOfLines, linesOf } from "../ground/golden_blocks.ts";
import { INCARNATION, VOLUME } from "./journal_rig.ts";

const SIZE = 8192;

test("golden volume: a new one is what it always was", () => {
  const image = initialImage({
    blockSize: SIZE,
    extentBlocks: 1024,
    id: VOLUME,
    incarnation: INCARNATION,
    createdMs: 1_700_000_000_000,
  });
  const blocks = Array.from(
    { length: FIRST_BLOCKS },
    (_, i) => linesOf(image.subarray(i * SIZE, (i + 1) * SIZE)),
  );
  assertEquals(blocks, golden);
  const [slotA, slotB] = golden.slice(0, 2).map(blockOfLines);
  assertEquals(newestHeader(slotA!, slotB!, "x").sequence, 1);
});
