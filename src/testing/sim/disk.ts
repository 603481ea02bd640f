/**
 * A simulated disk: for each file what is durable, what the page cache shows, and the changes in between.
 *
 * It knows the truth as well: what would be durable had every sync been honest and every write gone where it
 * was sent. `deviations` names the files where a drive's betrayal is still felt, so that checkers know what
 * they may expect.
 */
import { applyFate, type Change, type CutStyle, drawFates, type Fate } from "./fates.ts";
import { PagedBytes } from "./pages.ts";
import type { Prng } from "./prng.ts";

/** What a file is used for; faults are aimed by it. */
export type FileClass = "volume" | "journal" | "image" | "register" | "other";

/**
 * How a sync ends: done; answered but not done; failed with the data still dirty; failed with the data
 * dropped.
 */
export type SyncEnd = "done" | "lie" | "keep" | "drop";

/** One file of a simulated disk. */
export class SimFile {
  readonly path: string;
  readonly use: FileClass;
  /** Number that no other file of its disk ever has. */
  readonly number: number;
  /** What a power cut leaves for certain. */
  durable: PagedBytes = new PagedBytes();
  /** What reads see. */
  cache: PagedBytes = new PagedBytes();
  /** What would be durable without betrayal; undefined while that is `durable` itself. */
  truth: PagedBytes | undefined;
  /** What stood at a position before it was last overwritten; kept only where stale reads are drawn. */
  readonly older: Map<number, Uint8Array> = new Map();
  /** Changes in the cache that no honest sync has covered, oldest first. */
  unsynced: Change[] = [];
  /** What `seen` has looked through already: the list, and how many of its first changes are answered. */
  #looked: { readonly changes: readonly Change[]; answered: number } = { changes: [], answered: 0 };

  /** Syncs of it that failed so far: every handle that was open then is told so, once. */
  syncErrors = 0;

  constructor(path: string, use: FileClass, number: number) {
    this.path = path;
    this.use = use;
    this.number = number;
  }

  /**
   * A range was read from the cache: whatever stands there counts as answered. A slot is written for ever and
   * never synced, so what is answered from the front on is not looked through again.
   */
  seen(position: number, length: number): void {
    const { unsynced } = this;
    if (this.#looked.changes !== unsynced) this.#looked = { changes: unsynced, answered: 0 };
    const looked = this.#looked;
    while (unsynced[looked.answered]?.answered === true) looked.answered++;
    for (let i = looked.answered; i < unsynced.length; i++) {
      const change = unsynced[i] as Change;
      const end = change.position + change.bytes.length;
      if (change.position < position + length && position < end) change.answered = true;
    }
  }

  /**
   * Whether a power cut now would leave what is read: zeros at the end that are gone are read all the same.
   */
  get isDurable(): boolean {
    const { durable, cache } = this;
    if (durable.size >= cache.size) return durable.equals(cache);
    const grown = durable.clone();
    grown.resize(cache.size);
    return grown.equals(cache);
  }

  /** A copy that shares no state; changes are shared, for they never alter. */
  clone(): SimFile {
    const copy = new SimFile(this.path, this.use, this.number);
    copy.durable = this.durable.clone();
    copy.cache = this.cache.clone();
    copy.truth = this.truth?.clone();
    copy.unsynced = this.unsynced.slice();
    return copy;
  }
}

interface Entry {
  /** The file under this name once power is lost. */
  durable: SimFile | undefined;
  /** The file under this name now. */
  cached: SimFile | undefined;
}

/** The files of one host. */
export class SimDisk {
  #entries = new Map<string, Entry>();
  #directories = new Set<string>();
  /** What `list` answered since a name last came or went: members look for new views without end. */
  #listed = new Map<string, readonly string[]>();
  /** Files ever made. */
  #files = 0;
  /** Whether overwritten bytes are kept, for stale reads. */
  keepsOlder = false;
  /** Bytes that may be allocated in all; beyond it is `FULL`. */
  capacityBytes: number = Number.MAX_SAFE_INTEGER;

  /** The file under a name, or undefined. */
  find(path: string): SimFile | undefined {
    return this.#entries.get(path)?.cached;
  }

  /** Makes an empty file and its parents. The name is durable only after `keepName`. */
  create(path: string, use: FileClass): SimFile {
    const file = new SimFile(path, use, ++this.#files);
    const entry = this.#entries.get(path);
    if (entry === undefined) this.#entries.set(path, { durable: undefined, cached: file });
    else entry.cached = file;
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      this.#directories.add(path.slice(0, at));
    }
    this.#listed.clear();
    return file;
  }

  /** Makes what stands under the name now stand there for good. */
  keepName(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    entry.durable = entry.cached;
    if (entry.cached === undefined) this.#entries.delete(path);
  }

  /** True when a power cut would leave the name as it stands now. */
  isNameKept(path: string): boolean {
    const entry = this.#entries.get(path);
    return entry === undefined || entry.durable === entry.cached;
  }

  /** Takes a name away; for good only after `keepName`. False when there was none. */
  unlink(path: string): boolean {
    const entry = this.#entries.get(path);
    this.#listed.clear();
    if (entry?.cached === undefined) {
      if (!this.#directories.has(path) || this.list(path).length > 0) return false;
      return this.#directories.delete(path);
    }
    entry.cached = undefined;
    return true;
  }

  /** True when there is such a directory. */
  isDirectory(path: string): boolean {
    return path === "/" || this.#directories.has(path);
  }

  /** The file that stands where a directory above `path` would have to be. */
  fileAbove(path: string): SimFile | undefined {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const file = this.find(path.slice(0, at));
      if (file !== undefined) return file;
    }
    return undefined;
  }

  /** True when there is such a directory with something in it. */
  isOccupied(path: string): boolean {
    return this.#directories.has(path) && this.list(path).length > 0;
  }

  /** Names in a directory, sorted by code unit. */
  list(directory: string): string[] {
    let names = this.#listed.get(directory);
    if (names === undefined) this.#listed.set(directory, names = this.#namesIn(directory));
    return names.slice();
  }

  #namesIn(directory: string): string[] {
    const prefix = directory === "/" ? "/" : `${directory}/`;
    const names = new Set<string>();
    const add = (path: string) => {
      if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split("/", 1)[0] as string);
    };
    for (const [path, entry] of this.#entries) if (entry.cached !== undefined) add(path);
    for (const path of this.#directories) if (path.length > prefix.length) add(path);
    return [...names].sort();
  }

  /** All files there are now, by path. */
  files(): SimFile[] {
    const files: SimFile[] = [];
    for (const entry of this.#entries.values()) if (entry.cached !== undefined) files.push(entry.cached);
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Bytes allocated to files. */
  usedBytes(): number {
    let used = 0;
    for (const entry of this.#entries.values()) used += entry.cached?.cache.size ?? 0;
    return used;
  }

  /** True when growing `file` to `size` would pass the capacity. */
  isFull(file: SimFile | undefined, size: number): boolean {
    const grown = size - (file?.cache.size ?? 0);
    if (grown <= 0 || this.capacityBytes === Number.MAX_SAFE_INTEGER) return false;
    return this.usedBytes() + grown > this.capacityBytes;
  }

  /** Writes to the page cache. `bytes` are kept, not copied. */
  write(file: SimFile, position: number, bytes: Uint8Array, betrayal?: Change["betrayal"]): Change {
    const change: Change = { kind: "write", position, bytes, answered: false, betrayal, promised: false };
    if (this.keepsOlder) file.older.set(position, file.cache.slice(position, bytes.length));
    file.cache.write(position, bytes);
    file.unsynced.push(change);
    return change;
  }

  /** Sets the size in the page cache. */
  resize(file: SimFile, size: number): Change {
    const bytes = new Uint8Array(0);
    const change: Change = { kind: "resize", position: size, bytes, answered: false, promised: false };
    file.cache.resize(size);
    file.unsynced.push(change);
    return change;
  }

  /** Writes zeros to the page cache, as files are lengthened. */
  fill(file: SimFile, position: number, length: number): Change {
    const bytes = new Uint8Array(length);
    const change: Change = { kind: "write", position, bytes, isFill: true, answered: false, promised: false };
    file.cache.write(position, bytes);
    file.unsynced.push(change);
    return change;
  }

  /** Cuts a file in the page cache: what was written behind `size` is gone. */
  cut(file: SimFile, size: number): void {
    if (size < file.cache.size) file.cache.resize(size);
    file.unsynced = file.unsynced.filter(({ kind, position }) =>
      position < size + (kind === "resize" ? 1 : 0)
    );
  }

  /** Ends a sync over `covered`, which are changes that were answered when it began. */
  endSync(file: SimFile, covered: ReadonlySet<Change>, end: SyncEnd): void {
    if (end === "keep" || end === "drop") file.syncErrors++;
    if (end === "keep") return;
    if (end !== "done") file.truth ??= file.durable.clone();
    const kept: Change[] = [];
    for (const change of file.unsynced) {
      if (!covered.has(change)) {
        kept.push(change);
      } else if (end === "done") {
        settle(file, change);
      } else if (end === "lie") {
        if (!change.promised) applyWhole(file.truth as PagedBytes, change);
        change.promised = true;
        kept.push(change);
      }
      // `drop`: the pages are clean now, the cache still shows them, and the drive never got them. A failed
      // sync promised nothing, so truth does not have them either.
    }
    file.unsynced = kept;
    forgetTruth(file);
  }

  /**
   * Writes `bytes` over what is durable, cached and nowhere else: damage at rest. Truth keeps what was there.
   */
  damage(file: SimFile, position: number, mask: number): void {
    file.truth ??= file.durable.clone();
    file.durable.flip(position, mask);
    file.cache.flip(position, mask);
  }

  /**
   * Puts the durable image in place of the cached one over a range, as when clean pages are dropped and read
   * again.
   */
  evict(file: SimFile, position: number, length: number): void {
    const fresh = file.durable.slice(position, Math.min(length, file.cache.size - position));
    if (fresh.length > 0) file.cache.write(position, fresh);
    for (const change of file.unsynced) {
      if (change.kind === "write") file.cache.write(change.position, change.bytes);
    }
  }

  /**
   * The power goes: of every unsynced change a drawn part survives, and of every unsynced name either form.
   */
  powerCut(chance: Prng, style: CutStyle | "mixed"): void {
    this.#listed.clear();
    for (const [path, entry] of [...this.#entries]) {
      if (entry.durable !== entry.cached && chance.chance(1, 2)) entry.durable = entry.cached;
      const file = entry.durable;
      entry.cached = file;
      if (file === undefined) {
        this.#entries.delete(path);
        continue;
      }
      const own = style === "mixed" ? chance.pick(STYLES) : style;
      this.#lose(file, drawFates(chance, file.unsynced, own));
    }
  }

  /** As `powerCut`, with the fates given by path; files not named lose all that is unsynced. */
  powerCutExactly(fates: ReadonlyMap<string, readonly Fate[]>, names: ReadonlySet<string>): void {
    this.#listed.clear();
    for (const [path, entry] of [...this.#entries]) {
      if (names.has(path)) entry.durable = entry.cached;
      entry.cached = entry.durable;
      if (entry.cached === undefined) this.#entries.delete(path);
      else this.#lose(entry.cached, fates.get(path) ?? []);
    }
  }

  #lose(file: SimFile, fates: readonly Fate[]): void {
    file.unsynced.forEach((change, i) => {
      const fate = fates[i];
      if (fate === undefined) return;
      if (file.truth !== undefined && !change.promised) applyFate(file.truth, change, fate);
      applyFate(file.durable, change, fate);
    });
    file.unsynced = [];
    file.cache = file.durable.clone();
    forgetTruth(file);
  }

  /** Paths of names that a power cut may leave either way. */
  unkeptNames(): string[] {
    return [...this.#entries].filter(([, entry]) => entry.durable !== entry.cached).map(([path]) => path)
      .sort();
  }

  /** Files whose durable bytes are not what honest hardware would hold. */
  deviations(): SimFile[] {
    return this.files().filter((file) => file.truth !== undefined && !file.truth.equals(file.durable));
  }

  /** A copy of the whole disk; pages are shared until changed. */
  clone(): SimDisk {
    const copy = new SimDisk();
    const known = new Map<SimFile, SimFile>();
    const cloneOf = (file: SimFile | undefined): SimFile | undefined => {
      if (file === undefined) return undefined;
      let twin = known.get(file);
      if (twin === undefined) {
        twin = file.clone();
        known.set(file, twin);
      }
      return twin;
    };
    for (const [path, entry] of this.#entries) {
      copy.#entries.set(path, { durable: cloneOf(entry.durable), cached: cloneOf(entry.cached) });
    }
    copy.#directories = new Set(this.#directories);
    copy.capacityBytes = this.capacityBytes;
    copy.#files = this.#files;
    return copy;
  }
}

const STYLES: readonly CutStyle[] = ["none", "all", "prefix", "random", "one_lost", "one_kept", "torn"];

/** A synced change reaches the drive, unless the drive betrays. */
function settle(file: SimFile, change: Change): void {
  const betrayal = change.betrayal;
  if (betrayal === undefined) {
    if (file.truth !== undefined && !change.promised) applyWhole(file.truth, change);
    return applyWhole(file.durable, change);
  }
  file.truth ??= file.durable.clone();
  applyWhole(file.truth, change);
  if (betrayal !== "lost") {
    file.durable.write(betrayal.position, change.bytes);
    file.cache.write(betrayal.position, change.bytes);
  }
  // The drive is read again from now on, and shows what it really holds.
  const old = file.durable.slice(change.position, change.bytes.length);
  file.cache.write(
    change.position,
    old.length === change.bytes.length ? old : new Uint8Array(change.bytes.length),
  );
}

function applyWhole(image: PagedBytes, change: Change): void {
  if (change.kind === "write") image.write(change.position, change.bytes);
  else if (image.size < change.position) image.resize(change.position);
}

function forgetTruth(file: SimFile): void {
  if (file.truth !== undefined && !file.unsynced.some((c) => c.promised) && file.truth.equals(file.durable)) {
    file.truth = undefined;
  }
}
