/**
 * A storage adapter of one's own: all files under one directory, through `node:fs/promises`, every answer a
 * promise.
 *
 * It shows what an adapter owes: whole and durable registers, space that is really there, errors by code,
 * handles that are closed once. It leaves out what makes `storage_file` quick.
 */
import { link, mkdir, open, readdir, readFile, realpath, rmdir, stat, unlink } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import {
  CohortError,
  type Fence,
  type OpenStreamOptions,
  type OpenVolumeOptions,
  type RegisterOptions,
  type Storage,
  type StorageTraits,
  type StreamFile,
  type VolumeFile,
} from "@cohort/db";
import { createFileStorage } from "@cohort/db/adapters/storage_file";
import {
  errno,
  type OpenedFile,
  type PromisesFile,
  PromisesStream,
  PromisesVolume,
  told,
} from "./promises_files.ts";

const TEMPORARY = /^\.new-[0-9a-f-]{36}$/;

/** Makes a storage whose paths all lie under `root`, which is made when first written to. */
export function createPromisesStorage(root: string): Storage {
  return new PromisesStorage(resolve(root));
}

/** A name lasts once its directory is synced. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Owners are processes of this host, so the fence of the built-in files fits, once it is told directories as
 * the host has them.
 */
function fenceUnder(root: string): Fence {
  const fence = createFileStorage().fence;
  const full = (directory: string) => join(root, directory);
  return {
    identify: (nonce) => fence.identify(nonce),
    examine: (owner) => fence.examine(owner),
    openGate: (directory, nonce) => fence.openGate(full(directory), nonce),
    isOver: (directory, nonce) => fence.isOver(full(directory), nonce),
    shutGate: (directory, nonce) => fence.shutGate(full(directory), nonce),
    stop: (owner, options) => fence.stop(owner, { ...options, directories: options.directories.map(full) }),
    sharing: (directory) => fence.sharing(full(directory)),
  };
}

class PromisesStorage implements Storage {
  readonly traits: StorageTraits = {
    version: 1,
    name: "promises",
    shared: true,
    durable: true,
    synchronousReads: false,
    fencing: "kill",
  };
  readonly fence: Fence;
  readonly #root: string;
  /** Held here, lest an open file be collected and closed behind its user's back. */
  readonly #files = new Set<PromisesFile>();
  #closed = false;

  constructor(root: string) {
    this.#root = root;
    this.fence = fenceUnder(root);
  }

  #full(operation: string, path: string): string {
    if (this.#closed) {
      throw new CohortError("CLOSED", `${operation} needs an open storage`, {
        operation,
        path,
      });
    }
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new TypeError(`${operation} needs a path, got ${JSON.stringify(path)}`);
    }
    return join(this.#root, path);
  }

  /** Makes the directories above a path, each synced into its parent before the next. */
  async #ensure(directory: string): Promise<void> {
    const found = await stat(directory).catch((error) => {
      if (errno(error) !== "ENOENT") throw error;
    });
    if (found !== undefined) return;
    await this.#ensure(dirname(directory));
    await mkdir(directory, { mode: 0o770 }).catch((error) => {
      if (errno(error) !== "EEXIST") throw error;
    });
    await syncDirectory(dirname(directory));
  }

  async #open<T extends PromisesFile>(
    operation: string,
    path: string,
    flags: string,
    make: (file: OpenedFile) => T,
  ): Promise<T> {
    const full = this.#full(operation, path);
    return await told(operation, path, async () => {
      if (flags === "a+") {
        // Only to make it: a file opened to append ignores positions.
        await this.#ensure(dirname(full));
        await (await open(full, "a", 0o660)).close();
        await syncDirectory(dirname(full));
      }
      const handle = await open(full, flags === "a+" ? "r+" : flags);
      if (!(await handle.stat()).isFile()) {
        await handle.close();
        throw Object.assign(new Error("is no file"), { code: "EISDIR" });
      }
      const file = make({
        path,
        handle,
        writable: flags !== "r",
        forget: () => this.#files.delete(file),
      });
      this.#files.add(file);
      return file;
    });
  }

  async openVolume(path: string, options: OpenVolumeOptions): Promise<VolumeFile> {
    const { blockSize, access } = options;
    if (!Number.isSafeInteger(blockSize) || blockSize < 512 || blockSize % 512 !== 0) {
      throw new RangeError(`block size must be a multiple of 512, got ${blockSize}`);
    }
    return await this.#open(
      "open a volume",
      path,
      flagsOf(access),
      (file) => new PromisesVolume(file, blockSize),
    );
  }

  async openStream(path: string, options: OpenStreamOptions): Promise<StreamFile> {
    const flags = flagsOf(options.access);
    const stream = await this.#open(
      "open a stream",
      path,
      options.create === true ? "a+" : flags,
      (file) => new PromisesStream({ ...file, writable: flags !== "r" }),
    );
    return stream;
  }

  async createRegister(path: string, bytes: Uint8Array, options: RegisterOptions = {}): Promise<boolean> {
    const operation = "create a register";
    const full = this.#full(operation, path);
    return await told(operation, path, async () => {
      await this.#ensure(dirname(full));
      const temporary = join(dirname(full), `.new-${randomUUID()}`);
      const handle = await open(temporary, "wx", options.ownerOnly === true ? 0o600 : 0o660);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
        await link(temporary, full);
      } catch (error) {
        if (errno(error) === "EEXIST") return false;
        throw error;
      } finally {
        await handle.close();
        await unlink(temporary);
      }
      await syncDirectory(dirname(full));
      return true;
    });
  }

  async readRegister(path: string, options: RegisterOptions = {}): Promise<Uint8Array | undefined> {
    const full = this.#full("read a register", path);
    return await told("read a register", path, async () => {
      try {
        if (options.ownerOnly === true && ((await stat(full)).mode & 0o077) !== 0) {
          throw new CohortError("PERMISSION", `read a register that others may read: ${path}`, { path });
        }
        const bytes = await readFile(full);
        // Whoever made it may not have come to sync the directory yet.
        await syncDirectory(dirname(full));
        return new Uint8Array(bytes);
      } catch (error) {
        if (errno(error) === "ENOENT") return undefined;
        throw error;
      }
    });
  }

  async list(directory: string): Promise<string[]> {
    const full = this.#full("list", directory);
    return await told("list", directory, async () => {
      try {
        return (await readdir(full)).filter((name) => !TEMPORARY.test(name))
          .sort();
      } catch (error) {
        if (errno(error) === "ENOENT") return [];
        throw error;
      }
    });
  }

  async remove(path: string): Promise<boolean> {
    const full = this.#full("remove", path);
    return await told("remove", path, async () => {
      try {
        await ((await stat(full)).isDirectory() ? rmdir(full) : unlink(full));
      } catch (error) {
        if (errno(error) === "ENOENT") return false;
        throw error;
      }
      await syncDirectory(dirname(full));
      return true;
    });
  }

  async resolve(path: string): Promise<string> {
    const full = this.#full("resolve", path);
    return await told("resolve", path, async () => {
      // Links are followed below the root only; all paths of this storage begin there.
      const root = await realpath(this.#root).catch(() => this.#root);
      let real = full.slice(this.#root.length);
      for (let end = full.length; end >= this.#root.length; end = full.lastIndexOf("/", end - 1)) {
        const found = await realpath(full.slice(0, end)).catch(() => undefined);
        if (found === undefined) continue;
        real = found.slice(root.length) + full.slice(end);
        break;
      }
      return real === "" ? "/" : real.replace(/(.)\/+$/, "$1");
    });
  }

  async close(): Promise<void> {
    this.#full("close", "/");
    this.#closed = true;
    for (const file of [...this.#files]) await file.close();
  }
}

function flagsOf(access: string): "r" | "r+" {
  if (access !== "read" && access !== "write") {
    throw new RangeError(`access must be "read" or "write", got ${JSON.stringify(access)}`);
  }
  return access === "read" ? "r" : "r+";
}
