/**
 * A growable scratch for encoders: written from the front, reused by setting `length` back.
 *
 * What `bytes` holds below `length` is the output; the array is replaced when it grows, so a caller takes
 * `bytes` after the last write and copies what must outlive the next use.
 */
import { copyBytes, NO_BYTES, putU16, putU32, putU48 } from "./bytes.ts";

/** Most bytes of a varint: 53 bits in groups of seven. */
export const VARINT_BYTES_MAX = 8;

const VARINT_SMALL_MAX = 0x7fff_ffff;

/** Growable byte scratch with little-endian integers. */
export class ByteWriter {
  /** The scratch; replaced when it grows. Never assigned from outside: a view of it is kept. */
  bytes: Uint8Array;
  /** Bytes written so far; set it to 0 to start over. */
  length: number;
  #rest: Uint8Array = NO_BYTES;
  #restFrom: number = -1;

  constructor(capacityBytes: number = 256) {
    this.bytes = capacityBytes === 0 ? NO_BYTES : new Uint8Array(capacityBytes);
    this.length = 0;
  }

  /** Makes room for `count` more bytes, so that a caller may write to `bytes` at `length` itself. */
  ensure(count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(this.length + count);
  }

  /** Appends one byte. */
  u8(value: number): void {
    this.ensure(1);
    this.bytes[this.length++] = value;
  }

  /** Appends an unsigned 16-bit integer. */
  u16(value: number): void {
    this.ensure(2);
    putU16(this.bytes, this.length, value);
    this.length += 2;
  }

  /** Appends an unsigned 32-bit integer. */
  u32(value: number): void {
    this.ensure(4);
    putU32(this.bytes, this.length, value);
    this.length += 4;
  }

  /** Appends an unsigned 48-bit integer. */
  u48(value: number): void {
    this.ensure(6);
    putU48(this.bytes, this.length, value);
    this.length += 6;
  }

  /**
   * Appends a non-negative safe integer in groups of seven bits, lowest first, top bit set on all but the
   * last.
   */
  varint(value: number): void {
    this.ensure(VARINT_BYTES_MAX);
    const bytes = this.bytes;
    let at = this.length;
    let rest = value;
    while (rest > VARINT_SMALL_MAX) {
      bytes[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.length = at;
  }

  /** Appends `source[from, to)`. */
  append(source: Uint8Array, from: number = 0, to: number = source.length): void {
    this.ensure(to - from);
    copyBytes(source, from, to, this.bytes, this.length);
    this.length += to - from;
  }

  /**
   * The room after `length` (what `ensure` made, or more) as a view. The view is kept for the next call at
   * the same length: making one costs as much as encoding a short text into it.
   */
  rest(): Uint8Array {
    if (this.#restFrom !== this.length) {
      this.#rest = this.bytes.subarray(this.length);
      this.#restFrom = this.length;
    }
    return this.#rest;
  }

  /** Starts over with a scratch of `capacityBytes`: lets go of the memory that one big output took. */
  restart(capacityBytes: number): void {
    this.bytes = new Uint8Array(capacityBytes);
    this.length = 0;
    this.#restFrom = -1;
  }

  /** A copy of what was written. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2, 64));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.#restFrom = -1;
  }
}
