/** The open files of this adapter: a volume of blocks, and a stream of bytes. */
import type { FileHandle } from "node:fs/promises";
import { type BlockWrite, CohortError, type ErrorCode, type StreamFile, type VolumeFile } from "@cohort/db";

/** Zeros are written so many bytes at a time. */
const FILL_BYTES = 1_048_576;

/** Counts, positions and lengths are whole numbers from 0. */
function checkCount(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${what} must be a whole number from 0, got ${value}`);
  }
}

/** The symbolic error number: `ENOENT`. */
export function errno(error: unknown): string {
  return String((error as { code?: unknown }).code ?? "unknown");
}

/**
 * What the system refused, by code: the engine waits for space, refuses what is forbidden, and stops on a bad
 * sync.
 */
function failure(operation: string, path: string, error: unknown): unknown {
  if (error instanceof CohortError || error instanceof RangeError || error instanceof TypeError) return error;
  const codes: Record<string, ErrorCode> = {
    ENOENT: "NOT_FOUND",
    ENOSPC: "FULL",
    EDQUOT: "FULL",
    EACCES: "PERMISSION",
    EPERM: "PERMISSION",
  };
  const code = operation.startsWith("sync") ? "SYNC_FAILED" : codes[errno(error)] ?? "IO";
  return new CohortError(
    code,
    `${operation} failed with ${errno(error)}: ${path}`,
    { operation, path },
    error,
  );
}

/** Does `work`; its failure is told with the operation and the path. */
export async function told<T>(operation: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(operation, path, error);
  }
}

/** What a handle is made of. */
export interface OpenedFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly writable: boolean;
  readonly forget: () => void;
}

/** What a volume and a stream share. */
export class PromisesFile {
  readonly path: string;
  readonly #opened: OpenedFile;
  #closed = false;
  /** Calls under way: the file is closed after the last of them. */
  readonly #running = new Set<Promise<unknown>>();
  /** Growths and the writes behind them run one after another, lest zeros overwrite what was written. */
  #line: Promise<unknown> = Promise.resolve();
  #syncFailure: unknown;

  constructor(opened: OpenedFile) {
    this.path = opened.path;
    this.#opened = opened;
  }

  async close(): Promise<void> {
    if (this.#closed) {
      throw new CohortError("CLOSED", `close needs an open file: ${this.path}`);
    }
    this.#closed = true;
    await Promise.allSettled(this.#running);
    this.#opened.forget();
    await told("close", this.path, () => this.#opened.handle.close());
  }

  protected run<T>(
    operation: string,
    writes: boolean,
    check: () => void,
    work: (handle: FileHandle) => Promise<T>,
  ): Promise<T> {
    const facts = { operation, path: this.path };
    if (this.#closed) {
      throw new CohortError("CLOSED", `${operation} needs an open file: ${this.path}`, facts);
    }
    check();
    if (writes && !this.#opened.writable) {
      throw new CohortError("READ_ONLY", `${operation} needs access "write": ${this.path}`, facts);
    }
    const running = told(operation, this.path, () => work(this.#opened.handle));
    this.#running.add(running);
    const ended = (): void => void this.#running.delete(running);
    running.then(ended, ended);
    return running;
  }

  protected inLine<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#line.then(work);
    this.#line = next.catch(() => {});
    return next;
  }

  protected async readAll(handle: FileHandle, position: number, into: Uint8Array): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  protected async writeAll(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += (await handle.write(bytes, done, bytes.length - done, position + done))
        .bytesWritten;
    }
  }

  /** Zeros are written, not skipped: the space must be there. What did not fit is given back. */
  protected async fill(handle: FileHandle, to: number): Promise<void> {
    const { size } = await handle.stat();
    const zeros = new Uint8Array(Math.min(FILL_BYTES, Math.max(0, to - size)));
    try {
      for (let at = size; at < to; at += FILL_BYTES) {
        await this.writeAll(handle, at, zeros.subarray(0, to - at));
      }
    } catch (error) {
      await handle.truncate(size);
      throw error;
    }
  }

  /** A sync that failed once has lost what it was for: it never succeeds again. */
  protected async syncAll(handle: FileHandle): Promise<void> {
    try {
      if (this.#syncFailure === undefined) await handle.datasync();
    } catch (error) {
      this.#syncFailure = error;
    }
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
  }
}

/** A file of equal blocks. */
export class PromisesVolume extends PromisesFile implements VolumeFile {
  readonly blockSize: number;

  constructor(opened: OpenedFile, blockSize: number) {
    super(opened);
    this.blockSize = blockSize;
  }

  async read(block: number, into: Uint8Array): Promise<number> {
    const check = (): void => {
      checkCount("block number", block);
      if (into.length % this.blockSize !== 0) {
        throw new RangeError(`${into.length} bytes are no whole blocks`);
      }
    };
    return await this.run("read blocks", false, check, async (handle) => {
      return await this.readAll(handle, block * this.blockSize, into);
    });
  }

  async write(set: readonly BlockWrite[]): Promise<void> {
    const check = (): void => {
      for (const { block, bytes } of set) {
        checkCount("block number", block);
        if (bytes.length !== this.blockSize) {
          throw new RangeError(`${bytes.length} bytes are no block`);
        }
      }
    };
    await this.run(
      "write blocks",
      true,
      check,
      (handle) =>
        this.inLine(async () => {
          const { size } = await handle.stat();
          const beyond = set.find(({ block }) => (block + 1) * this.blockSize > size);
          if (beyond !== undefined) {
            throw new RangeError(`block ${beyond.block} is beyond the end`);
          }
          const writes = set.map(({ block, bytes }) => this.writeAll(handle, block * this.blockSize, bytes));
          for (const ended of await Promise.allSettled(writes)) {
            if (ended.status === "rejected") throw ended.reason;
          }
        }),
    );
  }

  async sync(): Promise<void> {
    await this.run("sync a volume", false, () => {}, (handle) => this.syncAll(handle));
  }

  async size(): Promise<number> {
    return await this.run(
      "size of a volume",
      false,
      () => {},
      async (handle) => {
        return Math.floor((await handle.stat()).size / this.blockSize);
      },
    );
  }

  async grow(blocks: number): Promise<void> {
    await this.run(
      "grow a volume",
      true,
      () => checkCount("number of blocks", blocks),
      (handle) => {
        return this.inLine(() => this.fill(handle, blocks * this.blockSize));
      },
    );
  }
}

/** A file of bytes, written mostly at its end. */
export class PromisesStream extends PromisesFile implements StreamFile {
  async write(position: number, bytes: Uint8Array): Promise<void> {
    await this.run(
      "write a stream",
      true,
      () => checkCount("position", position),
      (handle) => {
        return this.inLine(() => this.writeAll(handle, position, bytes));
      },
    );
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    return await this.run(
      "read a stream",
      false,
      () => checkCount("position", position),
      (handle) => {
        return this.readAll(handle, position, into);
      },
    );
  }

  async sync(_lone: boolean): Promise<void> {
    await this.run("sync a stream", false, () => {}, (handle) => this.syncAll(handle));
  }

  async reserve(bytes: number): Promise<void> {
    await this.run(
      "reserve a stream",
      true,
      () => checkCount("number of bytes", bytes),
      (handle) => {
        return this.inLine(() => this.fill(handle, bytes));
      },
    );
  }

  async size(): Promise<number> {
    return await this.run("size of a stream", false, () => {}, async (handle) => (await handle.stat()).size);
  }

  async identity(): Promise<string> {
    return await this.run("identity of a stream", false, () => {}, async (handle) => {
      const { ino, birthtimeNs } = await handle.stat({ bigint: true });
      return `${ino}-${birthtimeNs / 1_000_000n}`;
    });
  }
}
