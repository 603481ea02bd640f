/**
 * Characters in byte arrays.
 *
 * Measured (Deno 2.9, Bun 1.4, medium strings): the buffer slices cost 95 and 57 ns whatever the length, a
 * loop over `String.fromCharCode` 7 ns a character and as much again when the text is first read,
 * `TextDecoder` 520 and 130 ns. So one to four characters are built in one call and everything longer is
 * sliced.
 */
import { Buffer } from "node:buffer";
import type { ByteWriter } from "./byte_writer.ts";

interface Slices {
  latin1Slice(this: Uint8Array, from: number, to: number): string;
  utf8Slice(this: Uint8Array, from: number, to: number): string;
  latin1Write(this: Uint8Array, text: string, at: number, length: number): number;
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

const encoder: TextEncoder = new TextEncoder();
const LOOP_CHARS_MAX = 48;
const BEYOND_LATIN1 = /[^\0-\xff]/;

/** Whether every character of `text` is of U+0000 to U+00FF. */
export function isLatin1(text: string): boolean {
  return !BEYOND_LATIN1.test(text);
}

/** Appends a text of U+0000 to U+00FF, one byte a character. */
export function appendLatin1(text: string, writer: ByteWriter): void {
  const length = text.length;
  writer.ensure(length);
  const { bytes, length: at } = writer;
  if (length <= LOOP_CHARS_MAX) {
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
  } else {
    slices.latin1Write.call(bytes, text, at, length);
  }
  writer.length = at + length;
}

/** Appends the characters of a short text that are ASCII, up to the first that is not; returns how many. */
export function appendAscii(text: string, writer: ByteWriter): number {
  const length = text.length < LOOP_CHARS_MAX ? text.length : LOOP_CHARS_MAX;
  writer.ensure(length);
  const { bytes, length: at } = writer;
  let i = 0;
  for (; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) break;
    bytes[at + i] = code;
  }
  writer.length = at + i;
  return i;
}

/** Appends `text` in UTF-8 and returns true; false, with nothing appended, when it has a lone surrogate. */
export function appendUtf8(text: string, writer: ByteWriter): boolean {
  const start = writer.length;
  writer.ensure(text.length);
  const { read, written } = encoder.encodeInto(text, writer.rest());
  writer.length += written;
  if (read < text.length) {
    const more = text.slice(read);
    writer.ensure(more.length * 3);
    writer.length += encoder.encodeInto(more, writer.rest()).written;
  }
  if (writer.length - start === text.length || text.isWellFormed()) return true;
  writer.length = start;
  return false;
}
