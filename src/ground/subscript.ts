/**
 * One subscript as bytes, without the 0x00 that ends it in a key.
 *
 *     zero        80
 *     positive    BF + exponent of the leading digit (94..ED), then digit pairs, each its BCD byte + 1
 *     negative    the complement of that (6B..12), then FF
 *     string      FF, then UTF-8 with 00 written as 01 01 and 01 as 01 02
 *
 * The digits start at the leading one and end before the zeros at the end, an odd one filled up with 0. So
 * 12345 is C3 13 35 51, and memcmp orders numbers by value, then strings by code point: M's collation (that
 * of UTF-16 units, as JavaScript's `<` has it, puts U+10000 before U+E000; M's does not). No byte is 00, so
 * it can end a subscript.
 *
 * A string that equals its canonical number *is* that number: "12" and 12 and 12n are one subscript, "012"
 * another. Reading gives back a number when it stands for just this decimal (|n| <= 2^53 for integers), else
 * a bigint for an integer, else the canonical number as a string, which encodes to the same bytes again.
 */
import { canonicalExponent, canonicalFromBigint, canonicalFromNumber } from "./decimal.ts";
import { EXPONENT_OF_ZERO, NOT_CANONICAL, NUMBER_EXPONENT_MAX, NUMBER_EXPONENT_MIN } from "./decimal.ts";
import { CohortError } from "./errors.ts";
import { KEY_BYTES_MAX } from "./limits.ts";
import { latin1Text, utf8Text } from "./text.ts";

/** A subscript as users give and get it; see the table in decimal.ts for what each number becomes. */
export type Subscript = string | number | bigint;

/** Most bytes a number takes: exponent, nine pairs, FF. */
export const NUMBER_BYTES_MAX = 11;

/** First byte of every string. */
export const STRING_MARK = 0xff;
/** The byte of zero. */
const ZERO_MARK = 0x80;
/** Exponent byte of a positive number of one digit before the point. */
const EXPONENT_BIAS = 0xbf;
const POSITIVE_FIRST = EXPONENT_BIAS + NUMBER_EXPONENT_MIN;
const POSITIVE_LAST = EXPONENT_BIAS + NUMBER_EXPONENT_MAX;
const NEGATIVE_FIRST = 0xff - POSITIVE_LAST;
const NEGATIVE_LAST = 0xff - POSITIVE_FIRST;
const NEGATIVE_END = 0xff;
const ESCAPE = 0x01;
const DIGIT_ZERO = 0x30;
const DIGIT_NINE = 0x39;
const MINUS = 0x2d;
const HALF_INTEGER = 100_000_000;
const SAFE_DIGITS = 15;
const BIG_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Byte of a digit pair 0..99, and the pair of a byte (255 for none). */
const PAIR_BYTE: Uint8Array = new Uint8Array(100);
const BYTE_PAIR: Uint8Array = new Uint8Array(256).fill(255);
for (let pair = 0; pair < 100; pair++) {
  PAIR_BYTE[pair] = Math.floor(pair / 10) * 16 + (pair % 10) + 1;
  BYTE_PAIR[PAIR_BYTE[pair]!] = pair;
}

/** Powers of ten that a double holds exactly. */
const POWER: Float64Array = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/**
 * Writes `subscript` to `into` at `at` and returns the index after it. `index` is its place in the reference,
 * for messages. TypeError for another type; RangeError for "", NaN, the infinities, numbers that M has none
 * for, a lone surrogate, or no room in `into`.
 */
export function putSubscript(subscript: Subscript, into: Uint8Array, at: number, index: number): number {
  if (typeof subscript === "string") return putString(subscript, into, at, index);
  if (at + NUMBER_BYTES_MAX > into.length) throw keyTooLong();
  if (typeof subscript === "number") return putNumber(subscript, into, at);
  if (typeof subscript === "bigint") return putBigint(subscript, into, at);
  throw new TypeError(`Encode subscript ${index} of type ${subscript === null ? "null" : typeof subscript}`);
}

/** The error for more encoded bytes than a key may have. */
export function keyTooLong(): RangeError {
  return new RangeError(`Encode subscripts of more than ${KEY_BYTES_MAX} bytes`);
}

function putNumber(n: number, into: Uint8Array, at: number): number {
  if (n < HALF_INTEGER && n > 0 && (n | 0) === n) return putSmallInteger(n, into, at);
  if (n === 0) {
    into[at] = ZERO_MARK;
    return at + 1;
  }
  const magnitude = n < 0 ? -n : n;
  if (magnitude <= Number.MAX_SAFE_INTEGER && Math.floor(magnitude) === magnitude) {
    const end = putInteger(magnitude, into, at);
    return n < 0 ? complement(into, at, end) : end;
  }
  const text = canonicalFromNumber(n);
  return putDigits(text, canonicalExponent(text), into, at);
}

/** Writes 1..99,999,999. */
function putSmallInteger(n: number, into: Uint8Array, at: number): number {
  // Digits less one: the exponent. An odd count of digits is made even by a zero at the end.
  const exponent = n < 10000
    ? (n < 100 ? (n < 10 ? 0 : 1) : (n < 1000 ? 2 : 3))
    : (n < 1000000 ? (n < 100000 ? 4 : 5) : (n < 10000000 ? 6 : 7));
  let rest = (exponent & 1) === 0 ? n * 10 : n;
  let pairs = (exponent >> 1) + 1;
  let quotient = (rest / 100) | 0;
  while (rest === quotient * 100) {
    rest = quotient;
    quotient = (rest / 100) | 0;
    pairs--;
  }
  into[at] = EXPONENT_BIAS + exponent;
  for (let i = at + pairs; i > at; i--) {
    quotient = (rest / 100) | 0;
    into[i] = PAIR_BYTE[rest - quotient * 100]!;
    rest = quotient;
  }
  return at + pairs + 1;
}

/** Writes an integer of 1..2^53 - 1 as positive. */
function putInteger(n: number, into: Uint8Array, at: number): number {
  if (n < HALF_INTEGER) return putSmallInteger(n, into, at);
  let exponent = 8;
  while (exponent < SAFE_DIGITS && n >= POWER[exponent + 1]!) exponent++;
  // Even beyond 2^53 this is exact: 15 digits and a zero are an even number below 2^54.
  const even = (exponent & 1) === 0 ? n * 10 : n;
  let high = Math.floor(even / HALF_INTEGER);
  let low = even - high * HALF_INTEGER;
  const pairs = (exponent >> 1) + 1;
  into[at] = EXPONENT_BIAS + exponent;
  for (let i = at + pairs; i > at + pairs - 4; i--) {
    const quotient = (low / 100) | 0;
    into[i] = PAIR_BYTE[low - quotient * 100]!;
    low = quotient;
  }
  for (let i = at + pairs - 4; i > at; i--) {
    const quotient = (high / 100) | 0;
    into[i] = PAIR_BYTE[high - quotient * 100]!;
    high = quotient;
  }
  let end = at + pairs + 1;
  while (into[end - 1] === PAIR_BYTE[0]) end--;
  return end;
}

function putBigint(n: bigint, into: Uint8Array, at: number): number {
  if (n <= BIG_SAFE && n >= -BIG_SAFE) return putNumber(Number(n), into, at);
  const text = canonicalFromBigint(n);
  return putDigits(text, canonicalExponent(text), into, at);
}

/** Writes a canonical number whose leading digit stands at `exponent`. */
function putDigits(text: string, exponent: number, into: Uint8Array, at: number): number {
  if (exponent === EXPONENT_OF_ZERO) {
    into[at] = ZERO_MARK;
    return at + 1;
  }
  into[at] = EXPONENT_BIAS + exponent;
  let end = at + 1;
  let high = -1;
  let started = false;
  for (let i = 0; i < text.length && end - at <= 9; i++) {
    const digit = text.charCodeAt(i) - DIGIT_ZERO;
    if (digit < 0) continue; // sign or point
    started ||= digit > 0;
    if (!started) continue;
    if (high < 0) high = digit;
    else {
      into[end++] = PAIR_BYTE[high * 10 + digit]!;
      high = -1;
    }
  }
  if (high >= 0) into[end++] = PAIR_BYTE[high * 10]!;
  while (into[end - 1] === PAIR_BYTE[0]) end--;
  return text.charCodeAt(0) === MINUS ? complement(into, at, end) : end;
}

function complement(into: Uint8Array, at: number, end: number): number {
  for (let i = at; i < end; i++) into[i] = ~into[i]!;
  into[end] = NEGATIVE_END;
  return end + 1;
}

function putString(text: string, into: Uint8Array, at: number, index: number): number {
  const length = text.length;
  if (length === 0) throw new RangeError(`Encode subscript ${index}: an empty string is no subscript`);
  const first = text.charCodeAt(0);
  if (first <= DIGIT_NINE && first >= MINUS) {
    const exponent = canonicalExponent(text);
    if (exponent !== NOT_CANONICAL) {
      if (at + NUMBER_BYTES_MAX > into.length) throw keyTooLong();
      return putDigits(text, exponent, into, at);
    }
  }
  if (at + length + 1 > into.length) throw keyTooLong();
  into[at] = STRING_MARK;
  const base = at + 1;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f || code < 2) return putWide(text, i, into, base + i, index);
    into[base + i] = code;
  }
  return base + length;
}

/** Writes `text` from character `from` on, with escapes and in UTF-8. */
function putWide(text: string, from: number, into: Uint8Array, at: number, index: number): number {
  let end = at;
  for (let i = from; i < text.length; i++) {
    if (end + 4 > into.length) throw keyTooLong();
    let code = text.charCodeAt(i);
    if (code < 2) {
      into[end++] = ESCAPE;
      into[end++] = code + 1;
    } else if (code < 0x80) {
      into[end++] = code;
    } else if (code < 0x800) {
      into[end++] = 0xc0 | (code >> 6);
      into[end++] = 0x80 | (code & 0x3f);
    } else if (code < 0xd800 || code > 0xdfff) {
      into[end++] = 0xe0 | (code >> 12);
      into[end++] = 0x80 | ((code >> 6) & 0x3f);
      into[end++] = 0x80 | (code & 0x3f);
    } else {
      const low = code < 0xdc00 && i + 1 < text.length ? text.charCodeAt(++i) : 0;
      if (low < 0xdc00 || low > 0xdfff) {
        throw new RangeError(
          `Encode subscript ${index}: a lone surrogate at character ${low === 0 ? i : i - 1}`,
        );
      }
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      into[end++] = 0xf0 | (code >> 18);
      into[end++] = 0x80 | ((code >> 12) & 0x3f);
      into[end++] = 0x80 | ((code >> 6) & 0x3f);
      into[end++] = 0x80 | (code & 0x3f);
    }
  }
  return end;
}

/** Reads the subscript in `bytes[from, to)`; `CORRUPT` for bytes that no subscript is written as. */
export function getSubscript(bytes: Uint8Array, from: number, to: number): Subscript {
  const mark = bytes[from]!;
  if (mark !== STRING_MARK) return getNumber(bytes, from, to);
  const start = from + 1;
  if (start >= to) throw corrupt(from, "an empty string");
  let plain = true;
  for (let i = start; i < to; i++) {
    const byte = bytes[i]!;
    if (byte < 2 || byte > 0x7f) {
      plain = false;
      break;
    }
  }
  const text = plain ? latin1Text(bytes, start, to) : wideText(bytes, start, to);
  const first = bytes[start]!;
  if (first <= DIGIT_NINE && first >= MINUS && canonicalExponent(text) !== NOT_CANONICAL) {
    throw corrupt(from, "a number written as a string");
  }
  return text;
}

function wideText(bytes: Uint8Array, from: number, to: number): string {
  let text: string | undefined;
  if (bytes.subarray(from, to).includes(ESCAPE)) {
    const plain = new Uint8Array(to - from);
    let length = 0;
    for (let i = from; i < to; i++) {
      let byte = bytes[i]!;
      if (byte === ESCAPE) {
        byte = (i + 1 < to ? bytes[++i]! : 0) - 1;
        if (byte !== 0 && byte !== 1) throw corrupt(i, "a bad escape");
      }
      plain[length++] = byte;
    }
    text = utf8Text(plain, 0, length);
  } else {
    text = utf8Text(bytes, from, to);
  }
  if (text === undefined) throw corrupt(from, "malformed UTF-8");
  return text;
}

function getNumber(bytes: Uint8Array, from: number, to: number): Subscript {
  const mark = bytes[from]!;
  if (mark === ZERO_MARK) {
    if (to - from !== 1) throw corrupt(from, "bytes after zero");
    return 0;
  }
  const negative = mark < ZERO_MARK;
  const flip = negative ? 0xff : 0;
  const end = negative ? to - 1 : to;
  const known = negative
    ? mark >= NEGATIVE_FIRST && mark <= NEGATIVE_LAST && bytes[end] === NEGATIVE_END
    : mark >= POSITIVE_FIRST && mark <= POSITIVE_LAST;
  const pairs = end - from - 1;
  if (!known || pairs < 1 || pairs > 9) throw corrupt(from, "no number");
  let digits = 0;
  let pair = 0;
  for (let i = from + 1; i < end; i++) {
    pair = BYTE_PAIR[bytes[i]! ^ flip]!;
    if (pair > 99 || (i === from + 1 && pair < 10)) throw corrupt(i, "no digits of a number");
    digits = digits * 100 + pair;
  }
  if (pair === 0) throw corrupt(end - 1, "a number ending in zeros");
  const exponent = (mark ^ flip) - EXPONENT_BIAS;
  const scale = exponent + 1 - 2 * pairs;
  // Up to 14 digits and a power of ten below 10^23 are exact doubles: one operation, correctly rounded, gives
  // the double that the decimal stands for, and no two decimals of up to 15 digits share one.
  if (pairs <= 7 && scale >= -22 && exponent < SAFE_DIGITS) {
    const n = scale < 0 ? digits / POWER[-scale]! : digits * POWER[scale]!;
    return negative ? -n : n;
  }
  return fromCanonical(numberText(bytes, from + 1, end, flip, exponent));
}

/** The canonical number of the digit pairs in `bytes[from, to)`. */
function numberText(bytes: Uint8Array, from: number, to: number, flip: number, exponent: number): string {
  let digits = "";
  for (let i = from; i < to; i++) digits += String(BYTE_PAIR[bytes[i]! ^ flip]! + 100).slice(1);
  if (digits.endsWith("0")) digits = digits.slice(0, -1);
  const sign = flip === 0 ? "" : "-";
  if (exponent < 0) return sign + "." + "0".repeat(-exponent - 1) + digits;
  const whole = exponent + 1;
  if (digits.length <= whole) return sign + digits + "0".repeat(whole - digits.length);
  return sign + digits.slice(0, whole) + "." + digits.slice(whole);
}

/**
 * What a canonical number is given back as: a number if that is exact, a bigint for an integer, else the
 * text.
 */
export function fromCanonical(text: string): Subscript {
  const n = Number(text);
  if (text.includes(".")) return canonicalFromNumber(n) === text ? n : text;
  return n <= 2 ** 53 && n >= -(2 ** 53) && String(n) === text ? n : BigInt(text);
}

function corrupt(position: number, found: string): CohortError {
  return new CohortError("CORRUPT", `Decode a subscript: ${found} at byte ${position}`, { position, found });
}
