import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { AT_COUNT, HEADER_BYTES } from "../../src/ground/block.ts";
import { putU16 } from "../../src/ground/bytes.ts";
import { InvariantError } from "../../src/ground/errors.ts";
import {
  checkMap,
  formatMap,
  mapAllocated,
  mapBitsMax,
  mapClear,
  mapFindFree,
  mapIsSet,
  mapRunIs,
  mapSet,
} from "../../src/ground/space_map.ts";
import { Prng } from "../support/prng.ts";

const BASE = 8192;
const SIZE = 8192;

function map(): Uint8Array {
  const pool = new Uint8Array(3 * SIZE).fill(0x77);
  formatMap(pool, BASE, SIZE, 2, 1);
  return pool;
}

test("mapBitsMax: what a body and a 16-bit count allow", () => {
  assertEquals([8192, 16384, 32768].map(mapBitsMax), [65216, 65535, 65535]);
});

test("mapFindFree: the first free block from a place, below both limits", () => {
  const pool = map();
  mapSet(pool, BASE, 0, 21);
  mapSet(pool, BASE, 22, 10);
  mapSet(pool, BASE, 40, 24);
  const table: [extent: number, limit: number, from: number, free: number][] = [
    [64, 64, 0, 21],
    [64, 64, 21, 21],
    [64, 64, 22, 32],
    [64, 64, 39, 39],
    [64, 64, 40, -1],
    [65, 80, 40, 64],
    [1024, 64, 40, -1],
    [1024, 65, 40, 64],
    [1024, 21, 0, -1],
    [1024, 22, 0, 21],
    [1024, 1024, 1024, -1],
  ];
  for (const [extent, limit, from, free] of table) {
    assertEquals(mapFindFree(pool, BASE, extent, limit, from), free, `${extent} ${limit} ${from}`);
  }
});

test("mapSet, mapClear: against an array, for every run", () => {
  const random = new Prng(3);
  const pool = map();
  const model = new Array<boolean>(1024).fill(false);
  for (let step = 0; step < 4000; step++) {
    const start = random.below(1024);
    const count = Math.min(1024 - start, random.pick([1, 1, 1, random.below(40)]));
    const set = model[start] === true;
    if (model.slice(start, start + count).every((bit) => bit === set)) {
      assert(mapRunIs(pool, BASE, start, count, set));
      if (set) mapClear(pool, BASE, start, count);
      else mapSet(pool, BASE, start, count);
      model.fill(!set, start, start + count);
    } else assert(!mapRunIs(pool, BASE, start, count, set));
    const from = random.below(1024);
    assertEquals(mapFindFree(pool, BASE, 1024, 1024, from), model.indexOf(false, from));
    assertEquals(mapIsSet(pool, BASE, from), model[from]!);
    assertEquals(mapAllocated(pool, BASE), model.filter((bit) => bit).length);
  }
  assertEquals(checkMap(pool, BASE, SIZE, 1024), undefined);
  assert(pool.subarray(0, BASE).every((byte) => byte === 0x77));
  assert(pool.subarray(BASE + SIZE).every((byte) => byte === 0x77));
});

test("mapSet, mapClear: twice is an invariant and changes nothing", () => {
  const pool = map();
  mapSet(pool, BASE, 5, 3);
  const before = pool.slice();
  assertThrows(() => mapSet(pool, BASE, 3, 3), InvariantError, "Allocate blocks [3, 6)");
  assertThrows(() => mapClear(pool, BASE, 7, 2), InvariantError, "Free blocks [7, 9)");
  assertEquals(pool, before);
});

test("checkMap: the count and the extent's end", () => {
  const pool = map();
  mapSet(pool, BASE, 60, 5);
  assertEquals(checkMap(pool, BASE, SIZE), undefined);
  assertEquals(checkMap(pool, BASE, SIZE, 65), undefined);
  assertEquals(checkMap(pool, BASE, SIZE, 64), "bit 64 lies outside the extent");
  putU16(pool, BASE + AT_COUNT, 4);
  assertEquals(checkMap(pool, BASE, SIZE), "the allocated blocks are miscounted");
  assertEquals(checkMap(pool, 3 * SIZE - HEADER_BYTES, SIZE), "the block is cut short");
});
