/** Magnitudes of bigints as bytes, most significant first, without leading zeros; 0n is no bytes. */
import type { ByteWriter } from "./byte_writer.ts";

const SMALL_BITS = 32n;
const SMALL_END = 1n << SMALL_BITS;

/** Appends the bytes of a non-negative `magnitude` and returns how many they are. */
export function appendMagnitude(magnitude: bigint, writer: ByteWriter): number {
  if (magnitude === 0n) return 0;
  const digits = magnitude.toString(16);
  const count = (digits.length + 1) >> 1;
  writer.ensure(count);
  const { bytes } = writer;
  let at = writer.length + count;
  // Digits are taken eight at a time from the end, as a number.
  for (let end = digits.length; end > 0; end -= 8) {
    let word = parseInt(digits.slice(Math.max(0, end - 8), end), 16);
    for (let i = 0; i < 4 && at > writer.length; i++) {
      bytes[--at] = word & 0xff;
      word >>>= 8;
    }
  }
  writer.length += count;
  return count;
}

/** The magnitude in `bytes[from, to)`. */
export function magnitudeOf(bytes: Uint8Array, from: number, to: number): bigint {
  if (to - from <= 8) {
    let value = 0n;
    for (let at = from; at < to;) {
      // Up to four bytes a step keep the arithmetic in numbers.
      let word = 0;
      const end = Math.min(to, at + ((to - at) % 4 || 4));
      for (; at < end; at++) word = word * 256 + bytes[at]!;
      value = value * SMALL_END + BigInt(word);
    }
    return value;
  }
  let digits = "0x";
  for (let at = from; at < to; at++) digits += HEX[bytes[at]!]!;
  return BigInt(digits);
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1));
