/**
 * Bytes of a simulated file, kept in pages that several images may share.
 *
 * A simulated disk holds each file at least twice (what is durable, what is in the page cache) and an
 * exhaustive run copies whole disks thousands of times; sharing pages until one of them is changed makes both
 * cheap.
 */

/** Bytes in a page: the default block, so that a whole block moves by reference. */
export const PAGE_BYTES = 8192;

/** A growable run of bytes; what was never written reads as zeros. */
export class PagedBytes {
  #pages: (Uint8Array | undefined)[] = [];
  /** True where no other image shares the page. */
  #owned: boolean[] = [];
  #size = 0;

  /** Size in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Reads up to `into.length` bytes from `position`; answers how many. */
  read(position: number, into: Uint8Array): number {
    const length = Math.max(0, Math.min(into.length, this.#size - position));
    for (let done = 0; done < length;) {
      const at = position + done;
      const start = at % PAGE_BYTES;
      const some = Math.min(PAGE_BYTES - start, length - done);
      const page = this.#pages[(at - start) / PAGE_BYTES];
      if (page === undefined) into.fill(0, done, done + some);
      else into.set(start === 0 && some === PAGE_BYTES ? page : page.subarray(start, start + some), done);
      done += some;
    }
    return length;
  }

  /**
   * Writes `bytes`, which must never change afterwards: whole pages of it are kept, not copied. Grows as
   * needed.
   */
  write(position: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = position + done;
      const start = at % PAGE_BYTES;
      const some = Math.min(PAGE_BYTES - start, bytes.length - done);
      const index = (at - start) / PAGE_BYTES;
      const part = some === bytes.length ? bytes : bytes.subarray(done, done + some);
      if (some === PAGE_BYTES) {
        this.#reach(index);
        this.#pages[index] = part;
        this.#owned[index] = false;
      } else {
        this.#page(index).set(part, start);
      }
      done += some;
    }
    if (position + bytes.length > this.#size) this.#size = position + bytes.length;
  }

  /** Changes one byte by exclusive or: damage. Nothing when it lies beyond the end. */
  flip(position: number, mask: number): void {
    if (position >= this.#size) return;
    const start = position % PAGE_BYTES;
    const page = this.#page((position - start) / PAGE_BYTES);
    page[start] = (page[start] as number) ^ mask;
  }

  /** Sets the size; what is cut off reads as zeros should the file grow again. */
  resize(size: number): void {
    if (size < this.#size) {
      const start = size % PAGE_BYTES;
      const index = (size - start) / PAGE_BYTES;
      if (start > 0 && this.#pages[index] !== undefined) this.#page(index).fill(0, start);
      const keep = start > 0 ? index + 1 : index;
      if (this.#pages.length > keep) {
        this.#pages.length = keep;
        this.#owned.length = keep;
      }
    }
    this.#size = size;
  }

  /** A second image with the same bytes; the two share pages until one is changed. */
  clone(): PagedBytes {
    const other = new PagedBytes();
    this.#owned = new Array<boolean>(this.#pages.length).fill(false);
    other.#pages = this.#pages.slice();
    other.#owned = this.#owned.slice();
    other.#size = this.#size;
    return other;
  }

  /** A copy of the bytes from `position`, fewer than `length` only at the end. */
  slice(position: number, length: number): Uint8Array {
    const into = new Uint8Array(Math.max(0, Math.min(length, this.#size - position)));
    this.read(position, into);
    return into;
  }

  /**
   * The bytes from `position` to look at now: a copy only where they lie in more than one page, so that they
   * may change with the next write.
   */
  peek(position: number, length: number): Uint8Array {
    const start = position % PAGE_BYTES;
    const page = this.#pages[(position - start) / PAGE_BYTES];
    const end = Math.min(start + length, start + this.#size - position);
    if (page === undefined || end > PAGE_BYTES || end <= start) return this.slice(position, length);
    return page.subarray(start, end);
  }

  /** The 32 bits at `position`, lowest byte first; 0 where they reach beyond the end. */
  word(position: number): number {
    const start = position % PAGE_BYTES;
    const page = this.#pages[(position - start) / PAGE_BYTES];
    if (position + 4 > this.#size) return 0;
    if (start + 4 > PAGE_BYTES) {
      return new DataView(this.slice(position, 4).buffer).getUint32(0, true);
    }
    if (page === undefined) return 0;
    const high = (page[start + 3] as number) << 24;
    return (((page[start + 2] as number) << 16) | ((page[start + 1] as number) << 8) |
      (page[start] as number) | high) >>> 0;
  }

  /** True when nothing was ever written to any page of the range. */
  isHole(position: number, length: number): boolean {
    const last = Math.floor((position + length - 1) / PAGE_BYTES);
    for (let i = Math.floor(position / PAGE_BYTES); i <= last; i++) {
      if (this.#pages[i] !== undefined) return false;
    }
    return true;
  }

  /** True when both hold the same bytes. */
  equals(other: PagedBytes): boolean {
    if (this.#size !== other.#size) return false;
    const pages = Math.max(this.#pages.length, other.#pages.length);
    for (let i = 0; i < pages; i++) {
      if (this.#pages[i] !== other.#pages[i] && !samePage(this.#pages[i], other.#pages[i])) return false;
    }
    return true;
  }

  #page(index: number): Uint8Array {
    const page = this.#pages[index];
    if (page !== undefined && this.#owned[index] === true) return page;
    const own = new Uint8Array(PAGE_BYTES);
    if (page !== undefined) own.set(page);
    this.#reach(index);
    this.#pages[index] = own;
    this.#owned[index] = true;
    return own;
  }

  /** A hole in an array makes it slow, so pages in between are named. */
  #reach(index: number): void {
    while (this.#pages.length < index) {
      this.#pages.push(undefined);
      this.#owned.push(false);
    }
  }
}

function samePage(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  for (let i = 0; i < PAGE_BYTES; i++) if ((a?.[i] ?? 0) !== (b?.[i] ?? 0)) return false;
  return true;
}
