/**
 * Exact decimals, and the numbers of M.
 *
 * A *canonical number* is a text that M collates as a number: the shortest decimal, with no leading zeros, no
 * zero before the point, no trailing zeros after it, no "+", no "-0", no exponent; at most 18 significant
 * digits; the leading digit stands at 10^46 at most and at 10^-43 at least. Every other text is a string
 * ("01", "1.0", "-0", "+1", "0.5", "1E3", nineteen digits, "1" and 47 zeros). Each edge was run against GT.M
 * V7.0-005, and test/gtm/collation_test.ts runs them again.
 *
 * What a number of JavaScript becomes:
 *
 * | given                     | as a subscript                          | in arithmetic             |
 * | ------------------------- | --------------------------------------- | ------------------------- |
 * | 0.5, -0.5                 | ".5", "-.5"                             | the same                  |
 * | -0                        | "0"                                     | 0                         |
 * | 1e21                      | "1000000000000000000000"                | the same                  |
 * | 2 ** 60 (no safe integer) | its shortest text "1152921504606847000" | its exact value ...846976 |
 * | 0.1                       | ".1"                                    | exactly one tenth       |
 * | 1e47, 1e-44, -1e47        | RangeError                              | exact                     |
 * | NaN, Infinity             | RangeError                              | RangeError                |
 * | 12n, 10n ** 46n           | "12", "1" and 46 zeros                  | the same                  |
 * | bigint of > 18 digits     | RangeError                              | exact                     |
 */
import { CohortError } from "./errors.ts";
import { NUMBER_DIGITS_MAX } from "./limits.ts";

/**
 * A decimal: `coefficient * 10 ** exponent`; the coefficient ends in no zero, and zero is 0n with exponent 0.
 */
export interface Decimal {
  /** Signed digits. */
  readonly coefficient: bigint;
  /** Power of ten. */
  readonly exponent: number;
}

/** Highest power of ten at which the leading digit of a number of M may stand. */
export const NUMBER_EXPONENT_MAX = 46;
/** Lowest power of ten at which the leading digit of a number of M may stand. */
export const NUMBER_EXPONENT_MIN = -43;
/** What `canonicalExponent` answers for a text that is no canonical number. */
export const NOT_CANONICAL = 1000;
/** What `canonicalExponent` answers for "0". */
export const EXPONENT_OF_ZERO = 999;

/** Most characters of a canonical number: sign, point, 42 zeros and 18 digits. */
const CANONICAL_CHARS_MAX = 62;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const UPPER_E = 0x45;
const MAGNITUDE_END = 1e47;
const MAGNITUDE_START = 1e-43;
const BIG_MAGNITUDE_END = 10n ** 47n;
const TEXT_SHOWN_CHARS = 60;
/** Bound on what is read of an exponent; far beyond any magnitude that matters, and no overflow. */
const EXPONENT_SUFFIX_MAX = 1_000_000;

/** Whether `text` collates as a number. */
export function isCanonicalNumber(text: string): boolean {
  return canonicalExponent(text) !== NOT_CANONICAL;
}

/** The power of ten of the leading digit of a canonical number, or `EXPONENT_OF_ZERO`, or `NOT_CANONICAL`. */
export function canonicalExponent(text: string): number {
  const length = text.length;
  if (length === 0 || length > CANONICAL_CHARS_MAX) return NOT_CANONICAL;
  const start = text.charCodeAt(0) === MINUS ? 1 : 0;
  let at = start;
  let lastNonZero = -1;
  for (; at < length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit > 9 || digit < 0) break;
    if (digit !== 0) lastNonZero = at;
  }
  const whole = at - start;
  if (whole > 0 && text.charCodeAt(start) === ZERO) return length === 1 ? EXPONENT_OF_ZERO : NOT_CANONICAL;
  if (at < length) return fractionExponent(text, at, whole);
  if (whole === 0 || lastNonZero - start >= NUMBER_DIGITS_MAX) return NOT_CANONICAL;
  return whole - 1 > NUMBER_EXPONENT_MAX ? NOT_CANONICAL : whole - 1;
}

/** The exponent of a text with `whole` digits before what should be a point at `point`. */
function fractionExponent(text: string, point: number, whole: number): number {
  const length = text.length;
  if (text.charCodeAt(point) !== POINT || point + 1 === length) return NOT_CANONICAL;
  let firstNonZero = -1;
  for (let at = point + 1; at < length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit > 9 || digit < 0) return NOT_CANONICAL;
    if (digit !== 0 && firstNonZero < 0) firstNonZero = at;
  }
  if (text.charCodeAt(length - 1) === ZERO) return NOT_CANONICAL;
  if (whole > 0) return whole + length - point - 1 > NUMBER_DIGITS_MAX ? NOT_CANONICAL : whole - 1;
  const exponent = point - firstNonZero;
  if (exponent < NUMBER_EXPONENT_MIN || length - firstNonZero > NUMBER_DIGITS_MAX) return NOT_CANONICAL;
  return exponent;
}

/**
 * The canonical number of `n`; RangeError for NaN, the infinities and magnitudes that M has no number for.
 */
export function canonicalFromNumber(n: number): string {
  const magnitude = Math.abs(n);
  if (!(magnitude < MAGNITUDE_END && (magnitude >= MAGNITUDE_START || n === 0))) {
    throw new RangeError(`Use ${n} as a number of M: it is not below 1E47 and at least 1E-43 in magnitude`);
  }
  return plainText(n);
}

/** The canonical number of `n`; RangeError above 18 significant digits or from 1E47 on. */
export function canonicalFromBigint(n: bigint): string {
  if (n < BIG_MAGNITUDE_END && n > -BIG_MAGNITUDE_END) {
    const text = n.toString();
    if (canonicalExponent(text) !== NOT_CANONICAL) return text;
  }
  throw new RangeError(
    "Use a bigint as a number of M: it has more than 18 significant digits or is 1E47 or more",
  );
}

/** The shortest decimal text of a finite number, without an exponent and without a zero before the point. */
function plainText(n: number): string {
  const text = String(n);
  if (text.includes("e")) return formatDecimal(decimalOfText(text));
  if (text.startsWith("0.")) return text.slice(1);
  return text.startsWith("-0.") ? "-" + text.slice(2) : text;
}

const DECIMAL_ZERO: Decimal = { coefficient: 0n, exponent: 0 };

/** The decimal `coefficient * 10 ** exponent`, its coefficient freed of zeros at the end. */
export function decimal(coefficient: bigint, exponent: number): Decimal {
  if (coefficient === 0n) return DECIMAL_ZERO;
  if (coefficient % 10n !== 0n) return { coefficient, exponent };
  const text = coefficient.toString();
  let end = text.length;
  while (text.charCodeAt(end - 1) === ZERO) end--;
  return { coefficient: BigInt(text.slice(0, end)), exponent: exponent + text.length - end };
}

/**
 * Reads digits with an optional sign, point and exponent, as `String(number)` and canonical numbers have
 * them.
 */
function decimalOfText(text: string): Decimal {
  const mark = text.indexOf("e");
  const mantissa = mark < 0 ? text : text.slice(0, mark);
  const power = mark < 0 ? 0 : Number(text.slice(mark + 1));
  const point = mantissa.indexOf(".");
  if (point < 0) return decimal(BigInt(mantissa), power);
  const digits = mantissa.slice(0, point) + mantissa.slice(point + 1);
  return decimal(BigInt(digits), power - (mantissa.length - point - 1));
}

/** The decimal of a canonical number; undefined for any other text. */
export function parseNumber(text: string): Decimal | undefined {
  return canonicalExponent(text) === NOT_CANONICAL ? undefined : decimalOfText(text);
}

/**
 * The decimal that a finite number stands for in arithmetic: the exact value of an integer, the shortest text
 * of a fraction (0.1 is one tenth). RangeError for NaN and the infinities.
 */
export function decimalFromNumber(n: number): Decimal {
  if (!Number.isFinite(n)) throw new RangeError(`Use ${n} as a decimal`);
  return Number.isInteger(n) ? decimal(BigInt(n), 0) : decimalOfText(String(n));
}

/** The decimal of an integer of any size. */
export function decimalFromBigint(n: bigint): Decimal {
  return decimal(n, 0);
}

/** The number that stands for `value` in arithmetic, or undefined when there is none. */
export function decimalToNumber(value: Decimal): number | undefined {
  const n = Number(`${value.coefficient}e${value.exponent}`);
  if (!Number.isFinite(n)) return undefined;
  const back = decimalFromNumber(n);
  return back.coefficient === value.coefficient && back.exponent === value.exponent ? n : undefined;
}

/** The integer `value` is, or undefined for a fraction. */
export function decimalToBigint(value: Decimal): bigint | undefined {
  return value.exponent < 0 ? undefined : value.coefficient * 10n ** BigInt(value.exponent);
}

/** The shortest plain text of `value`; a canonical number when `value` is within M's digits and magnitude. */
export function formatDecimal(value: Decimal): string {
  const { coefficient, exponent } = value;
  const sign = coefficient < 0n ? "-" : "";
  const digits = (coefficient < 0n ? -coefficient : coefficient).toString();
  if (exponent >= 0) return sign + digits + "0".repeat(exponent);
  const whole = digits.length + exponent;
  if (whole <= 0) return sign + "." + "0".repeat(-whole) + digits;
  return sign + digits.slice(0, whole) + "." + digits.slice(whole);
}

/** The exact sum. */
export function add(a: Decimal, b: Decimal): Decimal {
  if (a.exponent === b.exponent) return decimal(a.coefficient + b.coefficient, a.exponent);
  const low = a.exponent < b.exponent ? a : b;
  const high = low === a ? b : a;
  const scaled = high.coefficient * 10n ** BigInt(high.exponent - low.exponent);
  return decimal(scaled + low.coefficient, low.exponent);
}

/**
 * The number that a string begins with, as M's unary "+" reads it: any run of signs, digits with at most one
 * point, then "E" with an exponent if digits follow it; 0 when there is no digit. "12AB" is 12, "--5" is 5,
 * "1E3" is 1000, "1e3" is 1, " 7" is 0.
 *
 * M cuts a number of more than 18 significant digits, stops with NUMOFLOW from 1E47 on, and reads 0 below
 * 1E-43; here each of the three is `PRECISION`, so that nothing is lost in silence.
 */
export function numericPrefix(text: string): Decimal {
  let at = 0;
  let negative = false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === MINUS) negative = !negative;
    else if (code !== PLUS) break;
  }
  let point = -1;
  let firstNonZero = -1;
  let lastNonZero = -1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === POINT && point < 0) point = at;
    else if (code < ZERO || code > ZERO + 9) break;
    else if (code > ZERO) {
      if (firstNonZero < 0) firstNonZero = at;
      lastNonZero = at;
    }
  }
  if (firstNonZero < 0) return DECIMAL_ZERO;
  const end = point < 0 ? at : point;
  const leading = end - firstNonZero - (firstNonZero < end ? 1 : 0) + exponentSuffix(text, at);
  const digits = text.slice(firstNonZero, lastNonZero + 1).replace(".", "");
  if (digits.length > NUMBER_DIGITS_MAX) throw beyondM(text, "has more than 18 significant digits");
  if (leading > NUMBER_EXPONENT_MAX) throw beyondM(text, "is 1E47 or more");
  if (leading < NUMBER_EXPONENT_MIN) throw beyondM(text, "is below 1E-43");
  const coefficient = BigInt(digits);
  return { coefficient: negative ? -coefficient : coefficient, exponent: leading - digits.length + 1 };
}

/** The value of "E", a sign and digits at `at`, or 0; a long exponent ends at 1000000. */
function exponentSuffix(text: string, at: number): number {
  if (text.charCodeAt(at) !== UPPER_E) return 0;
  const sign = text.charCodeAt(at + 1);
  let exponent = 0;
  for (let i = sign === PLUS || sign === MINUS ? at + 2 : at + 1; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) break;
    exponent = Math.min(exponent * 10 + digit, EXPONENT_SUFFIX_MAX);
  }
  return sign === MINUS ? -exponent : exponent;
}

function beyondM(text: string, found: string): CohortError {
  const shown = text.length > TEXT_SHOWN_CHARS ? text.slice(0, TEXT_SHOWN_CHARS) + "..." : text;
  return new CohortError("PRECISION", `Read the number that "${shown}" begins with: it ${found}`, { found });
}
