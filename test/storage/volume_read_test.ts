/** A volume believes a block only when it proves to be itself, and not older than what was put home. */
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { KIND_LEAF, sealBlock, setBlockStamp } from "../../src/ground/block.ts";
import { formatEntries } from "../../src/ground/entries_write.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { BlockWrite, VolumeFile } from "../../src/ports/mod.ts";
import { Volume } from "../../src/storage/volume.ts";

const BLOCK = 8192;
const ID = "0".repeat(32);
const FACTS = { blockSize: BLOCK, extentBlocks: 64, tag: 1, id: ID, incarnation: ID };

function leaf(block: number, stamp: number, tag: number = FACTS.tag): Uint8Array {
  const bytes = new Uint8Array(BLOCK);
  formatEntries(bytes, 0, BLOCK, KIND_LEAF, 0, block, block, tag, new Uint8Array(0), 0, undefined, -1);
  setBlockStamp(bytes, 0, stamp);
  sealBlock(bytes, 0, BLOCK);
  return bytes;
}

test("Volume.read(): what is damaged, another's, or older than what was put home is loud", async () => {
  let stands = leaf(9, 5);
  const file = {
    path: "/v",
    read: (_: number, into: Uint8Array) => (into.set(stands), BLOCK),
    write: (_: readonly BlockWrite[]) => undefined,
  } as unknown as VolumeFile;
  const volume = new Volume(file, FACTS, 0, 64, false);
  const found = async (): Promise<string> => await volume.read(9, new Uint8Array(BLOCK), 0);
  assertEquals(await found(), "block");
  await volume.write([{ block: 9, bytes: leaf(9, 7) }]);
  const wrong: Array<[string, Uint8Array]> = [
    ["older than 7", leaf(9, 6)],
    ["blank though it was written", new Uint8Array(BLOCK)],
    ["", leaf(8, 7)],
    ["", leaf(9, 7, 2)],
    ["", leaf(9, 7).fill(1, 4_000, 4_001)],
  ];
  for (const [what, bytes] of wrong) {
    stands = bytes;
    assertEquals((await assertRejects(found, CohortError, what)).code, "CORRUPT");
  }
  for (const stamp of [7, 8]) {
    stands = leaf(9, stamp);
    assertEquals(await found(), "block");
  }
});
