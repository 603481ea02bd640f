import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { formatFree, setBlockStamp } from "../../src/ground/block.ts";
import {
  applyOps,
  OP_REMOVE_RANGE,
  OP_TRUNCATE,
  opFormat,
  opMapClear,
  opMapSet,
  opPut,
  opRemove,
  opRemoveRange,
  opTruncate,
} from "../../src/ground/block_op.ts";
import { ByteWriter } from "../../src/ground/byte_writer.ts";
import { entryCount, highInto, lowerBound, search } from "../../src/ground/entries.ts";
import { canTruncate, truncate } from "../../src/ground/entries_split.ts";
import { fits, putAt, removeAt, removeRange } from "../../src/ground/entries_write.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import { checkBlock } from "../../src/ground/image.ts";
import { BLOCK_BYTES_ALLOWED, INLINE_VALUE_BYTES_MAX, KEY_BYTES_MAX } from "../../src/ground/limits.ts";
import { formatMap, mapClear, mapIsSet, mapSet } from "../../src/ground/space_map.ts";
import { Prng } from "../support/prng.ts";
import { branchOf, leafOf } from "./entry_blocks.ts";
import { bytesOf, find, KEY_PROFILES, randomKey, randomValue, textOf } from "./entry_model.ts";

const BASE = 8192;
const SIZE = 8192;

/** What one operation does to the middle block of a pool. */
function apply(pool: Uint8Array, write: (ops: ByteWriter) => void, size: number = SIZE): void {
  const ops = new ByteWriter(8);
  ops.u8(0xee);
  write(ops);
  const length = ops.length;
  ops.u8(0xee);
  applyOps(pool, size, size, ops.bytes, 1, length);
}

/** What is found wrong with an operation, by the error's facts. */
function found(pool: Uint8Array, write: (ops: ByteWriter) => void): unknown {
  const error = assertThrows(() => apply(pool.slice(), write), CohortError);
  assert(isCode(error, "CORRUPT"));
  return error.facts["found"];
}

const put = (key: string, value: string) => (ops: ByteWriter): void =>
  opPut(ops, bytesOf(key), key.length, bytesOf(value), 0, value.length);
const remove = (key: string) => (ops: ByteWriter): void => opRemove(ops, bytesOf(key), key.length);
const range = (from: string, to?: string) => (ops: ByteWriter): void =>
  opRemoveRange(ops, bytesOf(from), from.length, to === undefined ? undefined : bytesOf(to), to?.length ?? 0);
const cut = (high: string) => (ops: ByteWriter): void => opTruncate(ops, bytesOf(high), high.length);

/** One random change of a leaf in life, through the entry functions, its operation appended. */
function live(pool: Uint8Array, size: number, ops: ByteWriter, random: Prng, key: string): void {
  const bytes = bytesOf(key);
  const at = find(pool, size, key);
  const choice = random.below(100);
  if (choice < 70) {
    const value = bytesOf(randomValue(random, INLINE_VALUE_BYTES_MAX));
    if (!fits(pool, size, size, at, bytes.length, value.length)) return;
    putAt(pool, size, size, at, bytes, bytes.length, value, 0, value.length);
    opPut(ops, bytes, bytes.length, value, 0, value.length);
  } else if (choice < 90) {
    if (at < 0) return;
    removeAt(pool, size, at);
    opRemove(ops, bytes, bytes.length);
  } else if (choice < 97) {
    const from = at < 0 ? ~at : at;
    const open = random.once(8);
    const to = bytesOf(key.slice(0, KEY_BYTES_MAX - 1) + "\xff");
    removeRange(pool, size, from, open ? entryCount(pool, size) : lowerBound(pool, size, to, to.length));
    opRemoveRange(ops, bytes, bytes.length, open ? undefined : to, to.length);
  } else if (canTruncate(pool, size, size, bytes, bytes.length) && at < -10) {
    truncate(pool, size, size, bytes, bytes.length);
    opTruncate(ops, bytes, bytes.length);
  }
}

for (const size of BLOCK_BYTES_ALLOWED) {
  test(`applyOps: replay gives the bytes of life at ${size} bytes`, () => {
    const random = new Prng(size);
    const out = new Uint8Array(KEY_BYTES_MAX);
    for (const profile of KEY_PROFILES) {
      const life = leafOf("", undefined, [], size);
      const ops = new ByteWriter(8);
      opFormat(ops, life, size, size);
      // One replays all from nothing, one goes on from an image in the middle, one applies a group at a time.
      const groups = leafOf("x", "y", [["x", "old"]], size, 0x11);
      let groupFrom = 0;
      const middle = leafOf("x", "y", [["x", "old"]], size, 0x22);
      let middleFrom = 0;
      for (let step = 0; step < 900; step++) {
        const key = randomKey(random, profile, step);
        const high = highInto(life, size, out);
        if (high >= 0 && key >= textOf(out, 0, high)) continue;
        live(life, size, ops, random, key);
        if (random.once(9)) {
          applyOps(groups, size, size, ops.bytes, groupFrom, ops.length);
          groupFrom = ops.length;
          assertEquals(groups.subarray(size, 2 * size), life.subarray(size, 2 * size));
        }
        if (step === 450) {
          const image = new ByteWriter(8);
          opFormat(image, life, size, size);
          applyOps(middle, size, size, image.bytes, 0, image.length);
          middleFrom = ops.length;
        }
      }
      const nothing = new Uint8Array(3 * size).fill(0x33);
      applyOps(nothing, size, size, ops.bytes, 0, ops.length);
      applyOps(middle, size, size, ops.bytes, middleFrom, ops.length);
      assertEquals(checkBlock(life, size, size), undefined);
      assertEquals(nothing.subarray(size, 2 * size), life.subarray(size, 2 * size), profile);
      assertEquals(middle.subarray(size, 2 * size), life.subarray(size, 2 * size), profile);
      for (const pool of [[groups, 0x11], [middle, 0x22], [nothing, 0x33]] as const) {
        assert(pool[0].subarray(0, size).every((byte) => byte === pool[1]));
        assert(pool[0].subarray(2 * size).every((byte) => byte === pool[1]));
      }
    }
  });
}

test("applyOps: stamp and checksum are the caller's", () => {
  const pool = leafOf("", undefined, []);
  setBlockStamp(pool, BASE, 42);
  pool.fill(9, BASE, BASE + 4);
  const header = pool.slice(BASE, BASE + 22);
  apply(pool, put("a", "1"));
  apply(pool, cut("b"));
  apply(pool, remove("a"));
  assertEquals(pool.slice(BASE + 4, BASE + 22), header.slice(4));
});

test("applyOps: what a leaf cannot undergo is CORRUPT", () => {
  const leaf = leafOf("b", "m", [["b", "1"], ["c", "2"]]);
  const full = leafOf("", undefined, []);
  for (let i = 0; i < 4; i++) apply(full, put(`k${i}`, "v".repeat(1836)));
  const table: [string, Uint8Array, (ops: ByteWriter) => void][] = [
    ["the key lies outside the block", leaf, put("a", "1")],
    ["the key lies outside the block", leaf, put("m", "1")],
    ["the entry does not fit", full, put("k", "v".repeat(1836))],
    ["the value has a wrong length", leaf, put("c", "v".repeat(1837))],
    ["the key is too long", leaf, put("c".repeat(1020), "v")],
    ["the key is not in the block", leaf, remove("d")],
    ["the key is not in the block", leaf, remove("z")],
    ["the key is too long", leaf, remove("c".repeat(1020))],
    ["the range is upside down", leaf, range("d", "c")],
    ["the key is too long", leaf, range("c", "d".repeat(1020))],
    ["the new high key does not suit the block", leaf, cut("b")],
    ["the new high key does not suit the block", leaf, cut("n")],
    ["the block is not a map", leaf, (ops) => opMapSet(ops, 1, 1)],
    ["the operation is unknown", leaf, (ops) => ops.u8(0)],
    ["the operation is unknown", leaf, (ops) => ops.u8(8)],
  ];
  for (const [expected, pool, write] of table) assertEquals(found(pool, write), expected);
});

test("applyOps: a branch may lose all its children, or the last ones, but not the first alone", () => {
  const branch = branchOf("", undefined, [["", 5], ["m", 6]]);
  assertEquals(found(branch, remove("")), "a branch lost its first child alone");
  assertEquals(found(branch, range("", "m")), "a branch lost its first child alone");
  // As a branch that is cut off gives back its children (global/free_queue.ts).
  apply(branch, range("m"));
  assertEquals(checkBlock(branch, SIZE, SIZE), undefined);
  apply(branch, range(""));
  assertEquals(entryCount(branch, SIZE), 0);
  apply(branch, put("", "1234"));
  assertEquals(checkBlock(branch, SIZE, SIZE), undefined);
  const both = (ops: ByteWriter): void => {
    remove("")(ops);
    put("", "5678")(ops);
  };
  apply(branch, both); // what counts is the block after all of them
  assertEquals(checkBlock(branch, SIZE, SIZE), undefined);
});

test("applyOps: what a branch, a map or a free block cannot undergo is CORRUPT", () => {
  const branch = branchOf("", undefined, [["", 5]]);
  assertEquals(found(branch, put("a", "12345")), "the value has a wrong length");
  apply(branch, put("a", "1234"));
  const free = new Uint8Array(3 * SIZE);
  formatFree(free, BASE, SIZE, 9, 1);
  for (const write of [put("a", "1"), remove("a"), range("a"), cut("a")]) {
    assertEquals(found(free, write), "the block is neither leaf nor branch");
  }
  const map = new Uint8Array(3 * SIZE);
  formatMap(map, BASE, SIZE, 2, 1);
  apply(map, (ops) => opMapSet(ops, 10, 5));
  assertEquals(found(map, (ops) => opMapSet(ops, 8, 3)), "a block is allocated already");
  assertEquals(found(map, (ops) => opMapClear(ops, 14, 2)), "a block is free already");
  assertEquals(found(map, (ops) => opMapSet(ops, 65210, 7)), "the blocks lie outside the map");
  assertEquals(found(map, put("a", "1")), "the block is neither leaf nor branch");
});

test("applyOps: maps replay to the same bytes", () => {
  const life = new Uint8Array(3 * SIZE);
  formatMap(life, BASE, SIZE, 2, 1);
  const ops = new ByteWriter(8);
  opFormat(ops, life, BASE, SIZE);
  const random = new Prng(4);
  for (let step = 0; step < 500; step++) {
    const bit = random.below(1024);
    if (mapIsSet(life, BASE, bit)) {
      mapClear(life, BASE, bit, 1);
      opMapClear(ops, bit, 1);
    } else {
      mapSet(life, BASE, bit, 1);
      opMapSet(ops, bit, 1);
    }
  }
  const replayed = new Uint8Array(3 * SIZE);
  applyOps(replayed, BASE, SIZE, ops.bytes, 0, ops.length);
  assertEquals(replayed, life);
});

test("applyOps: an operation cut short is CORRUPT", () => {
  const leaf = leafOf("b", "m", [["b", "1"], ["c", "2"]]);
  const map = new Uint8Array(3 * SIZE);
  formatMap(map, BASE, SIZE, 2, 1);
  const table: [Uint8Array, (ops: ByteWriter) => void][] = [
    [leaf, put("key", "value")],
    [leaf, remove("c")],
    [leaf, range("b", "c")],
    [leaf, cut("d")],
    [map, (ops) => opMapSet(ops, 1, 1)],
    [leaf, (ops) => opFormat(ops, leaf, BASE, SIZE)],
  ];
  for (const [pool, write] of table) {
    const ops = new ByteWriter(8);
    write(ops);
    applyOps(pool.slice(), BASE, SIZE, ops.bytes, 0, ops.length);
    for (let length = 1; length < ops.length; length++) {
      const error = assertThrows(() => applyOps(pool.slice(), BASE, SIZE, ops.bytes, 0, length), CohortError);
      assert(isCode(error, "CORRUPT"));
    }
  }
});

test("applyOps: damaged and random operations are CORRUPT or leave a sound block", () => {
  const random = new Prng(9);
  const leaf = leafOf("b", "m", [["b", "1"], ["c", "2"], ["cc", "3"]]);
  const sound = new ByteWriter(8);
  for (const write of [put("key", "value"), remove("c"), range("b", "bz"), put("k", "x"), cut("l")]) {
    write(sound);
  }
  opFormat(sound, leaf, BASE, SIZE);
  for (let round = 0; round < 6000; round++) {
    const ops = round % 2 === 0 ? sound.copy() : random.bytes(random.below(60, 1));
    if (round % 2 === 0) ops[random.below(ops.length)] = random.below(256);
    else ops[0] = random.below(9);
    if (round % 4 === 1 && (ops[0] === OP_TRUNCATE || ops[0] === OP_REMOVE_RANGE)) ops.fill(0, 1, 5);
    const pool = leaf.slice();
    try {
      applyOps(pool, BASE, SIZE, ops, 0, ops.length);
    } catch (error) {
      if (!(error instanceof CohortError) || !isCode(error, "CORRUPT")) throw error;
      continue;
    }
    assertEquals(checkBlock(pool, BASE, SIZE), undefined);
  }
});

test("applyOps: the last operation of a key wins", () => {
  const pool = leafOf("", undefined, []);
  apply(pool, (ops) => {
    put("a", "1")(ops);
    put("a", "22")(ops);
    remove("a")(ops);
    put("a", "333")(ops);
    range("b")(ops);
  });
  assertEquals(search(pool, BASE, bytesOf("a"), 1), 0);
  assertEquals(entryCount(pool, BASE), 1);
});
