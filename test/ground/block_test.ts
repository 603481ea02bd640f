import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import {
  AT_BLOCK,
  AT_FLAGS,
  AT_FORMAT,
  AT_KIND,
  blockCount,
  blockKind,
  blockLevel,
  blockNumber,
  blockStamp,
  blockTree,
  formatFree,
  HEADER_BYTES,
  isBlank,
  KIND_BRANCH,
  KIND_FREE,
  sealBlock,
  setBlockStamp,
  verifyBlock,
  volumeTag,
  writeHeader,
} from "../../src/ground/block.ts";
import { BLOCK_BYTES_ALLOWED, STAMP_MAX } from "../../src/ground/limits.ts";
import { Prng } from "../support/prng.ts";

const SIZE = 8192;

/** Three blocks side by side, the middle one sealed as block 7 of volume 0xdeadbeef. */
function sealed(size: number = SIZE): Uint8Array {
  const bytes = new Prng(size).bytes(3 * size);
  writeHeader(bytes, size, {
    kind: KIND_BRANCH,
    level: 3,
    block: 7,
    tree: 0xfffffffe,
    stamp: STAMP_MAX,
    volumeTag: 0xdeadbeef,
  });
  sealBlock(bytes, size, size);
  return bytes;
}

test("writeHeader: every field reads back, neighbours stay", () => {
  const before = new Prng(SIZE).bytes(3 * SIZE);
  const bytes = sealed();
  assertEquals(blockKind(bytes, SIZE), KIND_BRANCH);
  assertEquals(blockLevel(bytes, SIZE), 3);
  assertEquals(blockNumber(bytes, SIZE), 7);
  assertEquals(blockTree(bytes, SIZE), 0xfffffffe);
  assertEquals(blockStamp(bytes, SIZE), STAMP_MAX);
  assertEquals(blockCount(bytes, SIZE), 0);
  assertEquals(volumeTag(bytes, SIZE), 0xdeadbeef);
  assertEquals(bytes.subarray(0, SIZE), before.subarray(0, SIZE));
  assertEquals(bytes.subarray(SIZE + HEADER_BYTES), before.subarray(SIZE + HEADER_BYTES));
});

test("setBlockStamp: 48 bits, nothing beside them", () => {
  const bytes = new Uint8Array(SIZE);
  for (const stamp of [0, 1, 0xffff_ffff, 0x1_0000_0000, 0x1234_5678_9abc, STAMP_MAX]) {
    setBlockStamp(bytes, 0, stamp);
    assertEquals(blockStamp(bytes, 0), stamp);
  }
  setBlockStamp(bytes, 0, 0);
  assert(isBlank(bytes, 0, SIZE));
});

test("verifyBlock: names the first fault", () => {
  const table: [fault: string, change: (bytes: Uint8Array) => void][] = [
    ["format newer", (bytes) => bytes[SIZE + AT_FORMAT] = 2],
    ["format", (bytes) => bytes[SIZE + AT_FORMAT] = 0],
    ["format", (bytes) => bytes[SIZE + AT_FLAGS] = 1],
    ["kind", (bytes) => bytes[SIZE + AT_KIND] = 0],
    ["kind", (bytes) => bytes[SIZE + AT_KIND] = 7],
    ["address", (bytes) => bytes[SIZE + AT_BLOCK] = 8],
  ];
  assertEquals(verifyBlock(sealed(), SIZE, SIZE, 7, 0xdeadbeef), undefined);
  assertEquals(verifyBlock(sealed(), SIZE, SIZE, 7, 0xdeadbeef | 0), undefined);
  assertEquals(verifyBlock(sealed(), SIZE, SIZE, 7, 0xdeadbee0), "volume");
  assertEquals(verifyBlock(new Uint8Array(SIZE), 0, SIZE, 0, 0), "checksum");
  for (const [fault, change] of table) {
    const bytes = sealed();
    change(bytes);
    assertEquals(verifyBlock(bytes, SIZE, SIZE, 7, 0xdeadbeef), "checksum");
    sealBlock(bytes, SIZE, SIZE);
    assertEquals(verifyBlock(bytes, SIZE, SIZE, 7, 0xdeadbeef), fault);
  }
});

test("verifyBlock: finds every change of one byte", () => {
  const random = new Prng(1);
  for (const size of BLOCK_BYTES_ALLOWED) {
    const bytes = sealed(size);
    for (let at = size; at < 2 * size; at++) {
      const flip = random.below(256, 1);
      bytes[at] = bytes[at]! ^ flip;
      if (verifyBlock(bytes, size, size, 7, 0xdeadbeef) !== "checksum") assert(false, `${at} of ${size}`);
      bytes[at] = bytes[at]! ^ flip;
    }
    for (let at = size; at < size + HEADER_BYTES; at++) {
      for (let flip = 1; flip < 256; flip++) {
        bytes[at] = bytes[at]! ^ flip;
        assert(verifyBlock(bytes, size, size, 7, 0xdeadbeef) !== undefined);
        bytes[at] = bytes[at]! ^ flip;
      }
    }
    assertEquals(verifyBlock(bytes, size, size, 7, 0xdeadbeef), undefined);
  }
});

test("verifyBlock: never throws on garbage", () => {
  const random = new Prng(2);
  for (let i = 0; i < 300; i++) {
    assertEquals(verifyBlock(random.bytes(SIZE), 0, SIZE, 0, 0), "checksum");
  }
});

test("isBlank: any byte that is set tells", () => {
  const bytes = new Uint8Array(3 * SIZE).fill(1);
  bytes.fill(0, SIZE, 2 * SIZE);
  assert(isBlank(bytes, SIZE, SIZE));
  for (const at of [0, 1, HEADER_BYTES - 1, HEADER_BYTES, 5000, SIZE - 1]) {
    bytes[SIZE + at] = 128;
    assert(!isBlank(bytes, SIZE, SIZE));
    bytes[SIZE + at] = 0;
  }
});

test("formatFree: a header and zeros", () => {
  const bytes = sealed();
  formatFree(bytes, SIZE, SIZE, 9, 5);
  assertEquals(blockKind(bytes, SIZE), KIND_FREE);
  assertEquals(blockNumber(bytes, SIZE), 9);
  assertEquals(blockTree(bytes, SIZE), 0);
  assertEquals(blockStamp(bytes, SIZE), 0);
  assert(isBlank(bytes, SIZE + HEADER_BYTES, SIZE - HEADER_BYTES));
});
