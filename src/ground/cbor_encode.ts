/**
 * Arrays and objects as CBOR (RFC 8949), one spelling for each value.
 *
 *     0, 1     integers of -2^32 .. 2^32 - 1 in the shortest form; eight bytes are a bigint within 64 bits
 *     2        bytes              3        text          all lengths definite and in the shortest form
 *     4        array              5        object, keys are texts, in the order of Object.keys
 *     6        tags 2 and 3: a bigint beyond 64 bits
 *     7        false, true, null, and float64 for every other number (-0 too)
 *
 * This is what cbor-x writes with records and structures off, so it reads these bytes and we read its; the
 * tests hold both. It is not used for stored values because it writes -0 as 0, renames a key `__proto__`,
 * replaces malformed UTF-8, takes seconds over a 100 kB bigint, and needs a walk beside it for every check
 * below; one strict pass costs less than the library alone. (cbor_decode.ts has the figures.)
 *
 * What has no form is refused with its path inside the value: undefined (holes of arrays too), functions,
 * symbols, symbol keys, Map, Set, Date, RegExp, typed arrays other than Uint8Array, instances of classes:
 * TypeError. NaN, the infinities, lone surrogates, nesting beyond VALUE_DEPTH_MAX, more bytes than
 * VALUE_BYTES_MAX: RangeError.
 */
import { appendMagnitude } from "./bigint_bytes.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { putF64BE, putU64BE } from "./bytes.ts";
import { BIGINT_BYTES_MAX, VALUE_BYTES_MAX, VALUE_DEPTH_MAX } from "./limits.ts";
import { appendAscii, appendUtf8 } from "./text.ts";

/** Major types, shifted to their place. */
const UNSIGNED = 0x00;
const NEGATIVE = 0x20;
const BYTES = 0x40;
const TEXT = 0x60;
const ARRAY = 0x80;
const MAP = 0xa0;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const FLOAT64 = 0xfb;
const BIG_POSITIVE = 0xc2;
const BIG_NEGATIVE = 0xc3;
const ONE_BYTE = 24;
const EIGHT_BYTES = 27;
const U32_MAX = 0xffff_ffff;
const U64_END = 1n << 64n;

/** Where the walk is: the keys from the root down. Kept for messages only. */
const path: (string | number)[] = new Array(VALUE_DEPTH_MAX + 1).fill(0);
let root: unknown;
let start = 0;
let busy = false;

/** Appends an array or object; on an error nothing is appended. Errors as above. */
export function encodeCbor(value: object, writer: ByteWriter): void {
  // The path and the caller's scratch are shared, so a getter of the value must not come back here.
  if (busy) throw new TypeError("Encode a value from a getter of the value being encoded");
  const from = writer.length;
  busy = true;
  root = value;
  start = from;
  try {
    putContainer(value, writer, 0);
    if (writer.length - from >= VALUE_BYTES_MAX) throw tooLong();
  } catch (error) {
    writer.length = from;
    throw error;
  } finally {
    busy = false;
    root = undefined;
  }
}

function putItem(value: unknown, writer: ByteWriter, depth: number): void {
  switch (typeof value) {
    case "string":
      return putText(value, writer, depth);
    case "number":
      return putNumber(value, writer, depth);
    case "boolean":
      return writer.u8(value ? TRUE : FALSE);
    case "bigint":
      return putBigint(value, writer, depth);
    case "object":
      return value === null ? writer.u8(NULL) : putContainer(value, writer, depth);
    default:
      throw new TypeError(`Encode ${typeof value} at ${place(depth)}`);
  }
}

/** The length is looked at after each item: one text a million times in an array would fill the memory. */
function putContainer(value: object, writer: ByteWriter, depth: number): void {
  if (writer.length - start >= VALUE_BYTES_MAX) throw tooLong();
  if (Array.isArray(value)) {
    if (depth >= VALUE_DEPTH_MAX) throw tooDeep(depth);
    const length = value.length;
    putHead(ARRAY, length, writer);
    for (let i = 0; i < length; i++) {
      path[depth] = i;
      putItem(value[i], writer, depth + 1);
      if (writer.length - start > VALUE_BYTES_MAX) throw tooLong();
    }
  } else if (isPlain(value)) {
    if (depth >= VALUE_DEPTH_MAX) throw tooDeep(depth);
    if (Object.getOwnPropertySymbols(value).length > 0) {
      throw new TypeError(`Encode an object with symbol keys at ${place(depth)}`);
    }
    const keys = Object.keys(value);
    putHead(MAP, keys.length, writer);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      path[depth] = key;
      putText(key, writer, depth + 1);
      putItem(value[key], writer, depth + 1);
      if (writer.length - start > VALUE_BYTES_MAX) throw tooLong();
    }
  } else if (value instanceof Uint8Array) {
    if (value.length > VALUE_BYTES_MAX) throw tooLong();
    putHead(BYTES, value.length, writer);
    writer.append(value);
  } else {
    throw new TypeError(`Encode ${kindOf(value)} at ${place(depth)}`);
  }
}

/** An object literal of any realm, or one without a prototype; not the instance of a class. */
function isPlain(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function putText(text: string, writer: ByteWriter, depth: number): void {
  const from = writer.length;
  const length = text.length;
  if (length < ONE_BYTE) {
    writer.u8(TEXT + length);
    if (appendAscii(text, writer) === length) return;
    writer.length = from;
  }
  if (length > VALUE_BYTES_MAX) throw tooLong();
  // Most texts are ASCII: the head is written for that, and the text moved if it turns out longer.
  putHead(TEXT, length, writer);
  const body = writer.length;
  if (!appendUtf8(text, writer)) throw new RangeError(`Encode a lone surrogate at ${place(depth)}`);
  const size = writer.length - body;
  if (size === length) return;
  const end = from + headBytes(size);
  writer.ensure(end - body);
  writer.bytes.copyWithin(end, body, body + size);
  writer.length = from;
  putHead(TEXT, size, writer);
  writer.length = end + size;
}

function putNumber(n: number, writer: ByteWriter, depth: number): void {
  if (n >= 0 && n <= U32_MAX && n >>> 0 === n && (n !== 0 || 1 / n > 0)) return putHead(UNSIGNED, n, writer);
  if (n < 0 && n >= -U32_MAX - 1 && Math.floor(n) === n) return putHead(NEGATIVE, -1 - n, writer);
  if (!Number.isFinite(n)) throw new RangeError(`Encode ${n} at ${place(depth)}`);
  writer.u8(FLOAT64);
  writer.ensure(8);
  putF64BE(writer.bytes, writer.length, n);
  writer.length += 8;
}

function putBigint(n: bigint, writer: ByteWriter, depth: number): void {
  const magnitude = n < 0n ? -1n - n : n;
  if (magnitude < U64_END) {
    writer.u8((n < 0n ? NEGATIVE : UNSIGNED) + EIGHT_BYTES);
    writer.ensure(8);
    putU64BE(writer.bytes, writer.length, magnitude);
    writer.length += 8;
    return;
  }
  if (magnitude >> BigInt(BIGINT_BYTES_MAX * 8) !== 0n) {
    throw new RangeError(`Encode a bigint of more than ${BIGINT_BYTES_MAX} bytes at ${place(depth)}`);
  }
  writer.u8(n < 0n ? BIG_NEGATIVE : BIG_POSITIVE);
  const from = writer.length;
  const count = appendMagnitude(magnitude, writer);
  writer.ensure(headBytes(count));
  writer.bytes.copyWithin(from + headBytes(count), from, from + count);
  writer.length = from;
  putHead(BYTES, count, writer);
  writer.length += count;
}

function headBytes(n: number): number {
  return n < ONE_BYTE ? 1 : n <= 0xff ? 2 : n <= 0xffff ? 3 : 5;
}

/** Writes a major type and its length or value in the shortest form. */
function putHead(major: number, n: number, writer: ByteWriter): void {
  writer.ensure(5);
  const { bytes } = writer;
  const at = writer.length;
  if (n < ONE_BYTE) {
    bytes[at] = major + n;
    writer.length = at + 1;
  } else if (n <= 0xff) {
    bytes[at] = major + ONE_BYTE;
    bytes[at + 1] = n;
    writer.length = at + 2;
  } else if (n <= 0xffff) {
    bytes[at] = major + ONE_BYTE + 1;
    bytes[at + 1] = n >>> 8;
    bytes[at + 2] = n;
    writer.length = at + 3;
  } else {
    bytes[at] = major + ONE_BYTE + 2;
    bytes[at + 1] = n >>> 24;
    bytes[at + 2] = n >>> 16;
    bytes[at + 3] = n >>> 8;
    bytes[at + 4] = n;
    writer.length = at + 5;
  }
}

function kindOf(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" ? `an object of class ${name}` : "an object of a class";
}

/** Where the walk stands at `depth`, as one would write it: value.address[2]. */
function place(depth: number): string {
  let text = "value";
  for (let i = 0; i < depth; i++) {
    const step = path[i]!;
    if (typeof step === "number") text += `[${step}]`;
    else text += IDENTIFIER.test(step) ? `.${step}` : `[${JSON.stringify(step.slice(0, STEP_SHOWN_CHARS))}]`;
  }
  return text.length <= PLACE_SHOWN_CHARS ? text : `value...${text.slice(-PLACE_SHOWN_CHARS)}`;
}

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]{0,39}$/;
const STEP_SHOWN_CHARS = 40;
const PLACE_SHOWN_CHARS = 200;

/**
 * The error for one container too many: a cycle always gets here, and shows in the first container that is
 * met twice.
 */
function tooDeep(depth: number): Error {
  const ancestors: unknown[] = [root];
  for (let i = 1; i <= depth; i++) {
    const container = (ancestors[i - 1] as Record<string | number, unknown>)[path[i - 1]!];
    const first = ancestors.indexOf(container);
    if (first >= 0) return new TypeError(`Encode a cyclic object: ${place(i)} is ${place(first)}`);
    ancestors.push(container);
  }
  return new RangeError(`Encode a value nested more than ${VALUE_DEPTH_MAX} deep`);
}

function tooLong(): RangeError {
  return new RangeError(`Encode a value of more than ${VALUE_BYTES_MAX} bytes`);
}
