/**
 * TextLines: the lines of a stream of bytes cut anywhere, in bounded memory.
 *
 * A line ends at a line feed; what follows the last one is a line too, if it has characters. What arrived is
 * turned into text many lines at a time. A line that cannot be read is still a line: it has a number and a
 * fault.
 */
import { ByteWriter } from "../ground/byte_writer.ts";
import type { Charset } from "../ground/reference.ts";
import { latin1Text, utf8Text } from "../ground/text.ts";

/** Most bytes of a line: the longest value, every character of it by its code, fits. */
export const LINE_BYTES_MAX: number = 32 * 1024 * 1024;

const LINE_FEED = 0x0a;
/** Bytes kept for the beginning of a line when no longer one was met. */
const REST_BYTES = 1024;
const NONE: Uint8Array = new Uint8Array(0);

/** Feed it bytes; take the lines they complete. */
export class TextLines {
  /** The present line, without its line feed. */
  line = "";
  /** What is wrong with the present line; then it is empty. */
  fault: string | undefined;
  /** Number of the present line, from 1. */
  number = 0;
  #charset: Charset = "M";
  /**
   * Whole lines, as bytes and (when all of them can be read) as text, with the index of the next line in
   * each.
   */
  #bytes: Uint8Array = NONE;
  #byteAt = 0;
  #text: string | undefined = "";
  #textAt = 0;
  /** Index of the present line in the text. */
  #lineAt = 0;
  /** The beginning of a line whose end has not arrived. */
  #rest = new ByteWriter(REST_BYTES);
  #isOverlong = false;

  /** How the lines from the next one on are read. */
  set charset(charset: Charset) {
    if (charset !== this.#charset) this.#switch(charset, this.#textAt);
  }

  /** Reads the present line again, in `charset`, if that is another; what follows as well. */
  reread(charset: Charset): void {
    if (charset === this.#charset) return;
    this.#switch(charset, this.#lineAt);
    this.number--;
    this.next();
  }

  /** Takes more bytes, the caller's again at the next call. To be called when `next` has answered false. */
  feed(chunk: Uint8Array): void {
    const last = chunk.lastIndexOf(LINE_FEED);
    if (last < 0) return this.#keep(chunk);
    const whole = this.#withRest(chunk, last + 1);
    if (last + 1 < chunk.length) this.#keep(chunk.subarray(last + 1));
    this.#decode(whole);
  }

  /** Says that no more bytes will come: what has no line feed is a line now. */
  end(): void {
    if (this.#rest.length > 0) this.feed(Uint8Array.of(LINE_FEED));
  }

  /** From M, in which one character is one byte. */
  #switch(charset: Charset, at: number): void {
    this.#charset = charset;
    this.#decode(this.#bytes.subarray(at));
  }

  /** Goes to the next line; false when more bytes are needed. */
  next(): boolean {
    const text = this.#text;
    if (text === undefined) return this.#nextOfBytes();
    const end = text.indexOf("\n", this.#textAt);
    if (end < 0) return false;
    this.#lineAt = this.#textAt;
    this.#take(text.slice(this.#textAt, end));
    this.#textAt = end + 1;
    return true;
  }

  /** Lines of which some are malformed: one by one. */
  #nextOfBytes(): boolean {
    const end = this.#bytes.indexOf(LINE_FEED, this.#byteAt);
    if (end < 0) return false;
    const line = utf8Text(this.#bytes, this.#byteAt, end);
    this.#byteAt = end + 1;
    if (line === undefined) this.#take("", "malformed UTF-8");
    else this.#take(line);
    return true;
  }

  #take(line: string, fault?: string): void {
    this.number++;
    const isOverlong = this.#isOverlong;
    this.#isOverlong = false;
    this.line = isOverlong ? "" : line;
    this.fault = isOverlong ? `a line of more than ${LINE_BYTES_MAX} bytes` : fault;
  }

  #decode(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#byteAt = 0;
    this.#textAt = 0;
    this.#text = this.#charset === "M"
      ? latin1Text(bytes, 0, bytes.length)
      : utf8Text(bytes, 0, bytes.length);
  }

  /** The kept beginning of a line and the first `length` bytes of a chunk: valid until the next `feed`. */
  #withRest(chunk: Uint8Array, length: number): Uint8Array {
    const rest = this.#rest;
    if (rest.length === 0) return chunk.subarray(0, length);
    rest.append(chunk, 0, length);
    this.#rest = new ByteWriter(REST_BYTES);
    return rest.bytes.subarray(0, rest.length);
  }

  #keep(part: Uint8Array): void {
    if (this.#rest.length + part.length > LINE_BYTES_MAX) {
      // The line stays one line: what follows is kept behind one byte, and never looked at.
      this.#isOverlong = true;
      this.#rest = new ByteWriter(REST_BYTES);
      this.#rest.u8(LINE_FEED - 1);
      return;
    }
    this.#rest.append(part);
  }
}
