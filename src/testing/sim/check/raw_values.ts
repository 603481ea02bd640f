/** Stored keys and values read a second time, from the byte layout alone: nothing here is the engine's. */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** Text of a stored key: as `textOfKey` writes it. Throws an `Error` for bytes that no key is written as. */
export function textOfStoredKey(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let from = 0; from < bytes.length;) {
    const to = bytes.indexOf(0, from);
    if (to < 0) throw new Error("a key does not end with 00");
    parts.push(textOfSubscript(bytes.subarray(from, to)));
    from = to + 1;
  }
  return parts.join(",");
}

function textOfSubscript(bytes: Uint8Array): string {
  const mark = bytes[0];
  if (mark === undefined) throw new Error("an empty subscript");
  if (mark === 0xff) {
    const plain: number[] = [];
    for (let i = 1; i < bytes.length; i++) {
      if (bytes[i] === 1) plain.push((bytes[++i] as number) - 1);
      else plain.push(bytes[i] as number);
    }
    return JSON.stringify(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(plain)),
    );
  }
  if (mark === 0x80) return "0";
  return mark > 0x80 ? decimalText(bytes) : `-${decimalText(bytes.slice(0, -1).map((byte) => 255 - byte))}`;
}

/** A positive number: exponent byte (0xBF for one digit before the point), then digit pairs as BCD + 1. */
function decimalText(bytes: Uint8Array): string {
  const whole = (bytes[0] as number) - 0xbf + 1;
  let digits = "";
  for (let i = 1; i < bytes.length; i++) digits += ((bytes[i] as number) - 1).toString(16).padStart(2, "0");
  digits = digits.replace(/0+$/, "");
  if (!/^[1-9][0-9]*$/.test(digits)) throw new Error(`digits ${digits} of a number`);
  if (whole <= 0) return `.${"0".repeat(-whole)}${digits}`;
  if (digits.length <= whole) return digits.padEnd(whole, "0");
  return `${digits.slice(0, whole)}.${digits.slice(whole)}`;
}

/** A value as `decode` gives it, or where a large one lies. */
export type StoredValue = { readonly value: unknown } | {
  readonly length: number;
  readonly checksum: number;
  readonly blocks: readonly number[];
};

/** Reads an encoded value. Throws an `Error` for bytes that no value is written as. */
export function readStoredValue(bytes: Uint8Array): StoredValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = bytes.subarray(1);
  switch (bytes[0]) {
    case 1:
      return { value: Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1") };
    case 2:
      return { value: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body) };
    case 3:
      return { value: zigzag(body) };
    case 4:
      return { value: view.getFloat64(1) };
    case 5:
      return { value: bytes[1] === 1 ? -magnitude(bytes.subarray(2)) : magnitude(bytes.subarray(2)) };
    case 6:
      return { value: true };
    case 7:
      return { value: false };
    case 8:
      return { value: null };
    case 9:
      return { value: body.slice() };
    case 10:
      return { value: new CborReader(body).whole() };
    case 11: {
      const blocks: number[] = [];
      for (let at = 9; at + 4 <= bytes.length; at += 4) blocks.push(view.getUint32(at, true));
      return { length: view.getUint32(1, true), checksum: view.getUint32(5, true), blocks };
    }
    default:
      throw new Error(`a value of tag ${bytes[0]}`);
  }
}

/** True when the bytes of a large value are the ones its entry names. */
export function isWholeLarge(bytes: Uint8Array, length: number, checksum: number): boolean {
  return bytes.length === length && crc32(bytes) === checksum;
}

function zigzag(bytes: Uint8Array): number {
  let n = 0n;
  bytes.forEach((byte, i) => (n |= BigInt(byte & 0x7f) << BigInt(7 * i)));
  return Number(n % 2n === 0n ? n / 2n : -(n + 1n) / 2n);
}

function magnitude(bytes: Uint8Array): bigint {
  let n = 0n;
  for (const byte of bytes) n = n * 256n + BigInt(byte);
  return n;
}

/** The part of CBOR (RFC 8949) that values use: definite lengths, no tags but those of big integers. */
class CborReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  whole(): unknown {
    const value = this.#item();
    if (this.#at !== this.#bytes.length) throw new Error("bytes behind a CBOR value");
    return value;
  }

  #item(): unknown {
    const first = this.#bytes[this.#at++] as number;
    const major = first >> 5;
    if (major === 7) return this.#simple(first & 31);
    const argument = this.#argument(first & 31);
    const count = Number(argument);
    // Eight bytes are a bigint, however small.
    const wide = (first & 31) === 27;
    if (major === 0) return wide ? argument : count;
    if (major === 1) return wide ? -1n - argument : -1 - count;
    if (major === 2) return this.#take(count).slice();
    if (major === 3) {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.#take(count));
    }
    if (major === 4) return Array.from({ length: count }, () => this.#item());
    if (major === 5) {
      const object: Record<string, unknown> = {};
      for (let i = 0; i < count; i++) {
        const name = this.#item() as string;
        const value = this.#item();
        Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
      }
      return object;
    }
    const inner = this.#item() as Uint8Array;
    if (count === 2) return magnitude(inner);
    if (count === 3) return -1n - magnitude(inner);
    throw new Error(`CBOR tag ${count}`);
  }

  #simple(kind: number): unknown {
    if (kind === 20 || kind === 21) return kind === 21;
    if (kind === 22) return null;
    const at = this.#at;
    if (kind === 26) {
      this.#at += 4;
      return this.#view.getFloat32(at);
    }
    if (kind === 27) {
      this.#at += 8;
      return this.#view.getFloat64(at);
    }
    throw new Error(`CBOR simple value ${kind}`);
  }

  #argument(kind: number): bigint {
    if (kind < 24) return BigInt(kind);
    const size = 2 ** (kind - 24);
    const at = this.#at;
    this.#at += size;
    if (size === 1) return BigInt(this.#view.getUint8(at));
    if (size === 2) return BigInt(this.#view.getUint16(at));
    if (size === 4) return BigInt(this.#view.getUint32(at));
    return this.#view.getBigUint64(at);
  }

  #take(count: number): Uint8Array {
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}
