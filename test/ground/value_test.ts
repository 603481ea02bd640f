import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { Encoder } from "cbor-x";
import { ByteWriter } from "../../src/ground/byte_writer.ts";
import { isCode } from "../../src/ground/errors.ts";
import { BIGINT_BYTES_MAX, VALUE_BYTES_MAX, VALUE_DEPTH_MAX } from "../../src/ground/limits.ts";
import { decodeValue, encodeValue, type Value } from "../../src/ground/value.ts";
import { Prng } from "../support/prng.ts";
import { randomScalar, randomValue } from "../support/values.ts";

const writer = new ByteWriter(16);

function encode(value: unknown): Uint8Array {
  writer.length = 0;
  encodeValue(value as Value, writer);
  return writer.copy();
}

/** The value stored in the middle of other bytes, as it is in a block. */
function decode(bytes: Uint8Array): Value {
  const block = new Uint8Array(bytes.length + 20).fill(0xaa);
  block.set(bytes, 10);
  return decodeValue(block, 10, 10 + bytes.length);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

test("encodeValue: golden bytes", () => {
  const table: [Value, string][] = [
    ["", "01"],
    ["Ada", "01416461"],
    ["é", "01e9"],
    ["€", "02e282ac"],
    ["\ufeffa", "02efbbbf61"],
    [0, "0300"],
    [-1, "0301"],
    [1, "0302"],
    [63, "037e"],
    [64, "038001"],
    [-65, "038101"],
    [2 ** 53 - 1, "03feffffffffffff1f"],
    [-(2 ** 53) + 1, "03fdffffffffffff1f"],
    [-0, "048000000000000000"],
    [0.5, "043fe0000000000000"],
    [2 ** 53, "044340000000000000"],
    [0n, "0500"],
    [-1n, "050101"],
    [2n ** 64n, "0500010000000000000000"],
    [true, "06"],
    [false, "07"],
    [null, "08"],
    [Uint8Array.of(1, 2), "090102"],
    [[], "0a80"],
    [[1, -1, 24, 0.5, -0], "0a85 01 20 1818 fb3fe0000000000000 fb8000000000000000"],
    [[5n, -5n], "0a82 1b0000000000000005 3b0000000000000004"],
    [{ a: null, é: true }, "0aa2 6161 f6 62c3a9 f5"],
    [[2n ** 64n, Uint8Array.of(7)], "0a82 c249010000000000000000 4107"],
  ];
  for (const [value, bytes] of table) {
    assertEquals(hex(encode(value)), bytes.replaceAll(" ", ""), String(value));
    assertEquals(decode(unhex(bytes)), value);
  }
});

test("encodeValue and decodeValue: every random value comes back as it was", () => {
  const prng = new Prng(31);
  for (let i = 0; i < 4_000; i++) {
    const value = prng.once(2) ? randomScalar(prng) : randomValue(prng);
    const bytes = encode(value);
    assertEquals(decode(bytes), value);
    assertEquals(hex(encode(decode(bytes))), hex(bytes));
  }
});

test("encodeValue: appends after what the scratch holds, whatever its capacity", () => {
  const prng = new Prng(32);
  for (let i = 0; i < 300; i++) {
    const scratch = new ByteWriter(prng.below(80));
    const values = Array.from({ length: 5 }, () => randomValue(prng, 2));
    const ends = values.map((value) => (encodeValue(value, scratch), scratch.length));
    const back = ends.map((end, at) => decodeValue(scratch.bytes, ends[at - 1] ?? 0, end));
    assertEquals(back, values);
  }
});

test("decodeValue: shares no memory with the block, and gives plain Uint8Arrays", () => {
  for (const value of [Buffer.from([1, 2, 3]), [Buffer.from([1, 2, 3])]]) {
    const bytes = Buffer.from(encode(value));
    const back = decodeValue(bytes, 0, bytes.length);
    const array = (Array.isArray(back) ? back[0] : back) as Uint8Array;
    bytes.fill(0);
    assertEquals(array, Uint8Array.of(1, 2, 3));
    assertEquals(Object.getPrototypeOf(array), Uint8Array.prototype);
  }
});

test("encodeValue: a key __proto__ is an own property both ways and changes no prototype", () => {
  const value = JSON.parse('{"__proto__": {"polluted": 1}, "a": {"__proto__": null}}');
  const back = decode(encode(value)) as Record<string, Value>;
  assertEquals(Object.keys(back), ["__proto__", "a"]);
  assertEquals(Object.getPrototypeOf(back), Object.prototype);
  assertEquals(back["polluted"], undefined);
  assertEquals(Object.keys(back["a"] as object), ["__proto__"]);
  assertEquals(JSON.stringify(back), JSON.stringify(value));
});

test("encodeValue: objects without a prototype and of other realms are plain; order of keys is kept", () => {
  const bare: Record<string, Value> = Object.assign(Object.create(null), { b: 1, a: 2 });
  assertEquals(Object.keys(decode(encode(bare)) as object), ["b", "a"]);
  const foreign = Object.create(Object.create(null));
  foreign.x = 1;
  assertEquals(decode(encode(foreign)), { x: 1 });
});

class Person {
  name = "Ada";
}

test("encodeValue: what has no form is refused with its path, and nothing is appended", () => {
  const cycle: Record<string, unknown> = { a: [1, {}] };
  (cycle["a"] as unknown[])[1] = { back: cycle };
  let deep: unknown = 1;
  for (let i = 0; i <= VALUE_DEPTH_MAX; i++) deep = [deep];
  const table: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [undefined, TypeError, "type undefined"],
    [() => 1, TypeError, "type function"],
    [Symbol("s"), TypeError, "type symbol"],
    [NaN, RangeError, "NaN"],
    [-Infinity, RangeError, "-Infinity"],
    ["a\ud800", RangeError, "lone surrogate"],
    ["x".repeat(60) + "\udc00x", RangeError, "lone surrogate"],
    [{ a: [1, undefined] }, TypeError, "undefined at value.a[1]"],
    [[, 1], TypeError, "undefined at value[0]"],
    [{ f() {} }, TypeError, "function at value.f"],
    [{ "odd key": { s: Symbol() } }, TypeError, 'symbol at value["odd key"].s'],
    [{ [Symbol("k")]: 1 }, TypeError, "symbol keys at value"],
    [{ n: [0, NaN] }, RangeError, "NaN at value.n[1]"],
    [[Infinity], RangeError, "Infinity at value[0]"],
    [{ a: "\ud800" }, RangeError, "lone surrogate at value.a"],
    [{ "\udc00": 1 }, RangeError, "lone surrogate at value"],
    [new Map(), TypeError, "class Map at value"],
    [[new Set()], TypeError, "class Set at value[0]"],
    [{ d: new Date(0) }, TypeError, "class Date at value.d"],
    [new Float64Array(2), TypeError, "class Float64Array"],
    [[new DataView(new ArrayBuffer(1))], TypeError, "class DataView"],
    [new ArrayBuffer(2), TypeError, "class ArrayBuffer"],
    [/x/, TypeError, "class RegExp"],
    [Object("boxed"), TypeError, "class String"],
    [[new Person()], TypeError, "class Person at value[0]"],
    [Promise.resolve(1), TypeError, "class Promise"],
    [cycle, TypeError, "cyclic object: value.a[1].back"],
    [deep, RangeError, `more than ${VALUE_DEPTH_MAX} deep`],
    [1n << BigInt(BIGINT_BYTES_MAX * 8), RangeError, "a bigint of more than"],
    [[-(1n << BigInt(BIGINT_BYTES_MAX * 8)) - 1n], RangeError, "bytes at value[0]"],
  ];
  for (const [value, kind, part] of table) {
    writer.length = 0;
    writer.u8(99);
    const error = assertThrows(() => encodeValue(value as Value, writer), Error, part);
    assert(error instanceof kind, String(error));
    assertEquals([...writer.copy()], [99]);
  }
});

test("encodeValue: exactly VALUE_DEPTH_MAX deep is kept; shared parts that are no cycle are kept", () => {
  let deep: Value = 1;
  for (let i = 0; i < VALUE_DEPTH_MAX; i++) deep = i % 2 === 0 ? [deep] : { deep };
  assertEquals(decode(encode(deep)), deep);
  const part = { x: 1 };
  assertEquals(decode(encode([part, part])), [part, part]);
});

test("encodeValue: the longest value of each kind is kept and one byte more refused", () => {
  const most = VALUE_BYTES_MAX - 1;
  for (const value of ["x".repeat(most), "é".repeat(most), new Uint8Array(most), ["x".repeat(most - 6)]]) {
    const bytes = encode(value);
    assertEquals(bytes.length, VALUE_BYTES_MAX);
    assert(decodeValue(bytes, 0, bytes.length) !== undefined);
  }
  const over = ["x".repeat(most + 1), "é".repeat(most + 1), new Uint8Array(most + 1), ["x".repeat(most - 5)]];
  for (
    const value of [...over, "€".repeat(most / 3 + 1), [new Uint8Array(most)], { a: "x".repeat(9_000_000) }]
  ) {
    assertThrows(() => encode(value), RangeError, `more than ${VALUE_BYTES_MAX} bytes`);
  }
  let bomb: Value = [];
  for (let i = 0; i < 60; i++) bomb = [bomb, bomb];
  assertThrows(() => encode(bomb), RangeError, "more than");
});

test("encodeValue: a part that comes again and again is refused before it fills the memory", () => {
  const [text, bytes] = ["x".repeat(3_000_000), new Uint8Array(3_000_000)];
  const members = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, bytes]));
  const bigints = new Array(4_000).fill(2n ** 500_000n);
  for (const value of [new Array(40).fill(text), [new Array(40).fill(bytes)], members, bigints]) {
    const writer = new ByteWriter(0);
    assertThrows(() => encodeValue(value, writer), RangeError, `more than ${VALUE_BYTES_MAX} bytes`);
    assertEquals([writer.length, writer.bytes.length < 2 ** 25], [0, true], String(writer.bytes.length));
  }
});

test("encodeValue: a getter that encodes again is refused, and the next value is fine", () => {
  const value = {
    get again(): Value {
      return encode([1]);
    },
  };
  assertThrows(() => encode(value), TypeError, "from a getter");
  assertEquals(decode(encode([1])), [1]);
});

test("decodeValue: malformed bytes are CORRUPT", () => {
  const bad = [
    ...["", "00", "0b", "ff", "0600", "0700", "0800", "02ff", "02c3", "02eda080", "03", "0380", "030000"],
    ...["038000", "03ffffffffffffffff7f", "03ffffffffffffff3f", "04", "0400", "047ff8000000000000"],
    ...["04fff0000000000000", "043ff0000000000000", "05", "0502", "0501", "050000"],
    "0500" + "01".repeat(65_537),
  ];
  const cbor = [
    ...["", "8000", "81", "01", "f6", "6161", "4100", "9fff", "bfff", "5f", "7f", "811817", "81190017"],
    ...["811a00000017", "811c", "81ff", "81f7", "81e0", "81f818", "81f93c00", "81fa3f800000", "8161ff"],
    ...["81fb7ff8000000000000", "81fb3ff0000000000000", "81c0f6", "81c100", "81d9dfff00", "81d8404100"],
    ...["81c3", "81c26100", "81c2480101010101010101", "81c249000101010101010101", "a10102", "a1416101"],
    ...["a16161", "a1", "9affffffff", "baffffffff", "62c328", "7affffffff", "815affffffff", "8162e282"],
    ...["81".repeat(65) + "00", "81".repeat(40_000), "a16161".repeat(40_000)],
  ];
  for (const text of [...bad, ...cbor.map((it) => "0a" + it)]) {
    const error = assertThrows(() => decode(unhex(text)), Error);
    assert(isCode(error, "CORRUPT"), `${text.slice(0, 40)} ${error}`);
  }
});

test("decodeValue: flipped and random bytes give CORRUPT or a value that encodes again", () => {
  const prng = new Prng(33);
  let read = 0;
  for (let i = 0; i < 25_000; i++) {
    let bytes = prng.bytes(prng.below(20, 1));
    if (prng.once(2)) bytes[0] = prng.below(12);
    if (prng.once(2)) {
      bytes = encode(randomValue(prng, 2));
      bytes[prng.below(bytes.length)]! ^= 1 << prng.below(8);
      if (prng.once(4)) bytes = bytes.subarray(0, prng.below(bytes.length));
    }
    try {
      const value = decode(bytes);
      encode(value);
      read++;
    } catch (error) {
      assert(isCode(error, "CORRUPT"), String(error));
    }
  }
  assert(read > 4_000);
});

test("value: arrays and objects are the CBOR of an independent library, both ways", () => {
  const options = { useRecords: false, mapsAsObjects: true, tagUint8Array: false, variableMapSize: true };
  const library = new Encoder(options);
  const prng = new Prng(34);
  let same = 0;
  for (let i = 0; i < 3_000; i++) {
    const value = [randomValue(prng, 3)];
    if (!isCommon(value)) continue;
    const bytes = encode(value);
    assertEquals(normal(library.decode(bytes.subarray(1))), normal(value));
    const theirs = Uint8Array.from(library.encode(value));
    if (hex(theirs) === hex(bytes.subarray(1))) same++;
  }
  assert(same > 300, String(same));
});

/** Whether the library keeps the value: no -0, no key `__proto__`. */
function isCommon(value: Value): boolean {
  if (Object.is(value, -0)) return false;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return true;
  return Object.entries(value).every(([key, member]) => key !== "__proto__" && isCommon(member as Value));
}

/** Bytes as plain arrays: the library gives Buffers. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, normal(member)]));
}
