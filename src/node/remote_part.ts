/**
 * Calls and answers too long for one message go in parts, one behind the other. Pure.
 *
 *     0 u8 255   1 u48 sequence of the call   7 u32 bytes in all   11 u32 offset   15 the part
 */
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { getU48 } from "../ground/bytes.ts";
import { CohortError } from "../ground/errors.ts";
import { VALUE_BYTES_MAX } from "../ground/limits.ts";

/** First byte of a part: neither calls nor answers begin with it. */
const PART = 0xff;
/** Bytes of a part: a message of an interconnect may have twice as many. */
const PART_BYTES = 524_288;
const HEAD_BYTES = 15;
/** Most bytes of a call or an answer: the largest value, and what stands around it. */
const WHOLE_BYTES_MAX = VALUE_BYTES_MAX + 131_072;

/** Of which call a part is; undefined for what is none. */
export function sequenceOf(part: Uint8Array): number | undefined {
  return isPart(part) && part.length > HEAD_BYTES ? getU48(part, 1) : undefined;
}

/** Whether a message is a part of one. */
export function isPart(bytes: Uint8Array): boolean {
  return bytes[0] === PART;
}

/** The messages that carry `bytes`: itself where it is short. */
export function partsOf(sequence: number, bytes: Uint8Array): Uint8Array[] {
  if (bytes.length <= PART_BYTES) return [bytes];
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    const part = bytes.subarray(at, at + PART_BYTES);
    const writer = new ByteWriter(HEAD_BYTES + part.length);
    writer.u8(PART);
    writer.u48(sequence);
    writer.u32(bytes.length);
    writer.u32(at);
    writer.append(part);
    parts.push(writer.copy());
  }
  return parts;
}

/** Puts together what comes in parts, one call or answer at a time, or each of several by its sequence. */
export class Assembly {
  readonly #wholes = new Map<number, { readonly bytes: Uint8Array; filled: number }>();
  readonly #most: number;

  /** `most` wholes are put together at a time: for one more the first is forgotten. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes a part: the whole when it is the last. Throws `CORRUPT` for one that does not follow. */
  take(part: Uint8Array): Uint8Array | undefined {
    const reader = new ByteReader(part, "Part of a message");
    if (reader.u8() !== PART) reader.fail("it is none", 0);
    const [sequence, total, offset] = [reader.u48(), reader.u32(), reader.u32()];
    const bytes = reader.view(reader.remaining);
    if (total > WHOLE_BYTES_MAX || bytes.length === 0) reader.fail(`it is of ${total} bytes`, 7);
    if (offset === 0) this.#begin(sequence, total);
    const whole = this.#wholes.get(sequence);
    if (whole?.filled !== offset || whole.bytes.length !== total || offset + bytes.length > total) {
      throw new CohortError("CORRUPT", `A part at ${offset} does not follow ${whole?.filled}`, { offset });
    }
    whole.bytes.set(bytes, offset);
    whole.filled += bytes.length;
    if (whole.filled < total) return undefined;
    this.#wholes.delete(sequence);
    return whole.bytes;
  }

  /** Nothing more of it comes. */
  forget(sequence: number): void {
    this.#wholes.delete(sequence);
  }

  #begin(sequence: number, total: number): void {
    this.#wholes.delete(sequence);
    const [first] = this.#wholes.keys();
    if (first !== undefined && this.#wholes.size >= this.#most) this.#wholes.delete(first);
    this.#wholes.set(sequence, { bytes: new Uint8Array(total), filled: 0 });
  }
}
