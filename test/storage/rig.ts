/**
 * What storage tests stand on: files in memory that answer late, fail or crash on demand, a clock turned by
 * hand.
 */
import type {
  Answer,
  BlockWrite,
  Clock,
  Facts,
  Fence,
  Observer,
  OpenStreamOptions,
  OpenVolumeOptions,
  Storage,
  StorageTraits,
  StreamFile,
  VolumeFile,
} from "../../src/ports/mod.ts";
import { CohortError } from "../../src/ground/errors.ts";

/** A file: what is read now, and what a loss of the host would leave. */
export class RigFile {
  bytes: Uint8Array = new Uint8Array(0);
  durable: Uint8Array = new Uint8Array(0);

  put(position: number, bytes: Uint8Array): void {
    this.lengthen(position + bytes.length);
    this.bytes.set(bytes, position);
  }

  lengthen(length: number): void {
    if (length <= this.bytes.length) return;
    const grown = new Uint8Array(length);
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** A call that waits for its answer. */
export interface RigCall {
  readonly operation: string;
  readonly path: string;
  readonly answer: () => void;
  readonly fail: (error: unknown) => void;
}

/** Storage under the test's thumb. */
export class RigStorage implements Storage {
  readonly traits: StorageTraits = {
    version: 1,
    name: "rig",
    shared: false,
    durable: true,
    synchronousReads: true,
    fencing: "none",
  };
  readonly files: Map<string, RigFile> = new Map();
  /** Every call: operation, name of the file, and the first number it was given. */
  readonly log: string[] = [];
  /** Operations that answer only when `calls` is worked off. */
  held: Set<string> = new Set();
  readonly calls: RigCall[] = [];
  /** Returns the error of a call that is to fail. */
  fault: (operation: string, path: string) => unknown = () => undefined;
  open = 0;

  get fence(): Fence {
    throw new Error("The rig has no fence");
  }

  openVolume(path: string, options: OpenVolumeOptions): Answer<VolumeFile> {
    const file = this.find(path);
    return this.call("open", path, 0, () => {
      this.open++;
      return new RigVolume(this, path, file, options.blockSize);
    });
  }

  openStream(path: string, options: OpenStreamOptions): Answer<StreamFile> {
    return this.call("open", path, 0, () => {
      let file = this.files.get(path);
      if (file === undefined) {
        if (options.create !== true) {
          throw new CohortError("NOT_FOUND", `Open ${path}: there is no such file`);
        }
        file = new RigFile();
        this.files.set(path, file);
      }
      this.open++;
      return new RigStream(this, path, file);
    });
  }

  createRegister(path: string, bytes: Uint8Array): Answer<boolean> {
    return this.call("register", path, bytes.length, () => {
      if (this.files.has(path)) return false;
      const file = new RigFile();
      file.bytes = bytes.slice();
      file.durable = bytes.slice();
      this.files.set(path, file);
      return true;
    });
  }

  readRegister(path: string): Answer<Uint8Array | undefined> {
    return this.call("readRegister", path, 0, () => this.files.get(path)?.bytes.slice());
  }

  list(directory: string): string[] {
    const names = [...this.files.keys()].filter((path) => path.startsWith(`${directory}/`));
    return names.map((path) => path.slice(directory.length + 1)).sort();
  }

  remove(path: string): Answer<boolean> {
    return this.call("remove", path, 0, () => this.files.delete(path));
  }

  resolve(path: string): string {
    return path;
  }

  close(): void {}

  /** The file at a path, which must be there. */
  find(path: string): RigFile {
    const file = this.files.get(path);
    if (file === undefined) throw new CohortError("NOT_FOUND", `Open ${path}: there is no such file`);
    return file;
  }

  /** What a loss of the host would leave: everything synced, and by `keep` of the rest. */
  crash(keep: (path: string, file: RigFile) => Uint8Array = (_, file) => file.durable): RigStorage {
    const left = new RigStorage();
    for (const [path, file] of this.files) {
      const copy = new RigFile();
      copy.bytes = keep(path, file).slice();
      copy.durable = copy.bytes.slice();
      left.files.set(path, copy);
    }
    return left;
  }

  /**
   * What a loss of the process leaves: everything written, of which the host has made durable what it had.
   */
  kill(): RigStorage {
    const left = this.copy();
    for (const [path, file] of this.files) left.find(path).durable = file.durable.slice();
    return left;
  }

  /** The same files as they read now. */
  copy(): RigStorage {
    return this.crash((_, file) => file.bytes);
  }

  /** Answers the oldest held call. */
  answer(operation?: string): boolean {
    const index = this.calls.findIndex((call) => operation === undefined || call.operation === operation);
    if (index < 0) return false;
    this.calls.splice(index, 1)[0]!.answer();
    return true;
  }

  call<T>(operation: string, path: string, detail: number, run: () => T): Answer<T> {
    this.log.push(`${operation} ${path.slice(path.lastIndexOf("/") + 1)} ${detail}`);
    const error = this.fault(operation, path);
    if (!this.held.has(operation)) {
      if (error !== undefined) throw error;
      return run();
    }
    return new Promise<T>((resolve, reject) => {
      if (error !== undefined) return reject(error);
      this.calls.push({ operation, path, answer: () => resolve(run()), fail: reject });
    });
  }
}

class RigHandle {
  readonly path: string;
  protected readonly storage: RigStorage;
  protected readonly file: RigFile;
  #closed = false;

  constructor(storage: RigStorage, path: string, file: RigFile) {
    this.storage = storage;
    this.path = path;
    this.file = file;
  }

  close(): void {
    if (this.#closed) throw new CohortError("CLOSED", `Close ${this.path}: it is closed`);
    this.#closed = true;
    this.storage.open--;
  }

  protected syncFile(): Answer<void> {
    const { file } = this;
    const covered = file.bytes.slice();
    return this.storage.call("sync", this.path, 0, () => {
      if (covered.length > file.durable.length) {
        const grown = new Uint8Array(covered.length);
        grown.set(file.durable);
        file.durable = grown;
      }
      file.durable.set(covered);
    });
  }
}

class RigStream extends RigHandle implements StreamFile {
  write(position: number, bytes: Uint8Array): Answer<void> {
    return this.storage.call("write", this.path, position, () => this.file.put(position, bytes));
  }

  read(position: number, into: Uint8Array): Answer<number> {
    return this.storage.call("read", this.path, position, () => {
      const part = this.file.bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    });
  }

  sync(lone: boolean): Answer<void> {
    this.storage.log.push(lone ? "lone" : "shared");
    return this.syncFile();
  }

  reserve(bytes: number): Answer<void> {
    return this.storage.call("reserve", this.path, bytes, () => this.file.lengthen(bytes));
  }

  size(): number {
    return this.file.bytes.length;
  }

  identity(): string {
    return this.path;
  }
}

class RigVolume extends RigHandle implements VolumeFile {
  readonly blockSize: number;

  constructor(storage: RigStorage, path: string, file: RigFile, blockSize: number) {
    super(storage, path, file);
    this.blockSize = blockSize;
  }

  read(block: number, into: Uint8Array): number {
    const part = this.file.bytes.subarray(block * this.blockSize, block * this.blockSize + into.length);
    into.set(part);
    return part.length;
  }

  write(set: readonly BlockWrite[]): Answer<void> {
    return this.storage.call("writeBlocks", this.path, set.length, () => {
      for (const { block, bytes } of set) this.file.put(block * this.blockSize, bytes);
    });
  }

  sync(): Answer<void> {
    return this.syncFile();
  }

  size(): number {
    return Math.floor(this.file.bytes.length / this.blockSize);
  }

  grow(blocks: number): void {
    this.file.lengthen(blocks * this.blockSize);
  }
}

/** A clock that stands still until `turn`. */
export class RigClock implements Clock {
  readonly traits = { version: 1, virtual: true } as const;
  now = 0;
  readonly tasks: { at: number; task: () => void; background: boolean }[] = [];

  monotonicMs(): number {
    return this.now;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.now;
  }

  after(delayMs: number, task: () => void, background = false): () => void {
    const entry = { at: this.now + delayMs, task, background };
    this.tasks.push(entry);
    return () => {
      const index = this.tasks.indexOf(entry);
      if (index >= 0) this.tasks.splice(index, 1);
    };
  }

  /** Goes `ms` on and runs what falls due, in order. */
  turn(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const due = this.tasks.filter((entry) => entry.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.tasks.splice(this.tasks.indexOf(due), 1);
      this.now = due.at;
      due.task();
    }
    this.now = until;
  }
}

/** An observer that remembers. */
export class RigObserver implements Observer {
  readonly traits = { version: 1 } as const;
  readonly events: string[] = [];

  event(name: string, _severity: string, _facts: Facts): void {
    this.events.push(name);
  }

  measure(_name: string, _value: number): void {}
}

/** Lets every microtask run that is queued, and those they queue. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await null;
}

/** Whether a promise is still pending. */
export async function isWaiting(promise: Promise<unknown> | undefined): Promise<boolean> {
  if (promise === undefined) return false;
  let done = false;
  promise.then(() => done = true, () => done = true);
  await settle();
  return !done;
}

/** An I/O error as an adapter reports it. */
export function ioError(code: "IO" | "FULL" | "FENCED" = "IO"): CohortError {
  return new CohortError(code, "write a stream failed with EIO: x", {
    operation: "write a stream",
    path: "x",
  });
}
