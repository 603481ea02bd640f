import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  AT_CHECKSUM,
  AT_COUNT,
  AT_FORMAT,
  AT_HEAP_LOW,
  AT_KIND,
  AT_LEVEL,
  AT_PAYLOAD_LENGTH,
  formatFree,
  HEADER_BYTES,
  KIND_HEADER,
  setBlockStamp,
} from "../../src/ground/block.ts";
import { putU16 } from "../../src/ground/bytes.ts";
import { ByteReader } from "../../src/ground/byte_reader.ts";
import { ByteWriter } from "../../src/ground/byte_writer.ts";
import { removeAt } from "../../src/ground/entries_write.ts";
import { CohortError, InvariantError, isCode } from "../../src/ground/errors.ts";
import { checkBlock, imageLength, readImage, writeImage } from "../../src/ground/image.ts";
import { BLOCK_BYTES_ALLOWED } from "../../src/ground/limits.ts";
import { formatMap, mapSet } from "../../src/ground/space_map.ts";
import { formatValue } from "../../src/ground/value_block.ts";
import { Prng } from "../support/prng.ts";
import { branchOf, leafOf } from "./entry_blocks.ts";

/** Sound blocks of every kind that has an image, each in the middle of a pool, by name. */
function samples(size: number): Record<string, Uint8Array> {
  const make = (format: (pool: Uint8Array) => void): Uint8Array => {
    const pool = new Uint8Array(3 * size).fill(0x77);
    format(pool);
    setBlockStamp(pool, size, 0x123456789abc);
    return pool;
  };
  const entries = Array.from({ length: 40 }, (_, i) => [`key${1000 + i * 7 % 40}`, "v".repeat(i)] as const);
  const fragmented = leafOf("key1", "key2", entries, size);
  for (let i = 0; i < 10; i++) removeAt(fragmented, size, i * 2);
  return {
    "empty leaf": leafOf("", undefined, [], size),
    "leaf": leafOf("key1", "key2", entries, size),
    "fragmented leaf": fragmented,
    "branch": branchOf("a", undefined, [["a", 7], ["b", 8], ["c\0", 9]], size),
    "empty map": make((pool) => formatMap(pool, size, size, 2, 1)),
    "map": make((pool) => {
      formatMap(pool, size, size, 2, 1);
      mapSet(pool, size, 0, 100);
      mapSet(pool, size, 130, 1);
    }),
    "value": make((pool) => formatValue(pool, size, size, 9, 5, 1, new Prng(1).bytes(size), 0, size - 1000)),
    "full value": make((pool) =>
      formatValue(pool, size, size, 9, 5, 1, new Prng(1).bytes(size), 0, size - 40)
    ),
    "free": make((pool) => formatFree(pool, size, size, 9, 1)),
  };
}

function imageOf(pool: Uint8Array, size: number): Uint8Array {
  const writer = new ByteWriter(4);
  writer.u8(99);
  writeImage(writer, pool, size, size);
  return writer.copy().subarray(1);
}

test("readImage: every kind comes back byte for byte, the checksum 0", () => {
  for (const size of BLOCK_BYTES_ALLOWED) {
    for (const [name, pool] of Object.entries(samples(size))) {
      assertEquals(checkBlock(pool, size, size), undefined, name);
      const image = imageOf(pool, size);
      assertEquals(image.length, imageLength(pool, size, size), name);
      const target = new Uint8Array(3 * size).fill(0x33);
      const reader = new ByteReader(image, "image");
      readImage(reader, target, size, size);
      reader.expectEnd();
      pool.fill(0, size + AT_CHECKSUM, size + AT_FORMAT);
      assertEquals(target.subarray(size, 2 * size), pool.subarray(size, 2 * size), name);
      assert(target.subarray(0, size).every((byte) => byte === 0x33), name);
      assert(target.subarray(2 * size).every((byte) => byte === 0x33), name);
    }
  }
});

test("writeImage: leaves out what is not in use", () => {
  const lengths = Object.entries(samples(8192)).map(([name, pool]) => [name, imageLength(pool, 8192, 8192)]);
  assertEquals(Object.fromEntries(lengths), {
    "empty leaf": 36,
    "leaf": 36 + 8 + 40 * (6 + 4 + 4) + 780,
    "fragmented leaf": 36 + 8 + 30 * 6 + 40 * 8 + 780,
    "branch": 36 + 1 + 3 * (6 + 4 + 4) + 1 + 1 + 2,
    "empty map": 36 + 2,
    "map": 36 + 2 + 17,
    "value": 36 + 7192,
    "full value": 36 + 8152,
    "free": 36,
  });
});

test("writeImage: a volume header has no image", () => {
  const pool = leafOf("", undefined, []);
  pool[8192 + AT_KIND] = KIND_HEADER;
  assertThrows(() => imageOf(pool, 8192), InvariantError, "Take the image of a block of kind 1");
  assertEquals(checkBlock(pool, 8192, 8192), "the block has no known kind");
});

/** Reads an image and gives what was found wrong, or undefined. */
function found(image: Uint8Array, size: number = 8192): unknown {
  try {
    readImage(new ByteReader(image, "image"), new Uint8Array(size), 0, size);
    return undefined;
  } catch (error) {
    if (!(error instanceof CohortError) || !isCode(error, "CORRUPT")) throw error;
    return error.facts["found"];
  }
}

test("readImage: names what is wrong", () => {
  const all = samples(8192);
  const at = (field: number): number => field - AT_FORMAT;
  const table: [found: string, name: string, change: (image: Uint8Array) => void][] = [
    ["the block's format is unknown", "leaf", (image) => image[at(AT_FORMAT)] = 2],
    ["the block has unknown flags", "leaf", (image) => image[at(AT_FORMAT) + 3] = 2],
    ["the block has no known kind", "leaf", (image) => image[at(AT_KIND)] = 1],
    ["the block has no known kind", "leaf", (image) => image[at(AT_KIND)] = 7],
    ["a block outside the tree has a level", "map", (image) => image[at(AT_LEVEL)] = 1],
    ["a block of no units has a count", "value", (image) => putU16(image, at(AT_COUNT), 1)],
    ["a field that the kind does not use is set", "map", (image) => putU16(image, at(AT_HEAP_LOW), 1)],
    ["a field that the kind does not use is set", "free", (image) => putU16(image, at(AT_PAYLOAD_LENGTH), 1)],
    ["the image has more bytes than the block", "leaf", (image) => putU16(image, at(AT_COUNT), 2000)],
    ["the image has more bytes than the block", "leaf", (image) => putU16(image, at(AT_HEAP_LOW), 9000)],
    [
      "the image has more bytes than the block",
      "value",
      (image) => putU16(image, at(AT_PAYLOAD_LENGTH), 8153),
    ],
    ["the payload length is out of range", "value", (image) => putU16(image, at(AT_PAYLOAD_LENGTH), 0)],
    ["the allocated blocks are miscounted", "map", (image) => putU16(image, at(AT_COUNT), 5)],
    ["a map's image ends in a zero", "map", (image) => image[image.length - 1] = 0],
    ["the image has more bytes than the block", "map", (image) => putU16(image, HEADER_BYTES - 4, 8153)],
    ["needs 5000 bytes and has 17", "map", (image) => putU16(image, HEADER_BYTES - 4, 5000)],
  ];
  for (const [expected, name, change] of table) {
    const image = imageOf(all[name]!, 8192);
    change(image);
    assertEquals(found(image), expected, name);
  }
});

test("readImage: a shorter image is CORRUPT, a changed one is or is another sound block", () => {
  const random = new Prng(5);
  for (const [name, pool] of Object.entries(samples(8192))) {
    const image = imageOf(pool, 8192);
    for (let length = 0; length < image.length; length += 1 + (length >> 5)) {
      assert(found(image.subarray(0, length)) !== undefined, `${name} ${length}`);
    }
    for (let round = 0; round < 300; round++) {
      const changed = image.slice();
      const at = random.below(random.pick([36, Math.min(500, image.length), image.length]));
      changed[at] = changed[at]! ^ random.below(256, 1);
      const target = new Uint8Array(8192);
      if (found(changed) !== undefined) continue;
      readImage(new ByteReader(changed, "image"), target, 0, 8192);
      assertEquals(checkBlock(target, 0, 8192), undefined, name);
    }
  }
});

test("readImage: garbage is CORRUPT", () => {
  const random = new Prng(6);
  for (let round = 0; round < 3000; round++) {
    const image = random.bytes(random.below(300, 4));
    if (round % 2 === 0) image.set([1, random.below(7, 2), 0, 0]);
    const heap = random.pick([8192, 16384, 8192 - random.below(100)]);
    if (round % 3 === 0 && image.length > 36) putU16(image, AT_HEAP_LOW - AT_FORMAT, heap);
    assert(found(image) !== undefined);
  }
});
