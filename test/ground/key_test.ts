import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { collate } from "../../src/ground/collation.ts";
import { canonicalFromNumber } from "../../src/ground/decimal.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import * as keys from "../../src/ground/key.ts";
import { KEY_BYTES_MAX } from "../../src/ground/limits.ts";
import type { Subscript } from "../../src/ground/subscript.ts";
import { Prng } from "../support/prng.ts";
import { EDGE_TEXTS, randomSubscript } from "../support/subscripts.ts";

const { decodeKey, encodeKey, KEY_SCRATCH_BYTES, keyOf } = keys;
const zeros = (count: number): string => "0".repeat(count);
const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const compare = (a: Uint8Array, b: Uint8Array): number => keys.compareKeys(a, 0, a.length, b, 0, b.length);
const decode = (key: Uint8Array): Subscript[] => decodeKey(key, 0, key.length);

test("keyOf: golden bytes", () => {
  const table: [Subscript[], string][] = [
    [[], ""],
    [[0], "8000"],
    [[1], "bf1100"],
    [[3], "bf3100"],
    [[-1], "40eeff00"],
    [[12345], "c313355100"],
    [[".5"], "be5100"],
    [[-1.5], "40e9ff00"],
    [[1001], "c2110200"],
    [[100000000], "c71100"],
    [[9007199254740991], "ce91081a9355750a9200"],
    [[10n ** 46n], "ed1100"],
    [["." + zeros(42) + "1"], "941100"],
    [["-." + zeros(42) + "1"], "6beeff00"],
    [["a"], "ff6100"],
    [["\0\x01\x02"], "ff010101020200"],
    [["é€😀"], "ffc3a9e282acf09f988000"],
    [["012", 5], "ff30313200bf5100"],
  ];
  for (const [subscripts, bytes] of table) assertEquals(hex(keyOf(subscripts)), bytes, String(subscripts));
});

test("decodeKey: what each subscript comes back as", () => {
  const table: [Subscript, Subscript][] = [
    [-0, 0],
    ["12", 12],
    [12n, 12],
    [0.5, 0.5],
    ["-.25", -0.25],
    ["0.5", "0.5"],
    ["012", "012"],
    [2 ** 53, 2 ** 53],
    [2n ** 53n, 2 ** 53],
    [2n ** 53n + 1n, 2n ** 53n + 1n],
    [-(2n ** 53n) - 2n, -(2n ** 53n) - 2n],
    [1e21, 10n ** 21n],
    [2 ** 60, 1152921504606847000n],
    [".123456789012345678", ".123456789012345678"],
    [".1234567890123456", 0.1234567890123456],
    ["123456789.123456789", "123456789.123456789"],
    ["1234567890123456789", "1234567890123456789"],
    ["1" + zeros(47), "1" + zeros(47)],
    [1e-43, 1e-43],
    [1.5e-30, 1.5e-30],
  ];
  for (const [given, back] of table) {
    assertEquals(decode(keyOf([given])), [back]);
    assertEquals(keyOf([back]), keyOf([given]));
  }
});

test("keyOf and decodeKey: random references come back equal, key for key", () => {
  const prng = new Prng(21);
  for (let i = 0; i < 20_000; i++) {
    const subscripts = Array.from({ length: prng.below(5) }, () => randomSubscript(prng));
    const key = keyOf(subscripts);
    const back = decode(key);
    assertEquals(back.length, subscripts.length);
    assertEquals(compare(keyOf(back), key), 0);
    for (const [at, subscript] of subscripts.entries()) {
      if (typeof subscript === "string" && typeof back[at] === "string") assertEquals(back[at], subscript);
      if (typeof subscript === "number") assertEquals(String(back[at]), expectedText(subscript, back[at]!));
    }
    if (back.length > 0) assertEquals(keys.decodeLastSubscript(key, 0, key.length), back.at(-1));
  }
});

function expectedText(n: number, back: Subscript): string {
  return typeof back === "number" ? String(n === 0 ? 0 : n) : canonicalFromNumber(n);
}

test("compareKeys: memcmp of keys is M's order of subscripts, as collate has it", () => {
  const prng = new Prng(22);
  const subscripts: Subscript[] = [
    ...EDGE_TEXTS,
    "\0",
    "\x01",
    "\x02",
    " ",
    "~",
    "\ue000",
    "\u{10000}",
    "\ud7ff",
  ];
  for (let i = 0; i < 1_500; i++) subscripts.push(randomSubscript(prng));
  const sorted = subscripts.toSorted((a, b) => compare(keyOf([a]), keyOf([b])));
  const ordered = subscripts.toSorted(collate);
  for (const [at, subscript] of sorted.entries()) assertEquals(collate(subscript, ordered[at]!), 0);
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [prng.pick(subscripts), prng.pick(subscripts)];
    assertEquals(Math.sign(collate(a, b)), Math.sign(compare(keyOf([a]), keyOf([b]))), `${String(a)} ${b}`);
    const numbers = [a, b].map((it) => typeof decode(keyOf([it]))[0] === "number" ? Number(it) : NaN);
    if (!numbers.some(Number.isNaN)) {
      assertEquals(Math.sign(collate(a, b)), Math.sign(numbers[0]! - numbers[1]!));
    }
  }
});

test("collate: the empty string first, then numbers, then strings by code point", () => {
  const order: Subscript[] = ["", -10, "-1.5", -1, -0.5, 0, ".5", 2n, "10", 1e3, "123456789012345678"];
  order.push("\0", " ", "+1", "-", "-0", "01", "1.0", "A", "B", "a", "~", "\uffff", "\u{10000}");
  for (const [i, a] of order.entries()) {
    for (const [j, b] of order.entries()) assertEquals(Math.sign(collate(a, b)), Math.sign(i - j));
  }
  assertThrows(() => collate(NaN, ""), RangeError);
  assertThrows(() => collate("a", true as unknown as string), TypeError);
});

test("subtreeEnd: holds the node and its descendants and nothing else", () => {
  const prng = new Prng(23);
  const end = new Uint8Array(keys.KEY_SCRATCH_BYTES);
  for (let i = 0; i < 10_000; i++) {
    const [s, t] = [randomSubscript(prng), randomSubscript(prng)];
    const [key, child, other] = [keyOf([5, s]), keyOf([5, s, t]), keyOf([5, t, s])];
    const length = keys.subtreeEnd(key, key.length, end);
    const after = end.subarray(0, length);
    const inside = (it: Uint8Array): boolean => compare(key, it) <= 0 && compare(it, after) < 0;
    assert(inside(key) && inside(child));
    assertEquals(inside(other), collate(s, t) === 0);
    assertEquals(keys.nextSiblingPrefix(child, 0, child.length, 2, end), length);
    assert(!inside(after));
  }
  assertEquals(keys.subtreeEnd(keyOf([]), 0, end), 0);
  assertEquals(keys.nextSiblingPrefix(keyOf([1]), 0, 3, 2, end), 0);
});

test("prefixLengthOfLevel and subscriptCount: within an array", () => {
  const key = keyOf([1, "ab", -2]);
  const bytes = Uint8Array.from([9, 0, ...key, 7, 0]);
  const [from, to] = [2, 2 + key.length];
  assertEquals(keys.subscriptCount(bytes, from, to), 3);
  assertEquals([0, 1, 2, 3, 4].map((level) => keys.prefixLengthOfLevel(bytes, from, to, level)), [
    0,
    3,
    7,
    11,
    -1,
  ]);
});

test("encodeKey: caller mistakes are named with their place", () => {
  const mistakes: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [undefined, TypeError, "subscript 1 of type undefined"],
    [null, TypeError, "subscript 1 of type null"],
    [true, TypeError, "subscript 1 of type boolean"],
    [{}, TypeError, "subscript 1 of type object"],
    [Symbol("x"), TypeError, "subscript 1 of type symbol"],
    ["", RangeError, "subscript 1: an empty string"],
    [NaN, RangeError, "NaN"],
    [Infinity, RangeError, "Infinity"],
    [1e47, RangeError, "1e+47"],
    [1234567890123456789n, RangeError, "18 significant digits"],
    ["ab\ud800", RangeError, "subscript 1: a lone surrogate at character 2"],
    ["\udc00b", RangeError, "a lone surrogate at character 0"],
    ["\ud800\ud800", RangeError, "a lone surrogate at character 0"],
  ];
  for (const [subscript, kind, part] of mistakes) {
    const error = assertThrows(() => keyOf([1, subscript as Subscript]), Error, part);
    assert(error instanceof kind, String(error));
  }
});

test("encodeKey: the limits hold to the byte", () => {
  assertEquals(keyOf(["a".repeat(KEY_BYTES_MAX - 2)]).length, KEY_BYTES_MAX);
  assertEquals(keyOf(["é".repeat(508)]).length, KEY_BYTES_MAX - 1);
  for (
    const text of ["a".repeat(KEY_BYTES_MAX - 1), "a".repeat(5_000_000), "é".repeat(509), "\0".repeat(509)]
  ) {
    assertThrows(() => keyOf([text]), RangeError, "1019 bytes");
  }
  assertThrows(() => keyOf(["a".repeat(1014), 1.5, 2]), RangeError, "1019 bytes");
  assertThrows(
    () => keyOf([...Array<string>(15).fill("a".repeat(66)), -1e-43, 99999999]),
    RangeError,
    "1019",
  );
  assertEquals(keyOf(Array<number>(31).fill(7)).length, 93);
  assertThrows(() => keyOf(Array<number>(32).fill(7)), RangeError, "32 subscripts");
});

test("decodeKey: bytes that no key is written as are CORRUPT", () => {
  const bad = [
    ...["80", "00", "800100", "ff00", "ff0100", "ff010300", "ff6101", "ff3100", "ff2e3500", "ffc300"],
    ...["ffc08000", "ffeda08000", "fff490808000", "bf00", "bf0100", "bf110100", "bf0200", "bf1b00", "931100"],
    ...["ee1100", "40ee00", "40ff00", "11eeff00", "6ceeff00", "0200", "7f00", "fe1100"],
    "bf" + "11".repeat(10) + "00",
  ];
  for (const text of bad) {
    const bytes = Uint8Array.from(text.match(/../g)!.map((it) => parseInt(it, 16)));
    const error = assertThrows(() => decode(bytes), CohortError);
    assert(isCode(error, "CORRUPT"), text);
    assertThrows(() => keys.decodeLastSubscript(bytes, 0, bytes.length), CohortError);
  }
  assertThrows(() => keys.decodeLastSubscript(new Uint8Array(0), 0, 0), CohortError);
});

test("decodeKey: random and flipped bytes give CORRUPT or subscripts that encode to the same bytes", () => {
  const prng = new Prng(24);
  let read = 0;
  for (let i = 0; i < 60_000; i++) {
    let bytes = prng.bytes(prng.below(12));
    if (prng.once(2)) {
      bytes = keyOf([randomSubscript(prng), randomSubscript(prng)]);
      bytes[prng.below(bytes.length)]! ^= 1 << prng.below(8);
    }
    try {
      const back = decode(bytes);
      read++;
      if (back.length <= 31) assertEquals(compare(keyOf(back), bytes), 0);
    } catch (error) {
      assert(isCode(error, "CORRUPT"), String(error));
    }
  }
  assert(read > 1_000);
});

test("encodeKey: subscripts whose getter encodes others are refused, and the next are fine", () => {
  const into = new Uint8Array(KEY_SCRATCH_BYTES);
  const subscripts = ["first", "second"];
  Object.defineProperty(subscripts, 1, { get: () => (encodeKey(["x"], into), "second") });
  assertThrows(() => encodeKey(subscripts, into), TypeError, "from a getter");
  assertEquals(encodeKey(["first", "second"], into), 15);
});
