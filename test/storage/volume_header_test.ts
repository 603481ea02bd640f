import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import {
  AT_FORMAT,
  blockCount,
  blockKind,
  blockNumber,
  blockStamp,
  KIND_HEADER,
  KIND_LEAF,
  KIND_MAP,
  sealBlock,
  verifyBlock,
} from "../../src/ground/block.ts";
import { putU16 } from "../../src/ground/bytes.ts";
import { checkBlock } from "../../src/ground/image.ts";
import { BLOCK_BYTES_ALLOWED } from "../../src/ground/limits.ts";
import { mapFindFree } from "../../src/ground/space_map.ts";
import {
  decodeVolumeHeader,
  encodeVolumeHeader,
  FIRST_BLOCKS,
  initialImage,
  newestHeader,
  probeBlockSize,
  tagOf,
  type VolumeHeader,
} from "../../src/storage/volume_header.ts";
import { codeOf, hexOf, readGolden } from "./bytes_rig.ts";
import { INCARNATION, VOLUME } from "./journal_rig.ts";

const HEADER: VolumeHeader = {
  blockSize: 8192,
  extentBlocks: 1024,
  id: VOLUME,
  incarnation: INCARNATION,
  sequence: 6,
  stampCeiling: 2 ** 40 + 5,
  createdMs: 1_700_000_000_000,
};
const BLANK = new Uint8Array(8192);

test("encodeVolumeHeader(): golden bytes, and it reads back", () => {
  const bytes = encodeVolumeHeader(HEADER);
  assertEquals(hexOf(bytes.subarray(0, 108)), readGolden("volume_header.hex"));
  assert(bytes.subarray(108).every((byte) => byte === 0));
  assertEquals(decodeVolumeHeader(bytes, 0), HEADER);
  assertEquals(decodeVolumeHeader(bytes, 1), undefined, "a slot knows its place");
  assertEquals(probeBlockSize(bytes), 8192);
});

test("newestHeader(): the newer of two sound slots, or the only sound one", () => {
  const older = encodeVolumeHeader(HEADER);
  const newer = encodeVolumeHeader({ ...HEADER, sequence: 7, stampCeiling: 1 });
  assertEquals(newestHeader(older, newer, "x").sequence, 7);
  assertEquals(newestHeader(encodeVolumeHeader({ ...HEADER, sequence: 8 }), newer, "x").sequence, 8);
  assertEquals(newestHeader(older, BLANK, "x").sequence, 6);
  assertEquals(newestHeader(BLANK, newer, "x").sequence, 7);
  assertEquals(codeOf(() => newestHeader(BLANK, BLANK, "x")), "CORRUPT");
});

test("newestHeader(): with any byte of one slot damaged the other counts, and no damage looks newer", () => {
  const older = encodeVolumeHeader(HEADER);
  const newer = encodeVolumeHeader({ ...HEADER, sequence: 7 });
  for (let at = 0; at < newer.length; at++) {
    for (const mask of at < 128 ? [0x01, 0x02, 0x80, 0xff] : [0x01]) {
      newer[at]! ^= mask;
      assertEquals(newestHeader(older, newer, "x").sequence, 6, `byte ${at}`);
      assertEquals(codeOf(() => newestHeader(BLANK, newer, "x")), "CORRUPT");
      newer[at]! ^= mask;
    }
  }
});

test("newestHeader(): a sound slot of a newer format is FORMAT_NEWER, by volume or by block format", () => {
  const older = encodeVolumeHeader(HEADER);
  const byVolume = encodeVolumeHeader({ ...HEADER, sequence: 7 });
  putU16(byVolume, 48, 2);
  sealBlock(byVolume, 0, 8192);
  const byBlock = encodeVolumeHeader({ ...HEADER, sequence: 7 });
  byBlock[AT_FORMAT] = 2;
  sealBlock(byBlock, 0, 8192);
  for (const slot of [byVolume, byBlock]) {
    assertEquals(codeOf(() => newestHeader(older, slot, "x")), "FORMAT_NEWER");
  }
});

test("probeBlockSize() of foreign bytes is undefined", () => {
  assertEquals(probeBlockSize(BLANK), undefined);
  assertEquals(probeBlockSize(new Uint8Array(0)), undefined);
  assertEquals(probeBlockSize(new TextEncoder().encode("SQLite format 3\0".repeat(64))), undefined);
  const odd = encodeVolumeHeader(HEADER);
  odd[53] = 0x21;
  assertEquals(probeBlockSize(odd), undefined);
});

test("initialImage(): two headers, a map with five blocks set, two empty roots, all sound", () => {
  for (const blockSize of BLOCK_BYTES_ALLOWED) {
    for (const extentBlocks of [8, 64, 1024]) {
      const bytes = initialImage({ ...HEADER, blockSize, extentBlocks });
      assertEquals(bytes.length, FIRST_BLOCKS * blockSize);
      const tag = tagOf(INCARNATION);
      const kinds: number[] = [];
      for (let block = 0; block < FIRST_BLOCKS; block++) {
        const base = block * blockSize;
        assertEquals(verifyBlock(bytes, base, blockSize, block, tag), undefined, `block ${block}`);
        assertEquals([blockNumber(bytes, base), blockStamp(bytes, base)], [block, 1]);
        if (block >= 2) assertEquals(checkBlock(bytes, base, blockSize), undefined);
        kinds.push(blockKind(bytes, base));
      }
      assertEquals(kinds, [KIND_HEADER, KIND_HEADER, KIND_MAP, KIND_LEAF, KIND_LEAF]);
      assertEquals(blockCount(bytes, 2 * blockSize), 5);
      assertEquals(mapFindFree(bytes, 2 * blockSize, extentBlocks, extentBlocks, 0), 5);
      assertEquals([3, 4].map((block) => blockCount(bytes, block * blockSize)), [0, 0]);
      const header = newestHeader(
        bytes.subarray(0, blockSize),
        bytes.subarray(blockSize, 2 * blockSize),
        "x",
      );
      assertEquals([header.sequence, header.extentBlocks, header.stampCeiling], [1, extentBlocks, 1]);
    }
  }
});
