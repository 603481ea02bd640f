/**
 * Characters out of byte arrays.
 *
 * Measured (Deno 2.9, Bun 1.4, medium strings): the buffer slices cost 95 and 57 ns whatever the length, a
 * loop over `String.fromCharCode` 7 ns a character and as much again when the text is first read,
 * `TextDecoder` 520 and 130 ns. So one to four characters are built in one call and everything longer is
 * sliced.
 */
import { Buffer } from "node:buffer";

interface Slices {
  latin1Slice(this: Uint8Array, from: number, to: number): string;
  utf8Slice(this: Uint8Array, from: number, to: number): string;
}

/**
 * The slices of `Buffer` work on every Uint8Array on Deno, Bun and Node, and spare the view a `Buffer` would
 * be.
 */
const slices: Slices = Buffer.prototype as unknown as Slices;
const strictUtf8: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of `bytes[from, to)`, one character of U+0000 to U+00FF a byte. */
export function latin1Text(bytes: Uint8Array, from: number, to: number): string {
  switch (to - from) {
    case 0:
      return "";
    case 1:
      return String.fromCharCode(bytes[from]!);
    case 2:
      return String.fromCharCode(bytes[from]!, bytes[from + 1]!);
    case 3:
      return String.fromCharCode(bytes[from]!, bytes[from + 1]!, bytes[from + 2]!);
    case 4:
      return String.fromCharCode(bytes[from]!, bytes[from + 1]!, bytes[from + 2]!, bytes[from + 3]!);
    default:
      return slices.latin1Slice.call(bytes, from, to);
  }
}

/**
 * The text of the UTF-8 in `bytes[from, to)`, a byte order mark kept; undefined when it is not well formed.
 */
export function utf8Text(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (from === to) return "";
  const text = slices.utf8Slice.call(bytes, from, to);
  if (!text.includes("\ufffd")) return text;
  // Either U+FFFD was stored or malformed bytes were replaced by it; the slow decoder tells which.
  try {
    return strictUtf8.decode(bytes.subarray(from, to));
  } catch {
    return undefined;
  }
}
