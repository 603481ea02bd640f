/** Any storage, made hostile: a plan decides for each call what becomes of it. */
import { CohortError, type ErrorCode } from "../ground/errors.ts";
import type {
  Answer,
  BlockWrite,
  Fence,
  OpenStreamOptions,
  OpenVolumeOptions,
  RegisterOptions,
  Storage,
  StorageTraits,
  StreamFile,
  VolumeFile,
} from "../ports/mod.ts";
import type { Fault, FaultCall, FaultOperation, FaultPlan } from "./fault_plan.ts";

/** A fault that struck, and the call it struck. */
export interface StruckFault extends FaultCall {
  /** What became of the call. */
  readonly fault: Fault;
}

/** A storage under a plan. */
export interface FaultStorage extends Storage {
  /** Faults that struck so far, in order; passes are left out. */
  readonly struck: readonly StruckFault[];
}

/** Options of {@linkcode withFaults}. */
export interface FaultStorageOptions {
  /**
   * Whether each write first reads what it replaces, so that a stale read has something to answer. False by
   * default: a stale read then passes, and what passes answers exactly as the storage does.
   */
  readonly remember?: boolean;
}

/** Wraps `storage`: the plan is asked before each call but `close`. */
export function withFaults(
  storage: Storage,
  plan: FaultPlan,
  options: FaultStorageOptions = {},
): FaultStorage {
  return new Wrapped(storage, new Strikes(plan, options.remember ?? false));
}

const PASS: Fault = { kind: "pass" };
/** Writes of a file whose former content is kept for stale reads. */
const REMEMBERED_MAX = 64;

/** Counts calls, asks the plan and applies what is the same for every call. */
class Strikes {
  readonly struck: StruckFault[] = [];
  readonly #plan: FaultPlan;
  readonly #counts = new Map<string, number>();
  #index = 0;
  readonly remember: boolean;

  constructor(plan: FaultPlan, remember: boolean) {
    this.#plan = plan;
    this.remember = remember;
  }

  ask(operation: FaultOperation, path: string): Fault {
    const key = `${operation} ${path}`;
    const nth = this.#counts.get(key) ?? 0;
    this.#counts.set(key, nth + 1);
    const call: FaultCall = { operation, path, nth, index: this.#index++ };
    const fault = this.#plan(call) ?? PASS;
    if (fault.kind !== "pass") this.struck.push({ ...call, fault });
    return fault;
  }

  /** Makes a call, or what became of it. */
  call<T>(operation: FaultOperation, path: string, make: () => Answer<T>): Answer<T> {
    return apply(this.ask(operation, path), operation, path, make);
  }
}

function apply<T>(fault: Fault, operation: FaultOperation, path: string, make: () => Answer<T>): Answer<T> {
  switch (fault.kind) {
    case "delay":
      return later(fault.turns, make);
    case "stall":
      return fault.until.then(make, make);
    case "error":
      throw struckError(fault.code, operation, path, fault.errno);
    default:
      return make();
  }
}

async function later<T>(turns: number, make: () => Answer<T>): Promise<T> {
  const answer = make();
  for (let turn = 0; turn < turns; turn++) await undefined;
  return await answer;
}

function struckError(code: ErrorCode, operation: string, path: string, errno: string): CohortError {
  return new CohortError(code, `${operation} failed with ${errno}: ${path}`, { operation, path, errno });
}

class Wrapped implements FaultStorage {
  readonly traits: StorageTraits;
  readonly fence: Fence;
  readonly #storage: Storage;
  readonly #strikes: Strikes;

  constructor(storage: Storage, strikes: Strikes) {
    this.traits = storage.traits;
    this.fence = storage.fence;
    this.#storage = storage;
    this.#strikes = strikes;
  }

  get struck(): readonly StruckFault[] {
    return this.#strikes.struck;
  }

  openVolume(path: string, options: OpenVolumeOptions): Answer<VolumeFile> {
    const strikes = this.#strikes;
    return strikes.call("openVolume", path, () => {
      const volume = this.#storage.openVolume(path, options);
      return then(volume, (inner) => new WrappedVolume(inner, strikes));
    });
  }

  openStream(path: string, options: OpenStreamOptions): Answer<StreamFile> {
    const strikes = this.#strikes;
    return strikes.call("openStream", path, () => {
      const stream = this.#storage.openStream(path, options);
      return then(stream, (inner) => new WrappedStream(inner, strikes));
    });
  }

  createRegister(path: string, bytes: Uint8Array, options?: RegisterOptions): Answer<boolean> {
    return this.#strikes.call(
      "createRegister",
      path,
      () => this.#storage.createRegister(path, bytes, options),
    );
  }

  readRegister(path: string, options?: RegisterOptions): Answer<Uint8Array | undefined> {
    return this.#strikes.call("readRegister", path, () => this.#storage.readRegister(path, options));
  }

  list(directory: string): Answer<string[]> {
    return this.#strikes.call("list", directory, () => this.#storage.list(directory));
  }

  remove(path: string): Answer<boolean> {
    return this.#strikes.call("remove", path, () => this.#storage.remove(path));
  }

  resolve(path: string): Answer<string> {
    return this.#strikes.call("resolve", path, () => this.#storage.resolve(path));
  }

  close(): Answer<void> {
    return this.#storage.close();
  }
}

/** What a wrapped volume and a wrapped stream share. */
class WrappedFile {
  readonly path: string;
  protected readonly strikes: Strikes;
  /** What the newest writes replaced, for stale reads: newest last. */
  readonly #replaced: { readonly from: number; readonly bytes: Uint8Array }[] = [];
  #syncFailure: CohortError | undefined;

  constructor(path: string, strikes: Strikes) {
    this.path = path;
    this.strikes = strikes;
  }

  /** A read at byte `from` of the file. */
  protected faultyRead(from: number, into: Uint8Array, make: () => Answer<number>): Answer<number> {
    const fault = this.strikes.ask("read", this.path);
    const before = fault.kind === "shortRead" ? into.slice(fault.bytes) : undefined;
    return then(apply(fault, "read", this.path, make), (count) => {
      if (fault.kind === "shortRead") {
        // What was not read stands as it stood.
        into.set(before!, Math.min(fault.bytes, into.length));
        return Math.min(count, fault.bytes);
      }
      if (fault.kind === "staleRead") this.#restore(from, into.subarray(0, count));
      if (fault.kind === "bitFlip" && count > 0) {
        const bit = fault.bit % (8 * count);
        into[bit >> 3]! ^= 1 << (bit & 7);
      }
      return count;
    });
  }

  protected faultySync(make: () => Answer<void>): Answer<void> {
    const fault = this.strikes.ask("sync", this.path);
    if (fault.kind === "syncFailure") {
      this.#syncFailure ??= struckError("SYNC_FAILED", "sync", this.path, "EIO");
    }
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    return apply(fault, "sync", this.path, make);
  }

  /** Keeps what a write is about to replace: `length` bytes from `from`, as far as there are any. */
  protected remember(from: number, length: number, read: (into: Uint8Array) => Answer<number>): Answer<void> {
    if (!this.strikes.remember) return;
    const before = new Uint8Array(length);
    return then(read(before), (count) => {
      this.#replaced.push({ from, bytes: before.subarray(0, count) });
      if (this.#replaced.length > REMEMBERED_MAX) this.#replaced.shift();
    });
  }

  /** Oldest first: of several writes to one place, what stands at the end is what the last one replaced. */
  #restore(from: number, into: Uint8Array): void {
    for (const piece of this.#replaced) {
      const start = Math.max(0, piece.from - from);
      const end = Math.min(into.length, piece.from + piece.bytes.length - from);
      const offset = from - piece.from;
      if (start < end) into.set(piece.bytes.subarray(start + offset, end + offset), start);
    }
  }
}

class WrappedVolume extends WrappedFile implements VolumeFile {
  readonly blockSize: number;
  readonly #inner: VolumeFile;

  constructor(inner: VolumeFile, strikes: Strikes) {
    super(inner.path, strikes);
    this.blockSize = inner.blockSize;
    this.#inner = inner;
  }

  read(block: number, into: Uint8Array): Answer<number> {
    return this.faultyRead(block * this.blockSize, into, () => this.#inner.read(block, into));
  }

  write(set: readonly BlockWrite[]): Answer<void> {
    const fault = this.strikes.ask("write", this.path);
    return apply(fault, "write", this.path, () => {
      let remembered: Answer<void> = undefined;
      for (const { block } of set) {
        remembered = then(remembered, () =>
          this.remember(
            block * this.blockSize,
            this.blockSize,
            (into) => this.#inner.read(block, into),
          ));
      }
      return then(remembered, () => this.#write(fault, set));
    });
  }

  #write(fault: Fault, set: readonly BlockWrite[]): Answer<void> {
    switch (fault.kind) {
      case "lostWrite":
        return;
      case "misdirectedWrite":
        return then(
          this.#inner.size(),
          (blocks) =>
            this.#inner.write(set.map(({ block, bytes }) => ({ block: (block + fault.by) % blocks, bytes }))),
        );
      case "tornWrite":
        return then(this.#torn(set, fault.bytes), (torn) =>
          then(this.#inner.write(torn), () => {
            throw struckError("IO", "write", this.path, "EIO");
          }));
      default:
        return this.#inner.write(set);
    }
  }

  /** The set as far as its first `bytes` bytes, the block they end in half new, half old. */
  #torn(set: readonly BlockWrite[], bytes: number): Answer<BlockWrite[]> {
    const whole = Math.floor(bytes / this.blockSize);
    const torn = set.slice(0, whole);
    const last = set[whole];
    if (last === undefined) return torn;
    const mixed = new Uint8Array(this.blockSize);
    return then(this.#inner.read(last.block, mixed), () => {
      mixed.set(last.bytes.subarray(0, bytes % this.blockSize));
      return [...torn, { block: last.block, bytes: mixed }];
    });
  }

  sync(): Answer<void> {
    return this.faultySync(() => this.#inner.sync());
  }

  size(): Answer<number> {
    return this.strikes.call("size", this.path, () => this.#inner.size());
  }

  grow(blocks: number, isShared?: boolean): Answer<void> {
    return this.strikes.call("grow", this.path, () => this.#inner.grow(blocks, isShared));
  }

  close(): Answer<void> {
    return this.#inner.close();
  }
}

class WrappedStream extends WrappedFile implements StreamFile {
  readonly #inner: StreamFile;

  constructor(inner: StreamFile, strikes: Strikes) {
    super(inner.path, strikes);
    this.#inner = inner;
  }

  write(position: number, bytes: Uint8Array): Answer<void> {
    const fault = this.strikes.ask("write", this.path);
    return apply(fault, "write", this.path, () => {
      const remembered = this.remember(position, bytes.length, (into) => this.#inner.read(position, into));
      return then(remembered, () => this.#write(fault, position, bytes));
    });
  }

  #write(fault: Fault, position: number, bytes: Uint8Array): Answer<void> {
    switch (fault.kind) {
      case "lostWrite":
        return;
      case "misdirectedWrite":
        return this.#inner.write(position + fault.by, bytes);
      case "tornWrite":
        return then(this.#inner.write(position, bytes.subarray(0, fault.bytes)), () => {
          throw struckError("IO", "write", this.path, "EIO");
        });
      default:
        return this.#inner.write(position, bytes);
    }
  }

  read(position: number, into: Uint8Array): Answer<number> {
    return this.faultyRead(position, into, () => this.#inner.read(position, into));
  }

  sync(lone: boolean): Answer<void> {
    return this.faultySync(() => this.#inner.sync(lone));
  }

  reserve(bytes: number): Answer<void> {
    return this.strikes.call("reserve", this.path, () => this.#inner.reserve(bytes));
  }

  size(): Answer<number> {
    return this.strikes.call("size", this.path, () => this.#inner.size());
  }

  identity(): Answer<string> {
    return this.strikes.call("identity", this.path, () => this.#inner.identity());
  }

  close(): Answer<void> {
    return this.#inner.close();
  }
}

function then<T, U>(answer: Answer<T>, next: (value: T) => Answer<U>): Answer<U> {
  return answer instanceof Promise ? answer.then(next) : next(answer);
}
