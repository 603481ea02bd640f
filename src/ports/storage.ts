/**
 * Storage: what the world must give us to keep blocks, journals and decisions.
 *
 * Types only. Three kinds of file, each with the least it needs: a *volume* (blocks in place), a *stream*
 * (journal, image journal, lease: bytes at a position), a *register* (bytes written once, by exactly one
 * caller).
 * A failed call rejects or throws a `CohortError` (`IO`, `FULL`, `NOT_FOUND`, ...) whose `facts` name the
 * operation and the path.
 */
import type { Answer } from "./answer.ts";
import type { Fence } from "./fence.ts";

/** What a storage can promise; fixed for its life. */
export interface StorageTraits {
  /** Version of this contract. */
  readonly version: 1;
  /** Short name for messages and measures: `file`, `memory`, ... */
  readonly name: string;
  /** True when other processes can see the same files. */
  readonly shared: boolean;
  /** True when what `sync` acknowledged survives the loss of the host. */
  readonly durable: boolean;
  /** True when reads may answer with a value, on the loop. */
  readonly synchronousReads: boolean;
  /**
   * Modes of the files and directories that it makes, where there is such a thing: members that differ could
   * not open each other's.
   */
  readonly modes?: string;
  /** How a lost member's writes are stopped (DESIGN D8). */
  readonly fencing: "native" | "gate" | "kill" | "none" | "unproven";
}

/**
 * Storage for volumes, streams and registers. Paths are plain strings with `/`; parents are made when a file
 * is created.
 */
export interface Storage {
  /** What this storage can promise. */
  readonly traits: StorageTraits;
  /** Liveness of owners, and the gate that stops their writes. */
  readonly fence: Fence;
  /**
   * Opens an existing volume file for blocks of `blockSize` bytes. Rejects `NOT_FOUND` when there is none.
   */
  openVolume(path: string, options: OpenVolumeOptions): Answer<VolumeFile>;
  /** Opens a stream file; `create` makes it when missing. Rejects `NOT_FOUND` otherwise. */
  openStream(path: string, options: OpenStreamOptions): Answer<StreamFile>;
  /**
   * Creates `path` with `bytes`, whole and durable, for exactly one caller ever: true for the one who did it.
   * Costs one file sync, one link and one directory sync. A crash leaves either nothing or all of it.
   */
  createRegister(path: string, bytes: Uint8Array, options?: RegisterOptions): Answer<boolean>;
  /**
   * The bytes of a register, or undefined. What is returned is durable (the directory is synced first, DESIGN
   * D7).
   */
  readRegister(path: string, options?: RegisterOptions): Answer<Uint8Array | undefined>;
  /** Names in a directory, sorted by code unit; empty when there is no such directory. */
  list(directory: string): Answer<string[]>;
  /** Removes a file, or a directory that is empty; false when there was none. Durable when answered. */
  remove(path: string): Answer<boolean>;
  /** The one canonical spelling of a path: links followed as far as it exists. */
  resolve(path: string): Answer<string>;
  /** Closes what is open. Once. */
  close(): Answer<void>;
}

/** How to open a volume. */
export interface OpenVolumeOptions {
  /** Bytes of a block. */
  readonly blockSize: number;
  /** `read` refuses every write. */
  readonly access: "read" | "write";
}

/** How to open a stream. */
export interface OpenStreamOptions {
  /** `read` refuses every write. */
  readonly access: "read" | "write";
  /** Makes the file when it is missing; false by default. */
  readonly create?: boolean;
}

/** How to create or read a register. */
export interface RegisterOptions {
  /**
   * For a secret: made so that its owner alone may read it; when read, `PERMISSION` if anybody else could
   * have. False by default; a storage that knows no owners takes no notice.
   */
  readonly ownerOnly?: boolean;
}

/** One block of a write set. `bytes` is exactly one block and stays untouched until the answer. */
export interface BlockWrite {
  /** Number of the block, from 0. */
  readonly block: number;
  /** The whole block. */
  readonly bytes: Uint8Array;
}

/** A file of equal blocks. */
export interface VolumeFile {
  /** Path as it was opened. */
  readonly path: string;
  /** Bytes of a block. */
  readonly blockSize: number;
  /**
   * Reads consecutive blocks into `into` (a whole number of blocks); answers the bytes read, fewer only at
   * the end of the file.
   */
  read(block: number, into: Uint8Array): Answer<number>;
  /**
   * Writes a set of blocks, in any order. Not durable before `sync`. Blocks beyond the end are a caller
   * error.
   */
  write(set: readonly BlockWrite[]): Answer<void>;
  /**
   * Everything whose write was answered before the call is durable when it answers. After a failure it is
   * never trusted again (D4c).
   */
  sync(): Answer<void>;
  /** Size in whole blocks. */
  size(): Answer<number>;
  /**
   * Makes the volume at least `blocks` long, zero-filled and really allocated: `FULL` comes from here, not
   * from a later write; what was taken for it is given back then. Durable at the next `sync`. Where others
   * may grow the file and write to it at any time, say `isShared`: then zeros are only ever put behind all
   * there is, so whatever `size` counts is whole, and nothing is given back when it fails.
   */
  grow(blocks: number, isShared?: boolean): Answer<void>;
  /** Closes the file. Once. */
  close(): Answer<void>;
}

/** A file of bytes, written mostly at its end. */
export interface StreamFile {
  /** Path as it was opened. */
  readonly path: string;
  /**
   * Writes all of `bytes` at `position`; a value when it was quick. The bytes may be re-used once answered.
   */
  write(position: number, bytes: Uint8Array): Answer<void>;
  /** Reads up to `into.length` bytes; answers how many. */
  read(position: number, into: Uint8Array): Answer<number>;
  /**
   * Makes every answered write durable. `lone` says that one caller waits and nothing else is queued, so that
   * the
   * adapter may do it on the loop while recent ones took under a millisecond (D12).
   */
  sync(lone: boolean): Answer<void>;
  /**
   * Allocates real space up to `bytes` (zeros) so that appends below it need no new space and syncs no
   * metadata. `FULL` when there is none.
   */
  reserve(bytes: number): Answer<void>;
  /** Size in bytes, reserved space included. */
  size(): Answer<number>;
  /**
   * What tells this file from every other and from any copy of it, whoever asks, as long as it exists: 1 to
   * 255 characters. It does not change when the file is written or gets another name, nor with a new start of
   * the host; only a clone of a whole device may have the same.
   */
  identity(): Answer<string>;
  /** Closes the file. Once. */
  close(): Answer<void>;
}
