import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ByteReader } from "../../src/ground/byte_reader.ts";
import { ByteWriter } from "../../src/ground/byte_writer.ts";
import { commonPrefixLength, compareBytes, copyBytes, equalBytes } from "../../src/ground/bytes.ts";
import { getU32BE, getU48, putU32BE, putU48 } from "../../src/ground/bytes.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import { STAMP_MAX } from "../../src/ground/limits.ts";
import { Prng } from "../support/prng.ts";

const INTEGERS = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0xffff, 0x10000, 0x7fffffff, 0x80000000];
const LARGE = [0xffffffff, 0x100000000, STAMP_MAX, 2 ** 49 - 1, 2 ** 49, Number.MAX_SAFE_INTEGER];

test("ByteWriter and ByteReader: every integer comes back at every width it fits", () => {
  const writer = new ByteWriter(0);
  for (const n of [...INTEGERS, ...LARGE]) {
    writer.length = 0;
    if (n <= 0xff) writer.u8(n);
    if (n <= 0xffff) writer.u16(n);
    if (n <= 0xffffffff) writer.u32(n);
    if (n <= STAMP_MAX) writer.u48(n);
    writer.varint(n);
    const reader = new ByteReader(writer.copy(), "Test");
    if (n <= 0xff) assertEquals(reader.u8(), n);
    if (n <= 0xffff) assertEquals(reader.u16(), n);
    if (n <= 0xffffffff) assertEquals(reader.u32(), n);
    if (n <= STAMP_MAX) assertEquals(reader.u48(), n);
    assertEquals(reader.varint(), n);
    reader.expectEnd();
  }
});

test("ByteWriter: grows and keeps what was written", () => {
  const writer = new ByteWriter(1);
  const source = new Prng(1).bytes(1000);
  for (let at = 0; at < 1000; at += 50) writer.append(source, at, at + 50);
  assert(equalBytes(writer.copy(), source));
});

test("ByteReader: a read past the end is CORRUPT with the position, and moves nothing", () => {
  const reader = new ByteReader(new Uint8Array(10), "Test", 2, 5);
  reader.u16();
  const error = assertThrows(() => reader.u16(), CohortError, "Read Test: needs 2 bytes and has 1 at byte 4");
  assert(isCode(error, "CORRUPT"));
  assertEquals(error.facts["position"], 4);
  assertEquals(reader.remaining, 1);
  for (const count of [2, -1, NaN, Infinity]) assertThrows(() => reader.view(count), CohortError);
  assertThrows(() => reader.expectEnd(), CohortError, "1 bytes are left over");
  assertThrows(() => new ByteReader(new Uint8Array(3), "Test", 1, 4), RangeError);
});

test("ByteReader: a varint with a needless byte, above 2^53 - 1, too long or cut off is CORRUPT", () => {
  const bad = [[0x80], [0x80, 0], [...Array(7).fill(0xff), 0x1f], [...Array(8).fill(0xff), 1], []];
  for (const bytes of bad) {
    assertThrows(() => new ByteReader(Uint8Array.from(bytes), "Test").varint(), CohortError, "Read Test");
  }
});

test("bytes: u48 and big-endian u32 round trip, and the latter orders as its bytes", () => {
  const bytes = new Uint8Array(8);
  for (const n of [...INTEGERS, ...LARGE]) {
    if (n <= STAMP_MAX) {
      putU48(bytes, 1, n);
      assertEquals(getU48(bytes, 1), n);
    }
    if (n <= 0xffffffff) {
      putU32BE(bytes, 3, n);
      assertEquals(getU32BE(bytes, 3), n);
      assertEquals([...bytes.subarray(3, 7)], [n / 2 ** 24 & 255, n / 2 ** 16 & 255, n / 256 & 255, n & 255]);
    }
  }
});

test("compareBytes: memcmp with a prefix first; commonPrefixLength", () => {
  const a = Uint8Array.from([9, 1, 2, 3, 9]);
  const b = Uint8Array.from([1, 2, 200]);
  assert(compareBytes(a, 1, 4, b, 0, 3) < 0);
  assert(compareBytes(b, 0, 3, a, 1, 4) > 0);
  assert(compareBytes(a, 1, 3, b, 0, 3) < 0);
  assertEquals(compareBytes(a, 1, 3, b, 0, 2), 0);
  assertEquals(commonPrefixLength(a, 1, 4, b, 0, 3), 2);
});

test("copyBytes: overlapping ranges of one array, short and long", () => {
  for (const length of [5, 32, 33, 60]) {
    for (const [from, at] of [[0, 3], [3, 0], [2, 2]] as const) {
      const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
      const expected = bytes.slice().copyWithin(at, from, from + length);
      copyBytes(bytes, from, from + length, bytes, at);
      assert(equalBytes(bytes, expected));
    }
  }
});
