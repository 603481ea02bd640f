/** Volumes and streams of a simulated disk: the page cache, its faults, and what is still on its way. */
import { Buffer } from "node:buffer";
import {
  checkBlockRead,
  checkBlockWrites,
  checkCount,
  closedError,
  readOnlyError,
} from "../../../adapters/common/storage_arguments.ts";
import type { Answer } from "../../ports/answer.ts";
import type {
  BlockWrite,
  OpenStreamOptions,
  OpenVolumeOptions,
  StreamFile,
  VolumeFile,
} from "../../ports/storage.ts";
import type { SimDisk, SimFile, SyncEnd } from "./disk.ts";
import { type Change, SECTOR_BYTES } from "./fates.ts";
import type { FaultKind, PortCall } from "./faults.ts";
import type { SimProcess } from "./host.ts";
import { ioError, portCall } from "./port_calls.ts";
import type { DiskWatch } from "./sim_storage.ts";

/** Blocks of zeros that a volume grows by at a time. */
const GROW_PIECE_BLOCKS = 8;

/** What volumes and streams have in common. */
abstract class SimHandle {
  readonly path: string;
  protected readonly file: SimFile;
  protected readonly process: SimProcess;
  readonly #watch: DiskWatch;
  readonly #writable: boolean;
  readonly #held: Set<unknown>;
  #closed = false;
  /** Nothing that a sync answers is believed any more (DESIGN D4c). */
  #syncFailed = false;
  /** Failed syncs of the file that this handle was told of, or opened after. */
  #errorsTold: number;

  constructor(
    process: SimProcess,
    path: string,
    file: SimFile,
    access: "read" | "write",
    watch: DiskWatch,
    held: Set<unknown>,
  ) {
    this.process = process;
    this.file = file;
    this.path = path;
    this.#writable = access === "write";
    this.#watch = watch;
    this.#held = held;
    this.#errorsTold = file.syncErrors;
  }

  protected get disk(): SimDisk {
    return this.process.host.disk;
  }

  close(): Answer<void> {
    this.check("close", false);
    this.#closed = true;
    this.#held.delete(this);
  }

  protected check(operation: string, writes: boolean): void {
    if (this.#closed) throw closedError(operation, this.path);
    if (writes && !this.#writable) throw readOnlyError(operation, this.path);
  }

  protected call<T>(
    call: PortCall,
    operation: string,
    at: number,
    length: number,
    perform: (fault: FaultKind | undefined) => T,
    landings?: (fault: FaultKind | undefined) => readonly (() => void)[],
    pieces = 1,
  ): Answer<T> {
    const { path, use } = this.file;
    const plan = { call, operation, path, use, at, length, pieces, perform };
    return portCall(this.process, landings === undefined ? plan : { ...plan, landings });
  }

  protected readBytes(position: number, into: Uint8Array): Answer<number> {
    return this.call("read", "read", position, into.length, (fault) => {
      if (fault === "read_error") throw ioError("IO", "read", this.path, "EIO");
      const done = this.file.cache.read(position, into);
      // Of another process it may be, whose write is not answered yet.
      this.file.seen(position, done);
      if (fault === "stale_read") this.#readOlder(position, into.subarray(0, done));
      if (fault !== "short_read" || done === 0) return done;
      const short = this.process.host.chance.below(done);
      into.fill(0, short);
      return short;
    });
  }

  #readOlder(position: number, into: Uint8Array): void {
    const older = this.file.older.get(position);
    if (older !== undefined && older.length >= into.length) into.set(older.subarray(0, into.length));
    else this.file.durable.read(position, into);
  }

  /**
   * Lands one piece of a write: copies the bytes as they are at that instant, and says so if they were
   * touched.
   */
  protected landing(
    position: number,
    bytes: Uint8Array,
    changes: Change[],
    betrayal?: Change["betrayal"],
  ): () => void {
    const { scheduler } = this.process.host;
    const event = scheduler.events;
    const before = bytes.slice();
    return () => {
      // In the event of the call nobody can have touched them.
      const isSame = scheduler.events === event || Buffer.compare(bytes, before) === 0;
      if (!isSame) {
        this.process.host.complain(
          `bytes of a write to ${this.path} at ${position} changed before its answer`,
        );
      }
      const landed = isSame ? before : bytes.slice();
      this.#watch.written?.(this.file, position, landed);
      changes.push(this.disk.write(this.file, position, landed, betrayal));
    };
  }

  /** What a drawn fault makes of a write: where else it goes, if anywhere. */
  protected betrayal(fault: FaultKind | undefined, position: number, unit: number): Change["betrayal"] {
    if (fault === "lost_write") return "lost";
    if (fault !== "misdirected_write") return undefined;
    const units = Math.max(1, Math.floor(this.file.cache.size / unit));
    const other = this.process.host.chance.below(units) * unit;
    return other === position ? "lost" : { position: other };
  }

  sync(_lone = false): Answer<void> {
    this.check("sync", true);
    if (this.#syncFailed) {
      this.process.host.complain(`${this.path} is synced again though a sync of it failed`);
    }
    const covered = coveredBySync(this.file.unsynced);
    return this.call("sync", "sync", this.file.cache.size, covered.size, (fault) => {
      this.disk.endSync(this.file, covered, syncEndOf(fault));
      // As kernels do: what a sync of another lost may have been written by this one.
      if (this.#errorsTold !== this.file.syncErrors) {
        this.#errorsTold = this.file.syncErrors;
        this.#syncFailed = true;
        throw ioError("IO", "sync", this.path, "EIO");
      }
      const { path } = this.file;
      if (fault !== "sync_lie" && this.disk.find(path) === this.file) this.disk.keepName(path);
      if (fault === undefined) this.#watch.synced?.(this.file);
    });
  }

  protected growTo(size: number, operation: string): Answer<void> {
    const changes: Change[] = [];
    return this.call("grow", operation, size, 0, (fault) => {
      if (size <= this.file.cache.size) return;
      if (fault === "write_error") throw ioError("IO", operation, this.path, "EIO");
      if (fault === "disk_full" || this.disk.isFull(this.file, size)) {
        throw ioError("FULL", operation, this.path, "no space");
      }
      changes.push(this.disk.resize(this.file, size));
      for (const change of changes) change.answered = true;
    });
  }
}

/** A sync covers what was answered, and what lies beneath it: the cache holds one version of each byte. */
function coveredBySync(unsynced: readonly Change[]): Set<Change> {
  const covered = new Set<Change>();
  for (let i = unsynced.length - 1; i >= 0; i--) {
    const change = unsynced[i] as Change;
    if (change.answered) {
      covered.add(change);
      continue;
    }
    const end = change.position + change.bytes.length;
    for (const later of covered) {
      if (later.position < end && change.position < later.position + later.bytes.length) {
        covered.add(change);
        break;
      }
    }
  }
  return covered;
}

function syncEndOf(fault: FaultKind | undefined): SyncEnd {
  if (fault === "sync_lie") return "lie";
  if (fault === "sync_error_keep") return "keep";
  return fault === "sync_error_drop" ? "drop" : "done";
}

/** A volume of a simulated disk. */
export class SimVolume extends SimHandle implements VolumeFile {
  readonly blockSize: number;

  constructor(
    process: SimProcess,
    path: string,
    file: SimFile,
    options: OpenVolumeOptions,
    watch: DiskWatch,
    held: Set<unknown>,
  ) {
    super(process, path, file, options.access, watch, held);
    this.blockSize = options.blockSize;
  }

  read(block: number, into: Uint8Array): Answer<number> {
    this.check("read", false);
    checkBlockRead(block, into, this.blockSize);
    return this.readBytes(block * this.blockSize, into);
  }

  write(set: readonly BlockWrite[]): Answer<void> {
    this.check("write", true);
    checkBlockWrites(set, this.blockSize, Math.floor(this.file.cache.size / this.blockSize));
    const { chance } = this.process.host;
    const changes: Change[] = [];
    const landings = (fault: FaultKind | undefined) => {
      const struck = fault === undefined ? -1 : chance.below(Math.max(1, set.length));
      const all = set.map(({ block, bytes }, i) => {
        const at = block * this.blockSize;
        return this.landing(
          at,
          bytes,
          changes,
          i === struck ? this.betrayal(fault, at, this.blockSize) : undefined,
        );
      });
      return fault === "write_error" ? all.filter(() => chance.chance(1, 2)) : all;
    };
    const first = set[0]?.block ?? 0;
    return this.call("write", "write", first, set.length, (fault) => {
      if (fault === "write_error") throw ioError("IO", "write", this.path, "EIO");
      for (const change of changes) change.answered = true;
    }, landings);
  }

  size(): Answer<number> {
    this.check("size", false);
    return this.call("rest", "size", 0, 0, () => Math.floor(this.file.cache.size / this.blockSize));
  }

  /**
   * In pieces of zeros, as a file grows: others may see it, and write to it, between two of them. One that is
   * shared grows behind whatever its end is when a piece comes.
   */
  grow(blocks: number, isShared = false): Answer<void> {
    this.check("grow", true);
    checkCount("grow", "length", blocks);
    const { file, disk } = this;
    const from = file.cache.size;
    const size = blocks * this.blockSize;
    const pieceBytes = GROW_PIECE_BLOCKS * this.blockSize;
    const changes: Change[] = [];
    let isFull = false;
    const piece = (planned: number): void => {
      const at = isShared ? file.cache.size : planned;
      if (at >= size) return;
      const length = Math.min(pieceBytes, size - at);
      isFull ||= disk.isFull(file, at + length);
      if (!isFull) changes.push(disk.fill(file, at, length));
    };
    const pieces = (fault: FaultKind | undefined) => {
      const all: Array<() => void> = [];
      for (let at = from; at < size; at += pieceBytes) all.push(() => piece(at));
      return isGrowFault(fault) ? all.filter(() => this.process.host.chance.chance(1, 2)) : all;
    };
    const count = Math.ceil(Math.max(0, size - from) / pieceBytes);
    return this.call(
      "grow",
      "grow",
      size,
      0,
      (fault) => {
        if (size <= from) return;
        for (const change of changes) change.answered = true;
        if (!isFull && !isGrowFault(fault)) return;
        if (!isShared) disk.cut(file, from);
        if (fault === "write_error") throw ioError("IO", "grow", this.path, "EIO");
        throw ioError("FULL", "grow", this.path, "no space");
      },
      pieces,
      count,
    );
  }
}

function isGrowFault(fault: FaultKind | undefined): boolean {
  return fault === "write_error" || fault === "disk_full";
}

/** A stream of a simulated disk. */
export class SimStream extends SimHandle implements StreamFile {
  constructor(
    process: SimProcess,
    path: string,
    file: SimFile,
    options: OpenStreamOptions,
    watch: DiskWatch,
    held: Set<unknown>,
  ) {
    super(process, path, file, options.access, watch, held);
  }

  write(position: number, bytes: Uint8Array): Answer<void> {
    this.check("write", true);
    checkCount("write", "position", position);
    const { chance } = this.process.host;
    const changes: Change[] = [];
    const end = position + bytes.length;
    const call = end > this.file.cache.size ? "grow" : "write";
    const full = (fault: FaultKind | undefined) => fault === "disk_full" || this.disk.isFull(this.file, end);
    const landings = (fault: FaultKind | undefined) => {
      const fails = fault === "write_error" || (call === "grow" && full(fault));
      const length = fails ? chance.below(bytes.length + 1) : bytes.length;
      const betrayal = this.betrayal(fault, position, SECTOR_BYTES);
      if (betrayal !== undefined) return [this.landing(position, bytes, changes, betrayal)];
      return piecesOf(position, length, chance.below(3)).map(([from, to]) =>
        this.landing(position + from, bytes.subarray(from, to), changes)
      );
    };
    let refused = false;
    return this.call(call, "write", position, bytes.length, (fault) => {
      if (fault === "write_error") throw ioError("IO", "write", this.path, "EIO");
      if (refused) throw ioError("FULL", "write", this.path, "no space");
      for (const change of changes) change.answered = true;
    }, (fault) => {
      refused = call === "grow" && full(fault);
      return landings(fault);
    });
  }

  read(position: number, into: Uint8Array): Answer<number> {
    this.check("read", false);
    checkCount("read", "position", position);
    return this.readBytes(position, into);
  }

  reserve(bytes: number): Answer<void> {
    this.check("reserve", true);
    checkCount("reserve", "length", bytes);
    return this.growTo(bytes, "reserve");
  }

  size(): Answer<number> {
    this.check("size", false);
    return this.call("rest", "size", 0, 0, () => this.file.cache.size);
  }

  identity(): Answer<string> {
    this.check("identity", false);
    return this.call("rest", "identity", 0, 0, () => `sim-${this.file.number}`);
  }
}

/** Cuts [0, length) into pieces at sector borders of the file, `cuts` times at most. */
function piecesOf(position: number, length: number, cuts: number): [number, number][] {
  const pieces: [number, number][] = [];
  let from = 0;
  for (let i = 0; i < cuts; i++) {
    const middle = from + Math.floor((length - from) / 2);
    const to = middle - ((position + middle) % SECTOR_BYTES);
    if (to > from && to < length) {
      pieces.push([from, to]);
      from = to;
    }
  }
  if (length > from) pieces.push([from, length]);
  return pieces;
}
