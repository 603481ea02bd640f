/**
 * The bytes of one file in memory: a row of chunks, made when first written; what was never written reads as
 * zero.
 *
 * Knows nothing of names, handles or limits.
 */

/** Bytes of a full chunk. */
const CHUNK_BYTES = 65_536;
/** Bytes of the smallest first chunk, so that a register of 200 bytes does not cost 64 KiB. */
const CHUNK_BYTES_MIN = 512;

let files = 0;

/** Bytes at positions, growing in chunks. */
export class MemoryFile {
  /** Number that no other file of this process ever has. */
  readonly number: number = ++files;
  /** Size in bytes, as a directory entry would say. */
  size = 0;
  /** Handles open on it; a removed file keeps its bytes until the last one closes. */
  handles = 0;
  /** True once its name is gone. */
  removed = false;
  readonly #chunks: (Uint8Array | undefined)[] = [];

  /** Copies bytes from `position` into `into`; answers how many there were. */
  read(position: number, into: Uint8Array): number {
    const total = Math.max(0, Math.min(into.length, this.size - position));
    let done = 0;
    while (done < total) {
      const at = position + done;
      const offset = at % CHUNK_BYTES;
      const count = Math.min(total - done, CHUNK_BYTES - offset);
      const chunk = this.#chunks[(at - offset) / CHUNK_BYTES];
      const present = chunk === undefined ? 0 : Math.max(0, Math.min(count, chunk.length - offset));
      if (present > 0) into.set(chunk!.subarray(offset, offset + present), done);
      if (present < count) into.fill(0, done + present, done + count);
      done += count;
    }
    return total;
  }

  /** Copies all of `bytes` to `position`, growing the file when it ends earlier. */
  write(position: number, bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) {
      const at = position + done;
      const offset = at % CHUNK_BYTES;
      const count = Math.min(bytes.length - done, CHUNK_BYTES - offset);
      const chunk = this.#chunk((at - offset) / CHUNK_BYTES, offset + count);
      chunk.set(count === bytes.length ? bytes : bytes.subarray(done, done + count), offset);
      done += count;
    }
    if (bytes.length > 0) this.size = Math.max(this.size, position + bytes.length);
  }

  #chunk(index: number, end: number): Uint8Array {
    const present = this.#chunks[index];
    if (present !== undefined && present.length >= end) return present;
    let length = present === undefined ? CHUNK_BYTES_MIN : present.length;
    while (length < end) length *= 2;
    const chunk = new Uint8Array(length);
    if (present !== undefined) chunk.set(present);
    this.#chunks[index] = chunk;
    return chunk;
  }
}
