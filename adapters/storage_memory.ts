/**
 * Storage in memory: every answer is a value, nothing survives the process.
 *
 * Several nodes of one process may share one object: they then see the same files, as processes do on a disk.
 * Paths are normalised against a root `/`; directories come and go as on a file system.
 */
import { CohortError } from "../src/ground/errors.ts";
import { checkOptions, type OptionNames } from "../src/ground/options.ts";
import type {
  BlockWrite,
  Fence,
  OpenStreamOptions,
  OpenVolumeOptions,
  Storage,
  StorageTraits,
  StreamFile,
  VolumeFile,
} from "../src/ports/mod.ts";
import { MemoryFence } from "./common/memory_fence.ts";
import { MemoryFile } from "./common/memory_file.ts";
import {
  checkAccess,
  checkBlockRead,
  checkBlockWrites,
  checkCount,
  checkPath,
  checkVolumeOptions,
  closedError,
  notFoundError,
  readOnlyError,
} from "./common/storage_arguments.ts";

/** Options of {@linkcode createMemoryStorage}. */
export interface MemoryStorageOptions {
  /** Most bytes of all files together; what would exceed it is refused with `FULL`. Unbounded by default. */
  readonly bytesMax?: number;
}

const TRAITS: StorageTraits = {
  version: 1,
  name: "memory",
  shared: false,
  durable: false,
  synchronousReads: true,
  fencing: "none",
};

const MEMORY_STORAGE_OPTIONS: OptionNames<MemoryStorageOptions> = { bytesMax: true };

/**
 * Makes an empty storage in memory. It holds its files until it is dropped; `close` only refuses further use.
 */
export function createMemoryStorage(options: MemoryStorageOptions = {}): Storage {
  checkOptions(options, MEMORY_STORAGE_OPTIONS);
  const { bytesMax = Infinity } = options;
  if (!(bytesMax >= 0)) throw new RangeError(`bytesMax must not be negative, got ${bytesMax}`);
  return new MemoryStorage(bytesMax);
}

/** Counts the bytes of all files against the bound. */
class Space {
  #used = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes `bytes` more, or throws `FULL` and takes none. */
  take(operation: string, path: string, bytes: number): void {
    if (bytes > 0 && this.#used + bytes > this.#bytesMax) {
      const room = this.#bytesMax - this.#used;
      throw new CohortError("FULL", `${operation} needs ${bytes} more bytes, ${room} are left: ${path}`, {
        operation,
        path,
        errno: "ENOSPC",
      });
    }
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

class MemoryStorage implements Storage {
  readonly traits: StorageTraits = TRAITS;
  readonly fence: Fence = new MemoryFence();
  /** Every name below the root: a file, or null for a directory. */
  readonly #names = new Map<string, MemoryFile | null>();
  readonly #handles = new Set<MemoryHandle>();
  readonly #space: Space;
  #closed = false;

  constructor(bytesMax: number) {
    this.#space = new Space(bytesMax);
  }

  openVolume(path: string, options: OpenVolumeOptions): VolumeFile {
    const file = this.#find("open a volume", path);
    checkVolumeOptions(options);
    if (file === undefined) throw notFoundError("open a volume", path);
    return this.#hold(
      new MemoryVolume(path, file, options.access, this.#space, this.#handles, options.blockSize),
    );
  }

  openStream(path: string, options: OpenStreamOptions): StreamFile {
    let file = this.#find("open a stream", path);
    checkAccess("open a stream", options.access);
    if (file === undefined) {
      if (options.create !== true) throw notFoundError("open a stream", path);
      file = this.#create("open a stream", path);
    }
    return this.#hold(new MemoryStream(path, file, options.access, this.#space, this.#handles));
  }

  createRegister(path: string, bytes: Uint8Array): boolean {
    this.#checkOpen("create a register", path);
    if (this.#names.has(normalize(path))) return false;
    this.#space.take("create a register", path, bytes.length);
    try {
      this.#create("create a register", path).write(0, bytes);
    } catch (error) {
      this.#space.give(bytes.length);
      throw error;
    }
    return true;
  }

  readRegister(path: string): Uint8Array | undefined {
    const file = this.#find("read a register", path);
    if (file === undefined) return undefined;
    const bytes = new Uint8Array(file.size);
    file.read(0, bytes);
    return bytes;
  }

  list(directory: string): string[] {
    this.#checkOpen("list", directory);
    const parent = normalize(directory);
    if (this.#names.get(parent) instanceof MemoryFile) throw badPath("list", directory, "ENOTDIR");
    const prefix = parent === "/" ? "/" : `${parent}/`;
    const names: string[] = [];
    for (const name of this.#names.keys()) {
      if (name.startsWith(prefix) && !name.includes("/", prefix.length)) {
        names.push(name.slice(prefix.length));
      }
    }
    return names.sort();
  }

  remove(path: string): boolean {
    this.#checkOpen("remove", path);
    const name = normalize(path);
    const file = this.#names.get(name);
    if (file === undefined) return false;
    if (file === null && this.list(path).length > 0) throw badPath("remove", path, "ENOTEMPTY");
    this.#names.delete(name);
    if (file !== null) {
      file.removed = true;
      if (file.handles === 0) this.#space.give(file.size);
    }
    return true;
  }

  resolve(path: string): string {
    this.#checkOpen("resolve", path);
    return normalize(path);
  }

  close(): void {
    if (this.#closed) throw closedError("close", "storage in memory");
    for (const handle of [...this.#handles]) handle.close();
    this.#closed = true;
  }

  #checkOpen(operation: string, path: string): void {
    if (this.#closed) throw closedError(operation, "storage in memory");
    checkPath(operation, path);
  }

  /** The file of this name, if any; a directory of this name or a file above it is an error. */
  #find(operation: string, path: string): MemoryFile | undefined {
    this.#checkOpen(operation, path);
    const file = this.#names.get(normalize(path));
    if (file === null) throw badPath(operation, path, "EISDIR");
    return file;
  }

  #create(operation: string, path: string): MemoryFile {
    const name = normalize(path);
    if (name === "/") throw badPath(operation, path, "EISDIR");
    const missing: string[] = [];
    for (let end = name.lastIndexOf("/"); end > 0; end = name.lastIndexOf("/", end - 1)) {
      const parent = this.#names.get(name.slice(0, end));
      if (parent === null) break;
      if (parent !== undefined) throw badPath(operation, path, "ENOTDIR");
      missing.push(name.slice(0, end));
    }
    for (const directory of missing) this.#names.set(directory, null);
    const file = new MemoryFile();
    this.#names.set(name, file);
    return file;
  }

  #hold<T extends MemoryHandle>(handle: T): T {
    this.#handles.add(handle);
    return handle;
  }
}

/** What a volume and a stream share: one open file, its access, and being closed once. */
class MemoryHandle {
  readonly path: string;
  protected readonly file: MemoryFile;
  readonly #space: Space;
  readonly #handles: Set<MemoryHandle>;
  readonly #writable: boolean;
  #closed = false;

  constructor(path: string, file: MemoryFile, access: string, space: Space, handles: Set<MemoryHandle>) {
    this.path = path;
    this.file = file;
    this.#space = space;
    this.#handles = handles;
    this.#writable = access === "write";
    file.handles++;
  }

  close(): void {
    this.checkOpen("close");
    this.#closed = true;
    this.#handles.delete(this);
    this.file.handles--;
    if (this.file.removed && this.file.handles === 0) this.#space.give(this.file.size);
  }

  protected checkOpen(operation: string): void {
    if (this.#closed) throw closedError(operation, this.path);
  }

  protected checkWritable(operation: string): void {
    this.checkOpen(operation);
    if (!this.#writable) throw readOnlyError(operation, this.path);
  }

  /** Makes the file at least `bytes` long, or throws `FULL`. */
  protected lengthen(operation: string, bytes: number): void {
    if (bytes <= this.file.size) return;
    this.#space.take(operation, this.path, bytes - this.file.size);
    this.file.size = bytes;
  }
}

class MemoryVolume extends MemoryHandle implements VolumeFile {
  readonly blockSize: number;

  constructor(
    path: string,
    file: MemoryFile,
    access: string,
    space: Space,
    handles: Set<MemoryHandle>,
    blockSize: number,
  ) {
    super(path, file, access, space, handles);
    this.blockSize = blockSize;
  }

  read(block: number, into: Uint8Array): number {
    this.checkOpen("read blocks");
    checkBlockRead(block, into, this.blockSize);
    return this.file.read(block * this.blockSize, into);
  }

  write(set: readonly BlockWrite[]): void {
    this.checkWritable("write blocks");
    checkBlockWrites(set, this.blockSize, this.#blocks());
    for (let index = 0; index < set.length; index++) {
      this.file.write(set[index]!.block * this.blockSize, set[index]!.bytes);
    }
  }

  sync(): void {
    this.checkOpen("sync a volume");
  }

  size(): number {
    this.checkOpen("size of a volume");
    return this.#blocks();
  }

  grow(blocks: number): void {
    this.checkWritable("grow a volume");
    checkCount("grow a volume", "number of blocks", blocks);
    this.lengthen("grow a volume", blocks * this.blockSize);
  }

  #blocks(): number {
    return Math.floor(this.file.size / this.blockSize);
  }
}

class MemoryStream extends MemoryHandle implements StreamFile {
  write(position: number, bytes: Uint8Array): void {
    this.checkWritable("write a stream");
    checkCount("write a stream", "position", position);
    this.lengthen("write a stream", bytes.length === 0 ? 0 : position + bytes.length);
    this.file.write(position, bytes);
  }

  read(position: number, into: Uint8Array): number {
    this.checkOpen("read a stream");
    checkCount("read a stream", "position", position);
    return this.file.read(position, into);
  }

  sync(_lone: boolean): void {
    this.checkOpen("sync a stream");
  }

  reserve(bytes: number): void {
    this.checkWritable("reserve a stream");
    checkCount("reserve a stream", "number of bytes", bytes);
    this.lengthen("reserve a stream", bytes);
  }

  size(): number {
    this.checkOpen("size of a stream");
    return this.file.size;
  }

  identity(): string {
    this.checkOpen("identity of a stream");
    return `memory-${this.file.number}`;
  }
}

/** One spelling of a path: absolute, without `.`, `..`, doubled or trailing slashes. */
function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function badPath(operation: string, path: string, errno: "EISDIR" | "ENOTDIR" | "ENOTEMPTY"): CohortError {
  return new CohortError("IO", `${operation} failed with ${errno}: ${path}`, { operation, path, errno });
}
