/**
 * Values as bytes: a tag, then
 *
 *     1 text, one byte a character (all of U+0000..U+00FF)    2 text in UTF-8
 *     3 safe integer: zigzag varint                            4 any other number: float64, big-endian
 *     5 bigint: sign (0 or 1), magnitude big-endian            6 true    7 false    8 null
 *     9 bytes                                                  10 array or object: CBOR (cbor_encode.ts)
 *
 * Tag 11 stands only in leaves, for a value kept in value blocks (large_value.ts). Every value comes back as
 * it was: -0, 5n beside 5, the order of keys, a key `__proto__`. Buffers come back as Uint8Array. Nothing
 * that has no form is dropped or changed in silence: undefined, functions, symbols and objects of classes are
 * TypeError; NaN, the infinities, lone surrogates and what is too deep or too long RangeError. As in JSON,
 * members that an array has beside its items, and those that do not enumerate, are not looked for.
 */
import { appendMagnitude, magnitudeOf } from "./bigint_bytes.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { cloneBytes, getF64BE, putF64BE } from "./bytes.ts";
import { decodeCbor } from "./cbor_decode.ts";
import { encodeCbor } from "./cbor_encode.ts";
import { CohortError } from "./errors.ts";
import { BIGINT_BYTES_MAX, VALUE_BYTES_MAX } from "./limits.ts";
import { appendAscii, appendLatin1, appendUtf8, isLatin1, latin1Text, utf8Text } from "./text.ts";

/** What a node may hold. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value };

const TAG_LATIN1 = 1;
const TAG_UTF8 = 2;
const TAG_INTEGER = 3;
const TAG_FLOAT = 4;
const TAG_BIGINT = 5;
const TAG_TRUE = 6;
const TAG_FALSE = 7;
const TAG_NULL = 8;
const TAG_BYTES = 9;
const TAG_CBOR = 10;
const INTEGER_BYTES_MAX = 10;
const FLOAT_BYTES = 9;
/** Texts up to here are written by a loop (text.ts has the figures). */
const SHORT_CHARS = 48;
const BIG_BITS_MAX = BigInt(BIGINT_BYTES_MAX * 8);

/**
 * Appends the encoded `value` to `into`; on an error nothing is appended. TypeError and RangeError as above.
 */
export function encodeValue(value: Value, into: ByteWriter): void {
  switch (typeof value) {
    case "string":
      return putText(value, into);
    case "number":
      return putNumber(value, into);
    case "boolean":
      return into.u8(value ? TAG_TRUE : TAG_FALSE);
    case "bigint":
      return putBigint(value, into);
    case "object":
      return putObject(value, into);
    default:
      throw new TypeError(`Encode a value of type ${typeof value}`);
  }
}

function putText(text: string, into: ByteWriter): void {
  const start = into.length;
  const length = text.length;
  if (length >= VALUE_BYTES_MAX) throw tooLong();
  into.u8(TAG_LATIN1);
  // ASCII is the same in both forms, so a text that takes one byte a character is done.
  if (length <= SHORT_CHARS) {
    if (appendAscii(text, into) === length) return;
  } else if (appendUtf8(text, into) && into.length === start + 1 + length) {
    return;
  }
  into.length = start + 1;
  if (isLatin1(text)) return appendLatin1(text, into);
  into.bytes[start] = TAG_UTF8;
  const wellFormed = appendUtf8(text, into);
  if (wellFormed && into.length - start <= VALUE_BYTES_MAX) return;
  into.length = start;
  throw wellFormed ? tooLong() : new RangeError("Encode a string with a lone surrogate");
}

function putNumber(n: number, into: ByteWriter): void {
  if (Number.isSafeInteger(n) && (n !== 0 || 1 / n > 0)) {
    into.ensure(INTEGER_BYTES_MAX);
    into.bytes[into.length++] = TAG_INTEGER;
    putZigzag(n, into);
  } else {
    if (!Number.isFinite(n)) throw new RangeError(`Encode the value ${n}`);
    into.ensure(FLOAT_BYTES);
    into.bytes[into.length] = TAG_FLOAT;
    putF64BE(into.bytes, into.length + 1, n);
    into.length += FLOAT_BYTES;
  }
}

/**
 * 0, -1, 1, -2 .. as 0, 1, 2, 3 .. in a varint; the doubled number can exceed 2^53, so the sign is put apart.
 */
function putZigzag(n: number, into: ByteWriter): void {
  const sign = n < 0 ? 1 : 0;
  const magnitude = n < 0 ? -1 - n : n;
  if (magnitude < 64) {
    into.bytes[into.length++] = magnitude * 2 + sign;
  } else {
    into.bytes[into.length++] = 0x80 | ((magnitude % 64) * 2 + sign);
    into.varint(Math.floor(magnitude / 64));
  }
}

function putBigint(n: bigint, into: ByteWriter): void {
  const magnitude = n < 0n ? -n : n;
  if (magnitude >> BIG_BITS_MAX !== 0n) {
    throw new RangeError(`Encode a bigint of more than ${BIGINT_BYTES_MAX} bytes`);
  }
  into.u8(TAG_BIGINT);
  into.u8(n < 0n ? 1 : 0);
  appendMagnitude(magnitude, into);
}

function putObject(value: object | null, into: ByteWriter): void {
  if (value === null) return into.u8(TAG_NULL);
  const start = into.length;
  if (value instanceof Uint8Array) {
    if (value.length >= VALUE_BYTES_MAX) throw tooLong();
    into.u8(TAG_BYTES);
    into.append(value);
    return;
  }
  into.u8(TAG_CBOR);
  try {
    encodeCbor(value, into);
  } catch (error) {
    into.length = start;
    throw error;
  }
}

function tooLong(): RangeError {
  return new RangeError(`Encode a value of more than ${VALUE_BYTES_MAX} bytes`);
}

/**
 * The value encoded in `bytes[from, to)`, sharing nothing with it; `CORRUPT` for bytes that no value is
 * written as.
 */
export function decodeValue(bytes: Uint8Array, from: number, to: number): Value {
  if (from >= to) throw corrupt("no bytes", from);
  const start = from + 1;
  switch (bytes[from]) {
    case TAG_LATIN1:
      return latin1Text(bytes, start, to);
    case TAG_UTF8:
      return utf8Text(bytes, start, to) ?? malformed("malformed UTF-8", start);
    case TAG_INTEGER:
      return getZigzag(bytes, start, to);
    case TAG_FLOAT:
      return getFloat(bytes, start, to);
    case TAG_BIGINT:
      return getBigint(bytes, start, to);
    case TAG_TRUE:
      return start === to ? true : malformed("bytes after true", start);
    case TAG_FALSE:
      return start === to ? false : malformed("bytes after false", start);
    case TAG_NULL:
      return start === to ? null : malformed("bytes after null", start);
    case TAG_BYTES:
      return cloneBytes(bytes, start, to);
    case TAG_CBOR:
      return decodeCbor(bytes, start, to);
    default:
      throw corrupt(`an unknown tag ${bytes[from]}`, from);
  }
}

function getZigzag(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to) throw corrupt("an integer without bytes", from);
  const first = bytes[from]!;
  const sign = first & 1;
  let magnitude = (first & 0x7e) >> 1;
  let scale = 64;
  let at = from + 1;
  let last = first;
  while (last > 0x7f) {
    if (at >= to || at - from > 7) throw corrupt("an integer without an end", at);
    last = bytes[at++]!;
    magnitude += (last & 0x7f) * scale;
    scale *= 128;
  }
  const n = sign === 0 ? magnitude : -1 - magnitude;
  if (at !== to || (last === 0 && at - from > 1) || !Number.isSafeInteger(n)) {
    throw corrupt("no safe integer", from);
  }
  return n;
}

function getFloat(bytes: Uint8Array, from: number, to: number): number {
  if (to - from !== 8) throw corrupt("a float that is not 8 bytes", from);
  const n = getF64BE(bytes, from);
  if (!Number.isFinite(n)) throw corrupt("a float that is no finite number", from);
  if (Number.isSafeInteger(n) && !Object.is(n, -0)) throw corrupt("an integer written as a float", from);
  return n;
}

function getBigint(bytes: Uint8Array, from: number, to: number): bigint {
  const sign = bytes[from]!;
  const start = from + 1;
  if (from >= to || sign > 1 || to - start > BIGINT_BYTES_MAX) throw corrupt("no bigint", from);
  if (start === to ? sign === 1 : bytes[start] === 0) {
    throw corrupt("a bigint not in its shortest form", from);
  }
  const magnitude = magnitudeOf(bytes, start, to);
  return sign === 1 ? -magnitude : magnitude;
}

function malformed(found: string, position: number): never {
  throw corrupt(found, position);
}

function corrupt(found: string, position: number): CohortError {
  return new CohortError("CORRUPT", `Decode a value: ${found} at byte ${position}`, { position, found });
}
