/**
 * ImageJournal: block images on their way home (DESIGN D4b).
 *
 * A cycle is written here and synced, once; then its blocks may be written in place, their volumes synced,
 * and the cycle released. After a crash a block torn in place is mended from its image. The caller must have
 * made the redo of every image safe before.
 */
import { crc32 } from "node:zlib";
import { invariant, isCode } from "../ground/errors.ts";
import { ID_BYTES, putId } from "../ground/hex.ts";
import type { Answer, Clock, Storage, StreamFile } from "../ports/mod.ts";
import {
  encodeCycle,
  encodeRelease,
  ENTRY_BYTES,
  IMAGE_HEADER_BYTES,
  type ImageFacts,
  putEntry,
  RELEASE_AT,
} from "./image_format.ts";
import { syncFailed } from "./journal_waiters.ts";

/** Bytes put together for one write. */
const CHUNK_BYTES = 1024 * 1024;

/** One block of a cycle. */
export interface ImageEntry {
  /** 32 hexadecimal digits. */
  readonly volumeId: string;
  /** 32 hexadecimal digits. */
  readonly volumeIncarnation: string;
  readonly block: number;
  /** The sealed block; stays as it is until the cycle is written. */
  readonly bytes: Uint8Array;
}

/** What an image journal needs. */
export interface ImageJournalOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Path of the file; made when it is missing. */
  readonly path: string;
  /** Incarnation of the node: 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Most blocks in a cycle. */
  readonly blocksMax: number;
  /** Bytes by which space is taken ahead of need; 1 MiB by default. */
  readonly reserveBytes?: number;
  /** The cycle that has its space from the beginning, so that a full disk cannot end all cycles. */
  readonly ready?: { readonly blocks: number; readonly blockBytes: number };
}

/** The image journal of one incarnation. */
export class ImageJournal {
  readonly #options: ImageJournalOptions;
  readonly #file: StreamFile;
  readonly #identities = new Map<string, Uint8Array>();
  #chunk: Uint8Array = new Uint8Array(0);
  #reserved = 0;
  #cycle = 0;

  private constructor(options: ImageJournalOptions, file: StreamFile) {
    this.#options = options;
    this.#file = file;
  }

  /** Opens or makes the file. */
  static async open(options: ImageJournalOptions): Promise<ImageJournal> {
    const file = await options.storage.openStream(options.path, { access: "write", create: true });
    const images = new ImageJournal(options, file);
    const { ready } = options;
    try {
      if (ready !== undefined) await file.reserve(bytesOf(ready.blocks, ready.blockBytes));
    } catch (error) {
      await file.close();
      throw error;
    }
    if (ready !== undefined) images.#reserved = bytesOf(ready.blocks, ready.blockBytes);
    return images;
  }

  /** Number of the last cycle that was begun. */
  get cycle(): number {
    return this.#cycle;
  }

  /**
   * Takes space for a cycle of `blocks` blocks of `blockBytes` bytes; answers how many a cycle may have:
   * fewer where the disk is full. Rejects `IO`, and `FULL` when there is no space for one.
   */
  makeRoom(blocks: number, blockBytes: number): Answer<number> {
    if (bytesOf(blocks, blockBytes) <= this.#reserved) return blocks;
    const there = Math.floor((this.#reserved - bytesOf(0, blockBytes)) / (ENTRY_BYTES + blockBytes));
    return this.#reserve(bytesOf(blocks, blockBytes)).then(() => blocks, (error) => {
      if (isCode(error, "FULL") && there > 0) return there;
      throw error;
    });
  }

  /**
   * Writes a cycle and syncs it; it is sealed when this resolves, to the bytes written. Cycles have rising
   * numbers; one that failed may be tried again under its number, with the same blocks or others. Rejects
   * `IO` or `FULL`, after which nothing is sealed, and `SYNC_FAILED`, after which nothing is known.
   */
  async writeCycle(cycle: number, entries: readonly ImageEntry[], facts: ImageFacts): Promise<number> {
    const { blocksMax, incarnation, clock } = this.#options;
    invariant(cycle >= this.#cycle && cycle > 0, "Cycles have rising numbers");
    invariant(entries.length <= blocksMax, "A cycle keeps within its bound");
    this.#cycle = cycle;
    const stride = ENTRY_BYTES + entries.reduce((most, { bytes }) => Math.max(most, bytes.length), 0);
    const total = IMAGE_HEADER_BYTES + entries.length * stride;
    if (total > this.#reserved) await this.#reserve(total);
    const tableChecksum = await this.#writeEntries(cycle, entries, stride);
    const header = {
      ...facts,
      incarnation,
      cycle,
      count: entries.length,
      stride,
      tableChecksum,
      wallMs: clock.wallMs(),
    };
    await this.#file.write(0, encodeCycle(header));
    try {
      await this.#file.sync(false);
    } catch (error) {
      throw syncFailed(this.#file.path, error);
    }
    return total;
  }

  /**
   * Says that a cycle is home: its blocks were written in place and their volumes synced. Not synced itself:
   * the next cycle's images prove it as well.
   */
  release(cycle: number): Answer<void> {
    invariant(cycle === this.#cycle, "Only the last cycle is released");
    return this.#file.write(RELEASE_AT, encodeRelease(this.#options.incarnation, cycle));
  }

  /** Closes the file. Once. */
  close(): Answer<void> {
    return this.#file.close();
  }

  /** Writes the entries chunk by chunk; returns the checksum of their headers. */
  async #writeEntries(cycle: number, entries: readonly ImageEntry[], stride: number): Promise<number> {
    const perChunk = Math.max(1, Math.min(entries.length, Math.floor(CHUNK_BYTES / stride)));
    if (this.#chunk.length < perChunk * stride) this.#chunk = new Uint8Array(perChunk * stride);
    const chunk = this.#chunk;
    let tableChecksum = 0;
    for (let from = 0; from < entries.length; from += perChunk) {
      const count = Math.min(perChunk, entries.length - from);
      for (let i = 0; i < count; i++) {
        const { block, bytes, volumeId, volumeIncarnation } = entries[from + i]!;
        const at = i * stride;
        const header = { index: from + i, cycle, block, size: bytes.length, checksum: crc32(bytes) };
        putEntry(chunk, at, header, this.#identity(volumeId, volumeIncarnation));
        chunk.set(bytes, at + ENTRY_BYTES);
        chunk.fill(0, at + ENTRY_BYTES + bytes.length, at + stride);
        tableChecksum = crc32(chunk.subarray(at, at + ENTRY_BYTES), tableChecksum);
      }
      await this.#file.write(IMAGE_HEADER_BYTES + from * stride, chunk.subarray(0, count * stride));
    }
    return tableChecksum;
  }

  /** Takes space ahead of need where there is some, else what is needed. */
  async #reserve(total: number): Promise<void> {
    const { reserveBytes = CHUNK_BYTES } = this.#options;
    const wanted = Math.ceil(total / reserveBytes) * reserveBytes;
    try {
      await this.#file.reserve(wanted);
      this.#reserved = wanted;
    } catch (error) {
      if (!isCode(error, "FULL") || wanted === total) throw error;
      await this.#file.reserve(total);
      this.#reserved = total;
    }
  }

  #identity(volumeId: string, volumeIncarnation: string): Uint8Array {
    const key = volumeId + volumeIncarnation;
    let identity = this.#identities.get(key);
    if (identity === undefined) {
      identity = new Uint8Array(2 * ID_BYTES);
      putId(identity, 0, volumeId);
      putId(identity, ID_BYTES, volumeIncarnation);
      if (this.#identities.size >= 1024) this.#identities.clear();
      this.#identities.set(key, identity);
    }
    return identity;
  }
}

/** Bytes of a cycle. */
function bytesOf(blocks: number, blockBytes: number): number {
  return IMAGE_HEADER_BYTES + blocks * (ENTRY_BYTES + blockBytes);
}
