import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { blockLevel, blockStamp, setBlockStamp } from "../../src/ground/block.ts";
import {
  entryCount,
  freeBytes,
  highInto,
  prefixLength,
  search,
  usedBytes,
} from "../../src/ground/entries.ts";
import { checkEntries } from "../../src/ground/entries_check.ts";
import {
  canTruncate,
  copyRange,
  mergeFits,
  mergeInto,
  shortestSeparator,
  splitIndex,
  splitSeparator,
  truncate,
} from "../../src/ground/entries_split.ts";
import { fits, putAt } from "../../src/ground/entries_write.ts";
import { InvariantError } from "../../src/ground/errors.ts";
import { BLOCK_BYTES_ALLOWED, INLINE_VALUE_BYTES_MAX, KEY_BYTES_MAX } from "../../src/ground/limits.ts";
import { Prng } from "../support/prng.ts";
import { branchOf, childBytes, leafOf, put } from "./entry_blocks.ts";
import { bytesOf, expectModel, find, formatModel, textOf } from "./entry_model.ts";
import { LeafRow } from "./leaf_row.ts";

const BASE = 8192;
const SIZE = 8192;
const out = new Uint8Array(KEY_BYTES_MAX);

/** Share of each block of a row that is in use, as if keys were stored without prefixes. */
function fill(row: LeafRow): number[] {
  return row.row.map(({ base }) => {
    const prefixes = prefixLength(row.pool, base) * entryCount(row.pool, base);
    return (usedBytes(row.pool, base, row.size) + prefixes) / row.size;
  });
}

function numbered(number: number): string {
  return String(number).padStart(8, "0");
}

test("shortestSeparator: above left, at most right, no shorter one does", () => {
  const table: [left: string, right: string, separator: string][] = [
    ["", "a", "a"],
    ["a", "b", "b"],
    ["a", "ab", "ab"],
    ["abc", "abd", "abd"],
    ["abc", "abdzzz", "abd"],
    ["abcxyz", "b", "b"],
    ["a", "a\0", "a\0"],
    ["a", "a\0\0", "a\0"],
  ];
  for (const [left, right, separator] of table) {
    const length = shortestSeparator(bytesOf(left), left.length, bytesOf(right), right.length, out);
    assertEquals(textOf(out, 0, length), separator);
  }
  assertThrows(() => shortestSeparator(bytesOf("ab"), 2, bytesOf("a"), 1, out), InvariantError);
});

test("splitIndex: rising keys leave full blocks behind", () => {
  for (const size of BLOCK_BYTES_ALLOWED) {
    const row = new LeafRow(size, new Prng(1), 14);
    for (let i = 0; row.row.length < 10; i++) row.put(numbered(i), "v".repeat(40));
    row.check("rising");
    assert(fill(row).slice(0, -1).every((share) => share > 0.97), fill(row).join(" "));
  }
});

test("splitIndex: falling keys leave full blocks behind", () => {
  const row = new LeafRow(SIZE, new Prng(1), 14);
  for (let i = 10_000_000; row.row.length < 10; i--) row.put(numbered(i), "v".repeat(40));
  row.check("falling");
  assert(fill(row).slice(1).every((share) => share > 0.97), fill(row).join(" "));
});

test("splitIndex: keys that rise or fall among others leave full blocks behind", () => {
  for (const step of [1, -1]) {
    const row = new LeafRow(SIZE, new Prng(1), 24);
    for (let i = 0; i < 120; i++) {
      row.put(`${i % 2 === 0 ? "a" : "z"}${numbered(i * 7 % 120)}`, "v".repeat(50));
    }
    for (let i = 0; row.row.length < 15; i++) row.put(`m${numbered(50_000 + step * i)}`, "v".repeat(40));
    row.check("run");
    const full = fill(row).filter((share) => share > 0.97).length;
    assert(full >= row.row.length - 5, `${step}: ${fill(row).join(" ")}`);
  }
});

test("splitIndex: random keys leave two halves", () => {
  const random = new Prng(5);
  const row = new LeafRow(SIZE, random, 44);
  while (row.row.length < 40) row.put(numbered(random.below(90_000_000)), "v".repeat(40));
  const shares = fill(row);
  const mean = shares.reduce((sum, share) => sum + share) / shares.length;
  assert(mean > 0.6 && mean < 0.85, String(mean));
  assert(shares.filter((share) => share < 0.3).length <= 3, shares.join(" "));
});

/** A key between "m" and "o" and the length of its value: each shortest, longest or anything between. */
function extremeEntry(random: Prng): { key: string; length: number } {
  const keyLength = random.pick([6, 6, KEY_BYTES_MAX, random.below(KEY_BYTES_MAX, 6)]);
  return {
    key: `n${random.digits(5)}`.padEnd(keyLength, "x"),
    length: random.pick([0, INLINE_VALUE_BYTES_MAX, random.below(INLINE_VALUE_BYTES_MAX)]),
  };
}

test("splitIndex: both halves have room, whatever the sizes", () => {
  const random = new Prng(11);
  let splits = 0;
  for (let round = 0; round < 1500; round++) {
    const lengths = [0, 1, KEY_BYTES_MAX, random.below(KEY_BYTES_MAX)];
    const pool = leafOf("m".repeat(random.pick(lengths)), undefined, []);
    const high = random.pick(lengths);
    if (high > 0) truncate(pool, BASE, SIZE, bytesOf("o".repeat(high)), high);
    for (;;) {
      const { key, length } = extremeEntry(random);
      const bytes = bytesOf(key);
      const found = find(pool, BASE, key);
      if (fits(pool, BASE, SIZE, found, key.length, length)) {
        putAt(pool, BASE, SIZE, found, bytes, key.length, new Uint8Array(length), 0, length);
        continue;
      }
      splits++;
      const cut = splitIndex(pool, BASE, SIZE, found, key.length, length);
      const separator = textOf(out, 0, splitSeparator(pool, BASE, cut, found, bytes, key.length, out));
      const target = splitAt(pool, separator, key);
      const again = search(pool, target, bytes, key.length);
      assert(fits(pool, target, SIZE, again, key.length, length), `round ${round}`);
      putAt(pool, target, SIZE, again, bytes, key.length, new Uint8Array(length), 0, length);
      assertEquals(checkEntries(pool, BASE, SIZE), undefined);
      assertEquals(checkEntries(pool, 2 * SIZE, SIZE), undefined);
      assert(entryCount(pool, BASE) > 0 && entryCount(pool, 2 * SIZE) > 0);
      break;
    }
  }
  assertEquals(splits, 1500);
});

/** Splits the block at BASE, its right half going behind it; returns where `key` belongs. */
function splitAt(pool: Uint8Array, separator: string, key: string): number {
  const length = highInto(pool, BASE, out);
  const high = length < 0 ? undefined : textOf(out, 0, length);
  formatModel(pool, SIZE, { base: 2 * SIZE, low: separator, high, entries: [] });
  const from = find(pool, BASE, separator);
  const index = from < 0 ? ~from : from;
  copyRange(pool, BASE, index, entryCount(pool, BASE), pool, 2 * SIZE, SIZE);
  truncate(pool, BASE, SIZE, bytesOf(separator), separator.length);
  return key < separator ? BASE : 2 * SIZE;
}

test("splitSeparator: a branch's is the first key of its right half", () => {
  const entries = Array.from({ length: 360 }, (_, i) => [i === 0 ? "" : numbered(i * 10), i + 100] as const);
  const pool = branchOf("", undefined, entries);
  const value = childBytes(1);
  for (const key of [numbered(4000), numbered(15), numbered(2000), numbered(2001)]) {
    const found = find(pool, BASE, key);
    const cut = splitIndex(pool, BASE, SIZE, found, 8, value.length);
    const separator = textOf(out, 0, splitSeparator(pool, BASE, cut, found, bytesOf(key), 8, out));
    assert(separator === key || entries.some(([own]) => own === separator), separator);
    assertEquals(separator.length, 8);
  }
});

test("truncate: the prefix grows, the entries stay", () => {
  const pool = leafOf("user1", undefined, [["user1", "a"], ["user11", "b"], ["user12", "c"], ["user2", "d"]]);
  setBlockStamp(pool, BASE, 1234567890123);
  assertEquals(prefixLength(pool, BASE), 0);
  truncate(pool, BASE, SIZE, bytesOf("user12"), 6);
  assertEquals(prefixLength(pool, BASE), 5);
  assertEquals(blockStamp(pool, BASE), 1234567890123);
  const entries = [{ key: "user1", value: "a" }, { key: "user11", value: "b" }];
  expectModel(pool, SIZE, { base: BASE, low: "user1", high: "user12", entries }, "truncated");
});

test("canTruncate: low < new high <= high, and room", () => {
  const pool = leafOf("b", "d", [["c", "1"]]);
  const table: [string, boolean][] = [["", false], ["b", false], ["b\0", true], ["d", true], ["d\0", false]];
  for (const [high, can] of table) {
    assertEquals(canTruncate(pool, BASE, SIZE, bytesOf(high), high.length), can);
  }
  assertThrows(() => truncate(pool, BASE, SIZE, bytesOf("b"), 1), InvariantError);
  const full = leafOf("", undefined, []);
  for (let i = 0; freeBytes(full, BASE, SIZE) >= 1019; i++) put(full, `k${i}`, "v".repeat(900));
  const long = `k${"9".repeat(freeBytes(full, BASE, SIZE))}`;
  assert(canTruncate(full, BASE, SIZE, bytesOf(long), long.length - 1));
  assert(!canTruncate(full, BASE, SIZE, bytesOf(long), long.length));
});

test("mergeInto: what was split comes together, prefixes shrinking", () => {
  const left = { base: 0, low: "user1", high: "user15", entries: [{ key: "user1", value: "a" }] };
  const right = { base: SIZE, low: "user15", high: "vat", entries: [{ key: "user7", value: "b" }] };
  const pool = new Uint8Array(3 * SIZE).fill(9);
  for (const model of [left, right]) {
    formatModel(pool, SIZE, model);
    for (const { key, value } of model.entries) {
      putAt(pool, model.base, SIZE, find(pool, model.base, key), bytesOf(key), 5, bytesOf(value), 0, 1);
    }
  }
  setBlockStamp(pool, 0, 77);
  assert(mergeFits(pool, 0, SIZE, SIZE));
  mergeInto(pool, 0, SIZE, pool, 2 * SIZE, SIZE);
  assertEquals(blockStamp(pool, 2 * SIZE), 77);
  assertEquals(blockLevel(pool, 2 * SIZE), 0);
  const entries = [...left.entries, ...right.entries];
  expectModel(pool, SIZE, { base: 2 * SIZE, low: "user1", high: "vat", entries }, "merged");
});

test("mergeFits: exactly, counting the prefixes that are lost", () => {
  for (const spare of [0, 1]) {
    const left = leafOf("a".repeat(100), "a".repeat(100) + "b", []);
    const right = leafOf("a".repeat(100) + "b", "c", []);
    const pool = new Uint8Array(3 * SIZE);
    // Merged: header, low key and high key, then two entries whose left key is again 100 bytes long.
    const room = SIZE - 40 - 100 - 1 - (10 + 100) - (10 + 101);
    put(left, "a".repeat(100), "v".repeat(room - 1000));
    put(right, "a".repeat(100) + "b", "w".repeat(1000 + spare));
    pool.set(left.subarray(SIZE, 2 * SIZE), 0);
    pool.set(right.subarray(SIZE, 2 * SIZE), SIZE);
    assertEquals(mergeFits(pool, 0, SIZE, SIZE), spare === 0);
    if (spare > 0) assertThrows(() => mergeInto(pool, 0, SIZE, pool, 2 * SIZE, SIZE), InvariantError, "fit");
    else mergeInto(pool, 0, SIZE, pool, 2 * SIZE, SIZE);
  }
});

test("copyRange: a key outside the target's prefix is an invariant", () => {
  const source = leafOf("", undefined, [["a", "1"]]);
  const target = leafOf("abcd", "abce", []);
  assertThrows(() => copyRange(source, BASE, 0, 1, target, BASE, SIZE), InvariantError, "Copy entry 0");
});
