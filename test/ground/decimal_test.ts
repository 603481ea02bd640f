import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as decimal from "../../src/ground/decimal.ts";
import { isCode } from "../../src/ground/errors.ts";
import { Prng } from "../support/prng.ts";
import { EDGE_TEXTS, randomNumberText } from "../support/subscripts.ts";

const { add, canonicalFromBigint, canonicalFromNumber, formatDecimal, isCanonicalNumber, numericPrefix } =
  decimal;
const zeros = (count: number): string => "0".repeat(count);

/** M's rule said once more, by other means. */
function isCanonicalByPattern(text: string): boolean {
  if (text === "0") return true;
  if (!/^-?([1-9][0-9]*(\.[0-9]*[1-9])?|\.[0-9]*[1-9])$/.test(text)) return false;
  const digits = text.replace(/[-.]/g, "").replace(/^0+/, "").replace(/0+$/, "");
  const [whole, fraction = ""] = text.replace("-", "").split(".") as [string, string?];
  const leading = whole === "" ? -1 - fraction.search(/[1-9]/) : whole.length - 1;
  return digits.length <= 18 && leading <= 46 && leading >= -43;
}

test("isCanonicalNumber: agrees with M's rule on edges and random texts", () => {
  const prng = new Prng(7);
  const texts = [...EDGE_TEXTS, ""];
  for (let i = 0; i < 20_000; i++) texts.push(randomNumberText(prng));
  let canonical = 0;
  for (const text of texts) {
    assertEquals(isCanonicalNumber(text), isCanonicalByPattern(text), text);
    if (isCanonicalNumber(text)) canonical++;
  }
  assert(canonical > 5_000 && canonical < 19_000);
});

test("canonicalFromNumber: what each number becomes", () => {
  const table: [number, string][] = [
    [0, "0"],
    [-0, "0"],
    [0.5, ".5"],
    [-0.5, "-.5"],
    [12.25, "12.25"],
    [1e21, "1" + zeros(21)],
    [-1.5e22, "-15" + zeros(21)],
    [1e46, "1" + zeros(46)],
    [1e-7, "." + zeros(6) + "1"],
    [-1.25e-7, "-." + zeros(6) + "125"],
    [1e-43, "." + zeros(42) + "1"],
    [2 ** 53, "9007199254740992"],
    [2 ** 60, "1152921504606847000"],
  ];
  for (const [n, text] of table) {
    assertEquals(canonicalFromNumber(n), text);
    assert(isCanonicalNumber(text), text);
  }
  for (const n of [NaN, Infinity, -Infinity, 1e47, -1e47, 9.9e-44, -1e-44, 5e-324]) {
    assertThrows(() => canonicalFromNumber(n), RangeError, String(n));
  }
});

test("canonicalFromNumber: canonical and exact for random doubles of M's magnitude", () => {
  const prng = new Prng(11);
  for (let i = 0; i < 20_000; i++) {
    const n = (prng.unit() - 0.5) * 10 ** prng.below(48, -42);
    if (Math.abs(n) < 1e-43) continue;
    const text = canonicalFromNumber(n);
    assert(isCanonicalNumber(text), text);
    assertEquals(Number(text), n);
  }
});

test("canonicalFromBigint: up to 18 significant digits below 1E47", () => {
  for (const text of ["0", "-1", "123456789012345678", "-123456789012345678" + zeros(29), "1" + zeros(46)]) {
    assertEquals(canonicalFromBigint(BigInt(text)), text);
  }
  for (const n of [1234567890123456789n, 10n ** 47n, -(10n ** 47n), 10n ** 1000n + 1n]) {
    assertThrows(() => canonicalFromBigint(n), RangeError);
  }
});

test("numericPrefix: reads what M's unary + reads", () => {
  const table: [string, string][] = [
    ...[["12AB", "12"], ["ABC", "0"], ["", "0"], ["--5", "5"], ["---7", "-7"], ["+3", "3"], ["-+-3", "3"]],
    ...[[".5", ".5"], ["0.5", ".5"], ["00012", "12"], ["1.50", "1.5"], ["1.", "1"], ["-0", "0"], [".", "0"]],
    ...[["1E3", "1000"], ["1e3", "1"], ["1E", "1"], ["1E+", "1"], ["1E+3", "1000"], ["1E-3", ".001"]],
    ...[["1E--3", "1"], ["12E3AB", "12000"], ["1.5E2.5", "150"], [" 7", "0"], ["..5", "0"], ["1..5", "1"]],
    ...[["1.2.3", "1.2"], ["0E5", "0"], ["0E999999999", "0"], ["1E00003", "1000"], [".E3", "0"], ["E3", "0"]],
    ...[["-00.5", "-.5"], ["1 2", "1"], ["1E46", "1" + zeros(46)], ["1E-43", "." + zeros(42) + "1"]],
    ...[["123456789012345678", "123456789012345678"], ["99E-44", "." + zeros(42) + "99"]],
    ...[["1.E2", "100"], ["0.00100E2", ".1"]],
  ] as [string, string][];
  for (const [text, expected] of table) assertEquals(formatDecimal(numericPrefix(text)), expected, text);
});

test("numericPrefix: more digits or magnitude than M's is PRECISION, whatever the length", () => {
  const long = "1".repeat(1_000_000);
  for (
    const text of ["1234567890123456789", "1E47", "1E99999999999999999999", "1E-44", long, "1" + zeros(99)]
  ) {
    const error = assertThrows(() => numericPrefix(text));
    assert(isCode(error, "PRECISION"), text.slice(0, 40));
    assert(error.message.length < 200);
  }
});

test("add: exact where doubles are not", () => {
  const of = (text: string): decimal.Decimal => decimal.parseNumber(text)!;
  const sums = [[".1", ".2", ".3"], ["123456789012345678", "-.00000001", "123456789012345677.99999999"]];
  for (const [a, b, sum] of [...sums, ["5", "-5", "0"], ["99", "1", "100"], ["-1.5", ".5", "-1"]]) {
    assertEquals(formatDecimal(add(of(a!), of(b!))), sum!);
    assertEquals(formatDecimal(add(of(b!), of(a!))), sum!);
  }
  assertEquals(formatDecimal(add(decimal.decimalFromNumber(2 ** 60), of("1"))), "1152921504606846977");
});

test("decimalToNumber: the number whose decimal it is, or undefined", () => {
  const { decimalFromNumber, decimalFromBigint, decimalToNumber, parseNumber } = decimal;
  for (const n of [0, 1, -1, 0.1, 1e21, 1e308, 5e-324, 2 ** 53, 1.7976931348623157e308, -12.75]) {
    assertEquals(decimalToNumber(decimalFromNumber(n)), n);
  }
  assertEquals(decimalToNumber(decimalFromBigint(2n ** 53n + 1n)), undefined);
  assertEquals(decimalToNumber(decimalFromBigint(10n ** 400n)), undefined);
  assertEquals(decimalToNumber(parseNumber(".123456789012345678")!), undefined);
  for (const n of [NaN, Infinity]) assertThrows(() => decimalFromNumber(n), RangeError);
  assertEquals(decimal.decimalToBigint(decimalFromNumber(1200)), 1200n);
  assertEquals(decimal.decimalToBigint(decimalFromNumber(1.5)), undefined);
});

test("parseNumber and formatDecimal: one text for each canonical number", () => {
  const prng = new Prng(3);
  for (let i = 0; i < 5_000; i++) {
    const text = randomNumberText(prng);
    const parsed = decimal.parseNumber(text);
    if (isCanonicalNumber(text)) assertEquals(formatDecimal(parsed!), text);
    else assertEquals(parsed, undefined);
  }
});
