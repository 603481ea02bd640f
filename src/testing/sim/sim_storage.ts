/**
 * Storage over a simulated disk: what the engine is given in place of files.
 *
 * Durability by contract: a register is there whole or not at all, durable when answered; a stream's name is
 * durable with its first answered sync; contents and sizes are durable with the sync that follows their
 * answer.
 */
import { CohortError } from "../../ground/errors.ts";
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
    fencing: "gate",
  };
  readonly fence: SimFence;
  readonly #process: SimProcess;
  readonly #watch: DiskWatch;
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
    return this.#call("open", "open volume", path, "volume", () => {
      const file = this.#need(path);
      return new SimVolume(this.#process, file, options, this.#watch);
    });
  }

  openStream(path: string, options: OpenStreamOptions): Answer<StreamFile> {
    const use = classOf(path);
    return this.#call("open", "open stream", path, use, () => {
      const found = this.#disk.find(path);
      if (found === undefined && options.create !== true) return this.#need(path) as never;
      return new SimStream(this.#process, found ?? this.#disk.create(path, use), options, this.#watch);
    });
  }

  createRegister(path: string, bytes: Uint8Array): Answer<boolean> {
    const { host } = this.#process;
    const copy = bytes.slice();
    const use = path.endsWith(VOLUME_SUFFIX) ? "volume" : "register";
    let made = false;
    const put = () => {
      if (this.#disk.find(path) !== undefined) return;
      const file = this.#disk.create(path, use);
      file.durable.write(0, copy);
      file.cache.write(0, copy);
      this.#watch.written?.(file, 0, copy);
      made = true;
    };
    return portCall(this.#process, {
      call: "register",
      operation: "create register",
      path,
      use: "register",
      at: 0,
      length: bytes.length,
      // A register that failed may stand all the same: the link was made, the directory was not synced.
      landings: (fault) =>
        fault === "disk_full" || (fault === "register_error" && host.chance.chance(1, 2)) ? [] : [put],
      perform: (fault) => {
        if (fault === "register_error") throw ioError("IO", "create register", path, "EIO");
        if (fault === "disk_full") throw ioError("FULL", "create register", path, "no space");
        this.#disk.keepName(path);
        return made;
      },
    });
  }

  readRegister(path: string): Answer<Uint8Array | undefined> {
    return this.#call("register", "read register", path, "register", (fault) => {
      if (fault === "register_error") throw ioError("IO", "read register", path, "EIO");
      const file = this.#disk.find(path);
      this.#disk.keepName(path);
      return file?.cache.slice(0, file.cache.size);
    });
  }

  list(directory: string): Answer<string[]> {
    return this.#call("list", "list", directory, "other", () => this.#disk.list(trimmed(directory)));
  }

  remove(path: string): Answer<boolean> {
    return this.#call("remove", "remove", path, "other", () => {
      if (this.#disk.isOccupied(trimmed(path))) {
        throw new CohortError("IO", `remove of ${path}: the directory is not empty`, {
          operation: "remove",
          path,
        });
      }
      const removed = this.#disk.unlink(trimmed(path));
      this.#disk.keepName(trimmed(path));
      return removed;
    });
  }

  resolve(path: string): Answer<string> {
    return this.#call("list", "resolve", path, "other", () => canonical(path));
  }

  close(): Answer<void> {
    this.#closed = true;
  }

  #need(path: string): SimFile {
    const file = this.#disk.find(path);
    if (file === undefined) throw new CohortError("NOT_FOUND", `open of ${path}: no such file`, { path });
    return file;
  }

  #call<T>(
    call: PortCall,
    operation: string,
    path: string,
    use: FileClass,
    perform: Parameters<typeof portCall<T>>[1]["perform"],
    length = 0,
  ): Answer<T> {
    if (this.#closed) {
      throw new CohortError("CLOSED", `${operation} of ${path}: the storage is closed`, { path });
    }
    return portCall(this.#process, { call, operation, path, use, at: 0, length, perform });
  }
}

/** What a stream is used for, by the names of CONTRACT: `journal.000001`, `image`. */
export function classOf(path: string): FileClass {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name.startsWith("journal")) return "journal";
  return name.startsWith("image") ? "image" : "other";
}

function trimmed(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
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
