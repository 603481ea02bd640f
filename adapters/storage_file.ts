/**
 * Storage in the files of this host, one source for Deno, Bun and Node.
 *
 * Reads run on the loop while recent ones were quick, sets of blocks never do, a stream's small writes and a
 * lone committer's sync do while quick (DESIGN D12). Space is really allocated before it is counted on. Files
 * are made with mode 0660 and directories with 0770, less the process's umask (so 0640 and 0750 as a rule):
 * the group may be given access by umask 007, others never.
 *
 * Under Deno it needs `--allow-read=DIR --allow-write=DIR` of an existing directory and nothing else; one
 * that does not exist yet needs both for its parent, because the parent is synced once it is made.
 */
import { constants } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import process from "node:process";
import { setImmediate } from "node:timers";
import { CohortError, isCode } from "../src/ground/errors.ts";
import { checkOptions, type OptionNames } from "../src/ground/options.ts";
import type {
  Answer,
  BlockWrite,
  Fence,
  OpenStreamOptions,
  OpenVolumeOptions,
  Storage,
  StorageTraits,
  StreamFile,
  VolumeFile,
} from "../src/ports/mod.ts";
import {
  checkAccess,
  checkBlockRead,
  checkBlockWrites,
  checkCount,
  checkPath,
  checkVolumeOptions,
  closedError,
} from "./common/storage_arguments.ts";
import { createProcessFence } from "./fence_process.ts";
import * as calls from "./file/calls.ts";
import { Directories } from "./file/directories.ts";
import { type OpenedFile, OpenFile } from "./file/open_file.ts";
import { Pace } from "./file/pace.ts";

/** Options of {@linkcode createFileStorage}. */
export interface FileStorageOptions {
  /**
   * Who tells whether an owner of files lives, and stops its writes; by default that of this host's
   * processes.
   */
  readonly fence?: Fence;
  /**
   * Whether reads, small stream writes and a lone sync may run on the loop while recent ones were quick. True
   * by default; false costs 20 to 80 us a read, and a slow file system can then never hold up the loop.
   */
  readonly onLoop?: boolean;
  /** Mode of files made, before the umask. 0660 by default. */
  readonly fileMode?: number;
  /** Mode of directories made, before the umask. 0770 by default. */
  readonly directoryMode?: number;
}

/**
 * A stream write made on the loop waits for its next turn once in so many milliseconds. Who awaits one
 * relaxed write after the other lives on microtasks alone, and the loop would never turn: no timer would
 * fire, and nothing written or synced off the loop would ever be known to have ended.
 */
const TURN_MS = 1;
/** Longest stream write made on the loop, in bytes: 64 KiB took 12 to 16 us into the page cache. */
const WRITE_ON_LOOP_BYTES_MAX = 65_536;
/**
 * Stream writes stay on the loop while they take less than this on average, in milliseconds. Into the page
 * cache they take microseconds, until it is full and they take many milliseconds; in between lie the slices
 * of a busy processor, which a write off the loop waits for more often.
 */
const WRITE_MS_MAX = 1;
/** Most bytes of consecutive blocks gathered into one write. */
const RUN_BYTES_MAX = 262_144;

const FILE_STORAGE_OPTIONS: OptionNames<FileStorageOptions> = {
  fence: true,
  fileMode: true,
  directoryMode: true,
  onLoop: true,
};

/** Makes a storage over the files of this host. Opens nothing yet. */
export function createFileStorage(options: FileStorageOptions = {}): Storage {
  checkOptions(options, FILE_STORAGE_OPTIONS);
  return new FileStorage(options);
}

/**
 * Type number of the file system that holds `path` (`statfs`; 0x6969 is NFS, 0xEF53 ext4). Errors:
 * `NOT_FOUND`;
 * `PERMISSION` under Deno without `--allow-sys=statfs`.
 */
export function fileSystemType(path: string): Promise<number> {
  checkPath("read a file system's type", path);
  return calls.fileSystemType("read a file system's type", path);
}

class FileStorage implements Storage {
  readonly traits: StorageTraits;
  readonly fence: Fence;
  readonly #directories: Directories;
  readonly #fileMode: number;
  readonly #onLoop: boolean;
  readonly #files = new Set<OpenFile>();
  #closed = false;

  constructor(options: FileStorageOptions) {
    this.fence = options.fence ?? createProcessFence();
    this.#fileMode = options.fileMode ?? 0o660;
    this.#directories = new Directories(this.#fileMode, options.directoryMode ?? 0o770);
    this.#onLoop = options.onLoop ?? true;
    this.traits = {
      version: 1,
      name: "file",
      shared: true,
      durable: true,
      synchronousReads: this.#onLoop,
      fencing: process.platform === "linux" ? "kill" : "unproven",
    };
  }

  async openVolume(path: string, options: OpenVolumeOptions): Promise<VolumeFile> {
    const operation = "open a volume";
    const full = this.#door(operation, path);
    checkVolumeOptions(options);
    const writable = options.access === "write";
    const fd = await calls.open(operation, full, writable ? constants.O_RDWR : constants.O_RDONLY);
    const opened = await this.#admit(operation, full, fd, writable, writable);
    return this.#keep(new FileVolume(opened, options.blockSize));
  }

  async openStream(path: string, options: OpenStreamOptions): Promise<StreamFile> {
    const operation = "open a stream";
    const full = this.#door(operation, path);
    checkAccess(operation, options.access);
    const { O_CREAT, O_RDONLY, O_RDWR } = constants;
    const writable = options.access === "write";
    const fd = options.create === true
      ? await this.#directories.within(
        operation,
        full,
        () => calls.open(operation, full, O_RDWR | O_CREAT, this.#fileMode),
      )
      : await calls.open(operation, full, writable ? O_RDWR : O_RDONLY);
    const opened = await this.#admit(operation, full, fd, writable, options.create === true);
    return this.#keep(new FileStream(opened));
  }

  async createRegister(path: string, bytes: Uint8Array): Promise<boolean> {
    return await this.#directories.createRegister(this.#door("create a register", path), bytes);
  }

  async readRegister(path: string): Promise<Uint8Array | undefined> {
    return await this.#directories.readRegister(this.#door("read a register", path));
  }

  async list(directory: string): Promise<string[]> {
    return await this.#directories.list(this.#door("list", directory));
  }

  async remove(path: string): Promise<boolean> {
    return await this.#directories.remove(this.#door("remove", path));
  }

  async resolve(path: string): Promise<string> {
    return await this.#directories.resolve(this.#door("resolve", path));
  }

  async close(): Promise<void> {
    if (this.#closed) throw closedError("close", "storage in files");
    this.#closed = true;
    const endings = await Promise.allSettled([...this.#files].map((file) => file.close()));
    for (const ending of endings) {
      if (ending.status === "rejected" && !isCode(ending.reason, "CLOSED")) throw ending.reason;
    }
  }

  /** Checks the call and makes the path absolute, as it stood: links and `..` are the system's to follow. */
  #door(operation: string, path: string): string {
    if (this.#closed) throw closedError(operation, "storage in files");
    checkPath(operation, path);
    return isAbsolute(path) ? path : `${process.cwd()}/${path}`;
  }

  /**
   * Takes a descriptor in, unless it is no file's. Syncs the directory when the name may be new, since a sync
   * of the file would not make that last.
   */
  async #admit(
    operation: string,
    path: string,
    fd: number,
    writable: boolean,
    sync: boolean,
  ): Promise<OpenedFile> {
    try {
      const status = await calls.status(operation, path, fd);
      if (!status.isFile()) {
        const errno = status.isDirectory() ? "EISDIR" : "EINVAL";
        const facts = { operation, path, errno };
        throw new CohortError("IO", `${operation} needs a file, failed with ${errno}: ${path}`, facts);
      }
      if (sync) await this.#directories.sync(operation, dirname(path));
      if (this.#closed) throw closedError(operation, "storage in files");
      const { dev, ino, size } = status;
      const onClose = (file: OpenFile) => this.#files.delete(file);
      return { path, fd, dev, ino, size, writable, onLoop: this.#onLoop, onClose };
    } catch (error) {
      await calls.close(operation, path, fd);
      throw error;
    }
  }

  #keep<T extends OpenFile>(file: T): T {
    this.#files.add(file);
    return file;
  }
}

class FileVolume extends OpenFile implements VolumeFile {
  readonly blockSize: number;
  /** Whole blocks there are known to be; others may have grown the file since. */
  #blocks: number;
  /** Growths run one after another. */
  #growing: Promise<unknown> = Promise.resolve();

  constructor(opened: OpenedFile, blockSize: number) {
    super(opened);
    this.blockSize = blockSize;
    this.#blocks = Math.floor(opened.size / blockSize);
  }

  read(block: number, into: Uint8Array): Answer<number> {
    this.checkOpen("read blocks");
    checkBlockRead(block, into, this.blockSize);
    return this.readAt("read blocks", block * this.blockSize, into);
  }

  async write(set: readonly BlockWrite[]): Promise<void> {
    this.checkWritable("write blocks");
    const sorted = [...set].sort((a, b) => a.block - b.block);
    await this.hold(async () => {
      const last = sorted.at(-1);
      if (last !== undefined && last.block >= this.#blocks) {
        await this.#measure("write blocks", this.#growing);
      }
      checkBlockWrites(sorted, this.blockSize, this.#blocks);
      const runs = this.#runs(sorted);
      await this.lanes.run(runs.length, async (lane, index) => {
        const run = runs[index]!;
        await lane.write("write blocks", run[0]!.block * this.blockSize, gather(run));
      });
    });
  }

  sync(): Answer<void> {
    this.checkOpen("sync a volume");
    return this.syncNow("sync a volume", false);
  }

  async size(): Promise<number> {
    this.checkOpen("size of a volume");
    await this.#measure("size of a volume", this.#growing);
    return this.#blocks;
  }

  async grow(blocks: number): Promise<void> {
    this.checkWritable("grow a volume");
    checkCount("grow a volume", "number of blocks", blocks);
    const before = this.#growing;
    const growth = this.hold(async () => {
      await before;
      const size = await this.sizeNow("grow a volume");
      if (blocks * this.blockSize > size) await this.fill("grow a volume", size, blocks * this.blockSize);
      this.#blocks = Math.max(this.#blocks, blocks);
    });
    this.#growing = growth.catch(() => {});
    await growth;
  }

  /**
   * Learns the size again; a growth under way counts once it has ended, for until then its zeros may follow.
   */
  async #measure(operation: string, growing: Promise<unknown>): Promise<void> {
    await growing;
    this.#blocks = Math.floor(await this.sizeNow(operation) / this.blockSize);
  }

  /** Consecutive blocks together, as long as they fit one write. */
  #runs(sorted: readonly BlockWrite[]): BlockWrite[][] {
    const runs: BlockWrite[][] = [];
    const lengthMax = Math.max(1, Math.floor(RUN_BYTES_MAX / this.blockSize));
    for (const write of sorted) {
      const run = runs.at(-1);
      if (run !== undefined && run.length < lengthMax && run.at(-1)!.block + 1 === write.block) {
        run.push(write);
      } else runs.push([write]);
    }
    return runs;
  }
}

/** Resolves once the loop has turned. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The bytes of a run in one piece. */
function gather(run: readonly BlockWrite[]): Uint8Array {
  const first = run[0]!.bytes;
  if (run.length === 1) return first;
  const bytes = new Uint8Array(run.length * first.length);
  for (let index = 0; index < run.length; index++) bytes.set(run[index]!.bytes, index * first.length);
  return bytes;
}

class FileStream extends OpenFile implements StreamFile {
  readonly #writePace: Pace;
  /** When a write is to wait for the loop's next turn, in milliseconds. */
  #turnDue = 0;
  /** Bytes up to where something was written or reserved, as far as this handle knows. */
  #end: number;
  /**
   * The reservation under way: what would be written beyond `#end` waits for it, lest its zeros come later.
   */
  #reserving: Promise<void> | undefined;

  constructor(opened: OpenedFile) {
    super(opened);
    this.#writePace = new Pace(opened.onLoop ? WRITE_MS_MAX : 0);
    this.#end = opened.size;
  }

  write(position: number, bytes: Uint8Array): Answer<void> {
    const operation = "write a stream";
    this.checkWritable(operation);
    checkCount(operation, "position", position);
    if (bytes.length === 0) return;
    if (position + bytes.length > this.#end) {
      if (this.#reserving !== undefined) return this.#writeAfter(this.#reserving, position, bytes);
      this.#end = position + bytes.length;
    }
    if (bytes.length > WRITE_ON_LOOP_BYTES_MAX || !this.#writePace.onLoop()) {
      return this.hold(() => this.lanes.run(1, (lane) => lane.write(operation, position, bytes)));
    }
    const start = performance.now();
    let end = start;
    try {
      this.writeNow(operation, position, bytes);
    } finally {
      end = performance.now();
      this.#writePace.took(end - start);
    }
    if (end < this.#turnDue) return;
    this.#turnDue = end + TURN_MS;
    return this.hold(nextTurn);
  }

  read(position: number, into: Uint8Array): Answer<number> {
    this.checkOpen("read a stream");
    checkCount("read a stream", "position", position);
    return this.readAt("read a stream", position, into);
  }

  sync(lone: boolean): Answer<void> {
    this.checkOpen("sync a stream");
    return this.syncNow("sync a stream", lone);
  }

  async reserve(bytes: number): Promise<void> {
    const operation = "reserve a stream";
    this.checkWritable(operation);
    checkCount(operation, "number of bytes", bytes);
    while (this.#reserving !== undefined) await this.#reserving;
    if (bytes <= this.#end) return;
    this.checkWritable(operation);
    const reservation = this.hold(async () => {
      const from = Math.max(this.#end, await this.sizeNow(operation));
      if (from < bytes) await this.fill(operation, from, bytes);
      this.#end = Math.max(from, bytes);
      await this.syncNow(operation, false);
    });
    this.#reserving = reservation.catch(() => {}).then(() => this.#reserving = undefined);
    await reservation;
  }

  async size(): Promise<number> {
    this.checkOpen("size of a stream");
    return await this.sizeNow("size of a stream");
  }

  async #writeAfter(reservation: Promise<void>, position: number, bytes: Uint8Array): Promise<void> {
    await this.hold(async () => {
      await reservation;
      await this.write(position, bytes);
    });
  }
}
