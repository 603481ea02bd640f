import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { setBlockStamp } from "../../src/ground/block.ts";
import {
  childAt,
  childIndex,
  compareKeyAt,
  coversKey,
  entryCount,
  freeBytes,
  keyInto,
  keyLengthAt,
  lowerBound,
  prefixLength,
  search,
  usedBytes,
  valueLength,
  valueOffset,
} from "../../src/ground/entries.ts";
import { checkEntries } from "../../src/ground/entries_check.ts";
import { compact, fits, putAt, removeAt, removeRange } from "../../src/ground/entries_write.ts";
import { InvariantError } from "../../src/ground/errors.ts";
import { BLOCK_BYTES_ALLOWED } from "../../src/ground/limits.ts";
import { bytesOf, expectModel, find, textOf } from "./entry_model.ts";
import { branchOf, leafOf, put } from "./entry_blocks.ts";

const BASE = 8192;
const SIZE = 8192;

test("search: zero bytes, short keys and equal heads are told apart", () => {
  // Heads are zero padded, so all of these but the last two share one.
  const keys = ["", "\0", "\0\0", "\0\0\0", "\0\0\0\0", "\0\0\0\0\0", "\0\0\0\0\0a", "\0\0\0\x01", "\0a"];
  const pool = leafOf("", undefined, keys.filter((_, index) => index % 2 === 0).map((key) => [key, "v"]));
  for (const [index, key] of keys.entries()) {
    const half = index >>> 1;
    assertEquals(find(pool, BASE, key), index % 2 === 0 ? half : ~(half + 1), JSON.stringify(key));
  }
});

test("search: bytes above 0x7f follow those below", () => {
  const keys = ["\x01", "\x7f\xff", "\x80", "\x80\0\0\0\0", "\xff\xff\xff\xff", "\xff\xff\xff\xff\0"];
  const pool = leafOf("", undefined, keys.toReversed().map((key) => [key, key]));
  for (const [index, key] of keys.entries()) {
    assertEquals(find(pool, BASE, key), index);
    const at = valueOffset(pool, BASE, index);
    assertEquals(textOf(pool, at, at + valueLength(pool, BASE, index)), key);
  }
});

test("search: compares behind the prefix only", () => {
  const pool = leafOf("user\0a", "user\0b", [["user\0a", "1"], ["user\0abc", "2"], ["user\0azzzzz", "3"]]);
  assertEquals(prefixLength(pool, BASE), 5);
  assertEquals(find(pool, BASE, "user\0abc"), 1);
  assertEquals(find(pool, BASE, "user\0ab"), ~1);
  assertEquals(find(pool, BASE, "user\0azzzzzz"), ~3);
  assertEquals(keyLengthAt(pool, BASE, 1), 8);
  const out = new Uint8Array(20);
  assertEquals(textOf(out, 0, keyInto(pool, BASE, 1, out)), "user\0abc");
});

test("lowerBound: any key, inside the range or not", () => {
  const pool = leafOf("m5", "m7", [["m5", ""], ["m55", ""], ["m6", ""]]);
  const table: [string, number][] = [
    ["", 0],
    ["a", 0],
    ["m", 0],
    ["m4zzzz", 0],
    ["m5", 0],
    ["m5\0", 1],
    ["m56", 2],
    ["m6", 2],
    ["m61", 3],
    ["m7", 3],
    ["n", 3],
  ];
  for (const [key, index] of table) {
    const bytes = bytesOf(key);
    assertEquals(lowerBound(pool, BASE, bytes, bytes.length), index, key);
    for (let i = 0; i < 3; i++) {
      const order = compareKeyAt(pool, BASE, i, bytes, bytes.length);
      const own = ["m5", "m55", "m6"][i]!;
      assertEquals(Math.sign(order), own < key ? -1 : own > key ? 1 : 0);
    }
  }
});

test("coversKey: low is inside, high is not", () => {
  const pool = leafOf("b", "d", []);
  const table: [string, boolean][] = [["", false], ["a\xff", false], ["b", true], ["b\0", true], [
    "c\xff",
    true,
  ]];
  for (const [key, covered] of [...table, ["d", false], ["d\0", false], ["e", false]] as const) {
    assertEquals(coversKey(pool, BASE, bytesOf(key), key.length), covered, key);
  }
  const all = leafOf("", undefined, []);
  assert(coversKey(all, BASE, bytesOf(""), 0));
  assert(coversKey(all, BASE, bytesOf("\xff\xff"), 2));
});

test("childIndex: the last child at or below the key", () => {
  const pool = branchOf("b", "z", [["b", 11], ["f", 12], ["m", 13]]);
  for (
    const [key, child] of [["b", 11], ["e\xff", 11], ["f", 12], ["f\0", 12], ["m", 13], ["y", 13]] as const
  ) {
    const index = childIndex(pool, BASE, bytesOf(key), key.length);
    assertEquals(childAt(pool, BASE, index), child, key);
  }
  assertEquals(childIndex(branchOf("", undefined, []), BASE, bytesOf("a"), 1), -1);
});

test("putAt: a value that is not longer is written over the old one", () => {
  const pool = leafOf("", undefined, [["a", "12345"], ["b", "xyz"]]);
  const at = valueOffset(pool, BASE, 0);
  const used = usedBytes(pool, BASE, SIZE);
  put(pool, "a", "54321");
  assertEquals(valueOffset(pool, BASE, 0), at);
  assertEquals(usedBytes(pool, BASE, SIZE), used);
  put(pool, "a", "54");
  assertEquals(valueOffset(pool, BASE, 0), at);
  assertEquals(usedBytes(pool, BASE, SIZE), used - 3);
  put(pool, "a", "");
  put(pool, "a", "666666");
  assert(valueOffset(pool, BASE, 0) < at);
  assertEquals(usedBytes(pool, BASE, SIZE), used + 1);
  assertEquals(checkEntries(pool, BASE, SIZE), undefined);
});

test("fits: exactly, dead bytes counted", () => {
  for (const size of BLOCK_BYTES_ALLOWED) {
    const pool = leafOf("", undefined, [["a", "x"], ["b", ""]], size);
    while (freeBytes(pool, size, size) > 3000) {
      put(pool, `c${entryCount(pool, size)}`, "y".repeat(1500), size);
    }
    removeAt(pool, size, 0);
    const free = freeBytes(pool, size, size);
    const before = pool.slice();
    const key = bytesOf("key");
    const found = search(pool, size, key, 3);
    assert(fits(pool, size, size, found, 3, free - 13));
    assert(!fits(pool, size, size, found, 3, free - 12));
    putAt(pool, size, size, found, key, 3, new Uint8Array(free), 0, free - 13);
    assertEquals(freeBytes(pool, size, size), 0);
    pool.set(before);
    assert(fits(pool, size, size, 0, 1, free), "replacing what was empty");
    assert(!fits(pool, size, size, 0, 1, free + 1));
    putAt(pool, size, size, 0, bytesOf("b"), 1, new Uint8Array(free), 0, free);
    assertEquals(freeBytes(pool, size, size), 0);
    assertEquals(valueLength(pool, size, 0), free);
  }
});

test("putAt: without room it is an invariant", () => {
  const pool = leafOf("", undefined, []);
  const value = new Uint8Array(SIZE);
  assertThrows(
    () => putAt(pool, BASE, SIZE, ~0, bytesOf("k"), 1, value, 0, 8142),
    InvariantError,
    "1 too many",
  );
  putAt(pool, BASE, SIZE, ~0, bytesOf("k"), 1, value, 0, 8141);
  assertEquals(freeBytes(pool, BASE, SIZE), 0);
});

test("removeRange: the last entries give the heap back", () => {
  const pool = leafOf("", undefined, [["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"]]);
  const empty = leafOf("", undefined, []);
  removeRange(pool, BASE, 1, 1);
  removeRange(pool, BASE, 1, 3);
  expectModel(pool, SIZE, {
    base: BASE,
    low: "",
    high: undefined,
    entries: [{ key: "a", value: "1" }, { key: "d", value: "4" }],
  }, "two left");
  removeRange(pool, BASE, 0, 2);
  assertEquals(pool, empty);
  assertThrows(() => removeAt(pool, BASE, 0), InvariantError, "Remove entry 0 of 0");
  assertThrows(() => removeRange(pool, BASE, 0, 1), InvariantError, "Remove entries [0, 1) of 0");
});

test("compact: leaves no dead bytes and every entry", () => {
  const entries = Array.from({ length: 50 }, (_, i) => [`key ${100 + i}`, "v".repeat(i)] as const);
  const pool = leafOf("key", "kez", entries);
  for (let i = 0; i < 25; i++) removeAt(pool, BASE, i);
  const free = freeBytes(pool, BASE, SIZE);
  compact(pool, BASE, SIZE);
  assertEquals(freeBytes(pool, BASE, SIZE), free);
  const left = entries.filter((_, i) => i % 2 === 1).map(([key, value]) => ({ key, value }));
  expectModel(pool, SIZE, { base: BASE, low: "key", high: "kez", entries: left }, "compacted");
  const again = pool.slice();
  compact(pool, BASE, SIZE);
  assertEquals(pool, again);
});

test("entries: neighbours of the block stay as they were", () => {
  const pool = leafOf("", undefined, [], SIZE, 0x5a);
  setBlockStamp(pool, BASE, 5);
  for (let i = 0; i < 40; i++) put(pool, `${i * 7 % 40}`, "v".repeat(100));
  for (let i = 0; i < 20; i++) removeAt(pool, BASE, i);
  for (let i = 0; i < 20; i++) put(pool, `${i * 7 % 40}`, "w".repeat(120));
  assert(pool.subarray(0, BASE).every((byte) => byte === 0x5a));
  assert(pool.subarray(BASE + SIZE).every((byte) => byte === 0x5a));
});
