/** StreamWindow: reads a stream file front to back through one buffer, however large the file. */
import type { StreamFile } from "../ports/mod.ts";

const WINDOW_BYTES = 1024 * 1024;

/** A range of a file in memory. */
export class StreamWindow {
  /** The bytes; what lies at `index(offset)` is replaced by `load`. */
  bytes: Uint8Array = new Uint8Array(0);
  readonly #file: StreamFile;
  #from = 0;
  #length = 0;

  constructor(file: StreamFile) {
    this.#file = file;
  }

  /** Where the byte at a file offset lies in `bytes`. */
  index(offset: number): number {
    return offset - this.#from;
  }

  /** Whether `length` bytes at `offset` are in memory. */
  has(offset: number, length: number): boolean {
    return offset >= this.#from && offset + length <= this.#from + this.#length;
  }

  /** Has `length` bytes at `offset` in memory; false when the file ends before them. */
  async load(offset: number, length: number): Promise<boolean> {
    if (this.has(offset, length)) return true;
    const rest = Math.max(0, await this.#file.size() - offset);
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), rest);
    if (this.bytes.length < wanted) this.bytes = new Uint8Array(wanted);
    this.#from = offset;
    this.#length = await readFully(this.#file, offset, this.bytes.subarray(0, wanted));
    return this.#length >= length;
  }

  /** Bytes in memory from `offset` on. */
  available(offset: number): number {
    return offset < this.#from ? 0 : Math.max(0, this.#from + this.#length - offset);
  }
}

/**
 * Reads until `into` is full or the file ends; returns how many bytes there were. A read may stop short, even
 * at once: the file ends where two in a row give nothing.
 */
export async function readFully(file: StreamFile, position: number, into: Uint8Array): Promise<number> {
  let done = 0;
  for (let empty = 0; done < into.length && empty < 2;) {
    const count = await file.read(position + done, done === 0 ? into : into.subarray(done));
    empty = count === 0 ? empty + 1 : 0;
    done += count;
  }
  return done;
}
