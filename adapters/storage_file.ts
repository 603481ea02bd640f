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
import { CohortError, isCode } from "../src/ground/errors.ts";
import { checkOptions, type OptionNames } from "../src/ground/options.ts";
import type {
  Fence,
  OpenStreamOptions,
  OpenVolumeOptions,
  RegisterOptions,
  Storage,
  StorageTraits,
  StreamFile,
  VolumeFile,
} from "../src/ports/mod.ts";
import { checkAccess, checkPath, checkVolumeOptions, closedError } from "./common/storage_arguments.ts";
import { createProcessFence } from "./fence_process.ts";
import * as calls from "./file/calls.ts";
import { Directories } from "./file/directories.ts";
import { FileStream } from "./file/file_stream.ts";
import { FileVolume } from "./file/file_volume.ts";
import type { OpenedFile, OpenFile } from "./file/open_file.ts";

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
    const { directoryMode = 0o770 } = options;
    this.#directories = new Directories(this.#fileMode, directoryMode);
    this.#onLoop = options.onLoop ?? true;
    this.traits = {
      version: 1,
      name: "file",
      shared: true,
      durable: true,
      synchronousReads: this.#onLoop,
      modes: `files 0${this.#fileMode.toString(8)}, directories 0${directoryMode.toString(8)}`,
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

  async createRegister(path: string, bytes: Uint8Array, options: RegisterOptions = {}): Promise<boolean> {
    const full = this.#door("create a register", path);
    return await this.#directories.createRegister(full, bytes, options.ownerOnly === true);
  }

  async readRegister(path: string, options: RegisterOptions = {}): Promise<Uint8Array | undefined> {
    const full = this.#door("read a register", path);
    return await this.#directories.readRegister(full, options.ownerOnly === true);
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
