/**
 * Reads untrusted bytes: every read is bounds-checked and a failure is `CORRUPT` with the position.
 */
import { getU16, getU32, getU48 } from "./bytes.ts";
import { CohortError } from "./errors.ts";

/** Reader over `bytes[from, to)`, little-endian; its position rises and never leaves the range. */
export class ByteReader {
  /** The bytes read from; positions are indexes of it. */
  readonly bytes: Uint8Array;
  /** Index of the first byte after the range. */
  readonly end: number;
  /** Index of the next byte. */
  position: number;
  readonly #what: string;

  /** `what` names the thing read ("Journal record") in the messages. */
  constructor(bytes: Uint8Array, what: string, from: number = 0, to: number = bytes.length) {
    if (!(from >= 0 && from <= to && to <= bytes.length)) {
      throw new RangeError(`Read ${what} from [${from}, ${to}) of ${bytes.length} bytes`);
    }
    this.bytes = bytes;
    this.end = to;
    this.position = from;
    this.#what = what;
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** Reads one byte. */
  u8(): number {
    return this.bytes[this.#take(1)]!;
  }

  /** Reads an unsigned 16-bit integer. */
  u16(): number {
    return getU16(this.bytes, this.#take(2));
  }

  /** Reads an unsigned 32-bit integer. */
  u32(): number {
    return getU32(this.bytes, this.#take(4));
  }

  /** Reads an unsigned 48-bit integer. */
  u48(): number {
    return getU48(this.bytes, this.#take(6));
  }

  /**
   * Reads a varint as `ByteWriter.varint` writes it; a longer spelling or one above 2^53 - 1 is `CORRUPT`.
   */
  varint(): number {
    const start = this.position;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) this.fail("varint has a needless last byte", start);
        if (value > Number.MAX_SAFE_INTEGER) this.fail("varint is above 2^53 - 1", start);
        return value;
      }
      scale *= 128;
      if (scale > Number.MAX_SAFE_INTEGER) this.fail("varint is longer than 8 bytes", start);
    }
  }

  /** Reads `count` bytes as a view of the array, not a copy. */
  view(count: number): Uint8Array {
    const at = this.#take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** Passes over `count` bytes and returns the index of the first of them. */
  skip(count: number): number {
    return this.#take(count);
  }

  /** Checks that everything was read. */
  expectEnd(): void {
    if (this.position !== this.end) this.fail(`${this.end - this.position} bytes are left over`);
  }

  /** Throws `CORRUPT` with what was wrong, at `position` (default: here). */
  fail(found: string, position: number = this.position): never {
    throw new CohortError("CORRUPT", `Read ${this.#what}: ${found} at byte ${position}`, {
      what: this.#what,
      position,
      found,
    });
  }

  #take(count: number): number {
    const at = this.position;
    if (!(count >= 0 && count <= this.end - at)) {
      this.fail(`needs ${count} bytes and has ${this.end - at}`);
    }
    this.position = at + count;
    return at;
  }
}
