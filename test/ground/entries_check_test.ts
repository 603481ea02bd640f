import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import {
  AT_COUNT,
  AT_DEAD,
  AT_HEAP_LOW,
  AT_HIGH_LENGTH,
  AT_KIND,
  AT_LEVEL,
  AT_LOW_LENGTH,
  AT_PAYLOAD_LENGTH,
  AT_PREFIX_LENGTH,
  HEADER_BYTES,
  KIND_LEAF,
  writeHeader,
} from "../../src/ground/block.ts";
import { getU16, putU16 } from "../../src/ground/bytes.ts";
import { entryAt, entryCount, keyInto, search, slotsAt, valueOffset } from "../../src/ground/entries.ts";
import { checkEntries } from "../../src/ground/entries_check.ts";
import { checkBlock } from "../../src/ground/image.ts";
import { BLOCK_BYTES_ALLOWED, KEY_BYTES_MAX } from "../../src/ground/limits.ts";
import { Prng } from "../support/prng.ts";
import { branchOf, leafOf } from "./entry_blocks.ts";

const BASE = 8192;
const SIZE = 8192;

/** A leaf of three entries whose heads differ. */
function leaf(): Uint8Array {
  return leafOf("k1", "k5", [["k1aaaaa", "one"], ["k2bbbbb", "two"], ["k3", "three"]]);
}

/** Changes the 16-bit field at an offset of the block. */
function set(at: number, value: number): (pool: Uint8Array) => void {
  return (pool) => putU16(pool, BASE + at, value);
}

test("checkEntries: names what is wrong", () => {
  const table: [found: string, change: (pool: Uint8Array) => void][] = [
    ["the block is neither leaf nor branch", (pool) => pool[BASE + AT_KIND] = 2],
    ["a leaf stands above level 0", (pool) => pool[BASE + AT_LEVEL] = 1],
    ["an entry block has a payload length", set(AT_PAYLOAD_LENGTH, 1)],
    ["a fence is longer than a key", set(AT_LOW_LENGTH, KEY_BYTES_MAX + 1)],
    ["a fence is longer than a key", set(AT_HIGH_LENGTH, KEY_BYTES_MAX + 1)],
    ["the slots reach into the heap", set(AT_COUNT, 5000)],
    ["the heap begins behind the block's end", set(AT_HEAP_LOW, SIZE + 1)],
    ["there is a prefix without a high key", set(AT_HIGH_LENGTH, 0xffff)],
    ["the low key is not below the high key", (pool) => pool[BASE + HEADER_BYTES + 1] = 0x35],
    ["the prefix is not what the fences share", set(AT_PREFIX_LENGTH, 0)],
    ["entry 1 lies outside the heap", (pool) => putU16(pool, slotsAt(pool, BASE) + 10, 100)],
    ["entry 0 lies outside the heap", (pool) => putU16(pool, slotsAt(pool, BASE) + 4, SIZE - 3)],
    ["entry 2 reaches beyond the block", (pool) => putU16(pool, entryAt(pool, BASE, 2) + 2, 5000)],
    ["key 2 is too long", (pool) => {
      putU16(pool, BASE + AT_HEAP_LOW, 4096);
      putU16(pool, slotsAt(pool, BASE) + 16, 4096);
      putU16(pool, BASE + 4096, KEY_BYTES_MAX);
    }],
    ["value 2 has a wrong length", (pool) => {
      putU16(pool, BASE + AT_HEAP_LOW, 4096);
      putU16(pool, slotsAt(pool, BASE) + 16, 4096);
      putU16(pool, BASE + 4096 + 2, 3000);
    }],
    ["head 0 is not its key's", (pool) => pool[slotsAt(pool, BASE)] = 1],
    ["head 2 is not its key's", (pool) => pool[slotsAt(pool, BASE) + 15] = 1],
    ["key 1 is not above what stands before it", (pool) =>
      pool.copyWithin(
        slotsAt(pool, BASE) + 6,
        slotsAt(pool, BASE),
        slotsAt(pool, BASE) + 6,
      )],
    ["key 0 is not above what stands before it", (pool) => pool[BASE + HEADER_BYTES + 1] = 0x32],
    ["the last key is not below the high key", (pool) => pool[BASE + HEADER_BYTES + 3] = 0x33],
    ["the dead bytes are miscounted", set(AT_DEAD, 1)],
  ];
  assertEquals(checkEntries(leaf(), BASE, SIZE), undefined);
  for (const [found, change] of table) {
    const pool = leaf();
    change(pool);
    assertEquals(checkEntries(pool, BASE, SIZE), found);
  }
  assertEquals(checkEntries(leaf(), BASE, SIZE + 1), "the block size is not allowed");
  assertEquals(checkEntries(leaf(), 2 * BASE + 1, SIZE), "the block is cut short");
});

test("checkEntries: entries that share bytes overlap", () => {
  const pool = leafOf("", undefined, [["b", "12345678"], ["c", ""]]);
  // The second entry now begins inside the first one's value.
  const inner = valueOffset(pool, BASE, 0) + 1;
  pool.set([1, 0, 0, 0, 0x63], inner);
  putU16(pool, slotsAt(pool, BASE) + 10, inner - BASE);
  const found = checkEntries(pool, BASE, SIZE);
  assert(found !== undefined && found.includes("overlaps"), found);
});

test("checkEntries: what only a branch must have", () => {
  const branch = (): Uint8Array => branchOf("b", "z", [["b", 11], ["f", 12]]);
  assertEquals(checkEntries(branch(), BASE, SIZE), undefined);
  assertEquals(checkEntries(branchOf("", undefined, []), BASE, SIZE), "a branch has no child");
  const other = branchOf("b", "z", [["c", 11]]);
  assertEquals(checkEntries(other, BASE, SIZE), "a branch's first key is not its low key");
  for (const level of [0, 12]) {
    const pool = branch();
    pool[BASE + AT_LEVEL] = level;
    assertEquals(checkEntries(pool, BASE, SIZE), "a branch has no branch's level");
  }
  const pool = branch();
  putU16(pool, entryAt(pool, BASE, 0) + 2, 3);
  assertEquals(checkEntries(pool, BASE, SIZE), "value 0 has a wrong length");
});

/** The block between two others of a fill: what is found must not depend on them. */
function surrounded(block: Uint8Array, fill: number): Uint8Array {
  const pool = new Uint8Array(3 * block.length).fill(fill);
  pool.set(block, block.length);
  return pool;
}

/** Fails when a block that passes the check cannot be read through. */
function readThrough(pool: Uint8Array, base: number, size: number): void {
  const out = new Uint8Array(KEY_BYTES_MAX);
  for (let i = 0; i < entryCount(pool, base); i++) {
    const length = keyInto(pool, base, i, out);
    assertEquals(search(pool, base, out, length), i);
    assert(valueOffset(pool, base, i) <= base + size);
  }
}

test("checkEntries: never throws on garbage, nor looks beyond it", () => {
  const random = new Prng(7);
  for (let round = 0; round < 3000; round++) {
    const size = random.pick(BLOCK_BYTES_ALLOWED);
    const pool = round % 50 === 0 ? random.bytes(size) : new Uint8Array(size).fill(random.below(256));
    if (round % 4 !== 0) {
      writeHeader(pool, 0, { kind: KIND_LEAF, level: 0, block: 1, tree: 1, stamp: 1, volumeTag: 1 });
      putU16(pool, AT_COUNT, random.below(random.pick([4, 400, 65536])));
      putU16(pool, AT_HEAP_LOW, size - random.below(random.pick([8, size])));
      putU16(pool, AT_LOW_LENGTH, random.below(random.pick([3, 2000])));
      putU16(pool, AT_HIGH_LENGTH, random.pick([0xffff, random.below(4), random.below(65536)]));
    }
    for (let i = random.below(200); i > 0; i--) {
      pool[random.below(random.pick([HEADER_BYTES, 200, size]))] = random.below(256);
    }
    if (checkEntries(pool, 0, size) === undefined) readThrough(pool, 0, size);
    assertEquals(checkBlock(surrounded(pool, 0), size, size), checkBlock(surrounded(pool, 255), size, size));
    for (let at = size - 3; at <= size; at++) {
      assertEquals(checkEntries(pool, at, size), "the block is cut short");
    }
  }
});

test("checkEntries: never throws on a sound block with changed bytes", () => {
  const random = new Prng(8);
  const entries = Array.from({ length: 60 }, (_, i) => [`key${1000 + i}`, "v".repeat(i)] as const);
  const sound = leafOf("key1", "key2", entries).slice(BASE, BASE + SIZE);
  const used = getU16(sound, AT_HEAP_LOW);
  let found = 0;
  let rounds = 0;
  for (let at = 0; at < SIZE; at++) {
    if (at === HEADER_BYTES + 8 + 60 * 6) at = used;
    for (const flip of [1, 128, random.below(256, 1)]) {
      const pool = sound.slice();
      pool[at] = pool[at]! ^ flip;
      rounds++;
      if (checkEntries(pool, 0, SIZE) === undefined) readThrough(pool, 0, SIZE);
      else found++;
    }
  }
  // Only the bytes of values, and of keys behind their heads, may become others unseen.
  assert(found > rounds / 4, `${found} of ${rounds}`);
});
