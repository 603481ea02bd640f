/**
 * Storage over a simulated disk: what the engine is given in place of files.
 *
 * Durability by contract: a register is there whole or not at all, durable when answered; a stream's name is
 * durable with its first answered sync; contents and sizes are durable with the sync that follows their
 * answer.
 */
import {
  checkAccess,
  checkPath,
  checkVolumeOptions,
  closedError,
  notFoundError,
} from "../../../adapters/common/storage_arguments.ts";
import type { Answer } from "../../ports/answer.ts";
import type {
  OpenStreamOptions,
  OpenVolumeOptions,
  Storage,
  StorageTraits,
  StreamFile,
  VolumeFile,
} from "../../ports/storage.ts";
import type { FileClass, SimDisk, SimFile } from "./disk.ts";
import type { PortCall } from "./faults.ts";
import type { SimProcess } from "./host.ts";
import { ioError, portCall } from "./port_calls.ts";
import { SimFence } from "./sim_fence.ts";
import { SimStream, SimVolume } from "./sim_files.ts";

/**
 * Sees every block that is written to a volume, and every byte to a stream, at the instant it reaches the
 * cache.
 */
export interface DiskWatch {
  /** Called before the bytes are in the cache. */
  written?(file: SimFile, position: number, bytes: Uint8Array): void;
  /** Called after a sync made changes of the file durable. */
  synced?(file: SimFile): void;
  /** Called before a file's name is taken away. */
  removed?(file: SimFile): void;
}

/** A register of this name is a volume's first image. */
const VOLUME_SUFFIX = ".dat";

/** Storage of one simulated process. */
export class SimStorage implements Storage {
  readonly traits: StorageTraits = {
    version: 1,
    name: "sim",
    shared: true,
    durable: true,
    synchronousReads: true,
    fencing: "kill",
  };
  readonly fence: SimFence;
  readonly #process: SimProcess;
  readonly #watch: DiskWatch;
  readonly #handles = new Set<{ close(): Answer<void> }>();
  #closed = false;

  constructor(process: SimProcess, watch: DiskWatch = {}) {
    this.#process = process;
    this.#watch = watch;
    this.fence = new SimFence(process);
  }

  get #disk(): SimDisk {
    return this.#process.host.disk;
  }

  openVolume(path: string, options: OpenVolumeOptions): Answer<VolumeFile> {
    const operation = "open a volume";
    const name = this.#name(operation, path);
    checkVolumeOptions(options);
    return this.#call("open", operation, name, "volume", () => {
      const file = this.#file(operation, path, name);
      if (file === undefined) throw notFoundError(operation, path);
      return this.#hold(new SimVolume(this.#process, path, file, options, this.#watch, this.#handles));
    });
  }

  openStream(path: string, options: OpenStreamOptions): Answer<StreamFile> {
    const operation = "open a stream";
    const name = this.#name(operation, path);
    checkAccess(operation, options.access);
    const use = classOf(name);
    return this.#call("open", operation, name, use, () => {
      let file = this.#file(operation, path, name);
      if (file === undefined && options.create !== true) throw notFoundError(operation, path);
      if (file === undefined) this.#checkParents(operation, path, name);
      file ??= this.#disk.create(name, use);
      return this.#hold(new SimStream(this.#process, path, file, options, this.#watch, this.#handles));
    });
  }

  createRegister(path: string, bytes: Uint8Array): Answer<boolean> {
    const operation = "create a register";
    const name = this.#name(operation, path);
    const { chance } = this.#process.host;
    const copy = bytes.slice();
    const use = name.endsWith(VOLUME_SUFFIX) ? "volume" : "register";
    let made = false;
    const put = () => {
      if (this.#disk.find(name) !== undefined || this.#disk.isDirectory(name)) return;
      if (this.#disk.fileAbove(name) !== undefined) return;
      const file = this.#disk.create(name, use);
      file.durable.write(0, copy);
      file.cache.write(0, copy);
      made = true;
    };
    return portCall(this.#process, {
      call: "register",
      operation,
      path: name,
      use: "register",
      at: 0,
      length: bytes.length,
      // A register that failed may stand all the same: the link was made, the directory was not synced.
      landings: (fault) =>
        fault === "disk_full" || (fault === "register_error" && chance.chance(1, 2)) ? [] : [put],
      perform: (fault) => {
        if (fault === "register_error") throw ioError("IO", operation, path, "EIO");
        if (fault === "disk_full") throw ioError("FULL", operation, path, "no space");
        if (!made) this.#checkParents(operation, path, name);
        this.#disk.keepName(name);
        return made;
      },
    });
  }

  readRegister(path: string): Answer<Uint8Array | undefined> {
    const operation = "read a register";
    const name = this.#name(operation, path);
    return this.#call("register", operation, name, "register", (fault) => {
      if (fault === "register_error") throw ioError("IO", operation, path, "EIO");
      const file = this.#file(operation, path, name);
      this.#disk.keepName(name);
      return file?.cache.slice(0, file.cache.size);
    });
  }

  list(directory: string): Answer<string[]> {
    const name = this.#name("list", directory);
    return this.#call("list", "list", name, "other", () => {
      if (this.#disk.find(name) !== undefined) throw ioError("IO", "list", directory, "ENOTDIR");
      return this.#disk.list(name);
    });
  }

  remove(path: string): Answer<boolean> {
    const name = this.#name("remove", path);
    return this.#call("remove", "remove", name, "other", () => {
      if (this.#disk.isOccupied(name)) throw ioError("IO", "remove", path, "ENOTEMPTY");
      const file = this.#disk.find(name);
      if (file !== undefined) this.#watch.removed?.(file);
      const removed = this.#disk.unlink(name);
      this.#disk.keepName(name);
      return removed;
    });
  }

  resolve(path: string): Answer<string> {
    const name = this.#name("resolve", path);
    return this.#call("list", "resolve", name, "other", () => name);
  }

  close(): Answer<void> {
    if (this.#closed) throw closedError("close", "simulated storage");
    for (const handle of [...this.#handles]) handle.close();
    this.#closed = true;
  }

  #hold<H extends { close(): Answer<void> }>(handle: H): H {
    this.#handles.add(handle);
    return handle;
  }

  /** The one spelling of a path that may be used. */
  #name(operation: string, path: string): string {
    if (this.#closed) throw closedError(operation, "simulated storage");
    checkPath(operation, path);
    return canonical(path);
  }

  #file(operation: string, path: string, name: string): SimFile | undefined {
    if (this.#disk.isDirectory(name)) throw ioError("IO", operation, path, "EISDIR");
    return this.#disk.find(name);
  }

  #checkParents(operation: string, path: string, name: string): void {
    if (this.#disk.fileAbove(name) !== undefined) throw ioError("IO", operation, path, "ENOTDIR");
  }

  #call<T>(
    call: PortCall,
    operation: string,
    path: string,
    use: FileClass,
    perform: Parameters<typeof portCall<T>>[1]["perform"],
  ): Answer<T> {
    return portCall(this.#process, { call, operation, path, use, at: 0, length: 0, perform });
  }
}

/** What a stream is used for, by the names of CONTRACT: `journal.000001`, `image`. */
export function classOf(path: string): FileClass {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name.startsWith("journal")) return "journal";
  return name.startsWith("image") ? "image" : "other";
}

/** The one spelling of a path in a world without links. */
export function canonical(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
