/**
 * The console log: an observer that writes what it is told to a file, one line an event, and passes it on.
 *
 *     2026-01-31T12:00:00.000Z (4711) info TEST$DKA100:[HR]  Clu
 *
 * The number is the process; any number of them may write to one file, each line whole. A file that has grown
 * to `bytesMax` is renamed to `<path>.1`, what had that name to `<path>.2`, and so on; what was last goes.
 * Who still has the renamed file open ends its lines there, and takes the new one for the next. Two processes
 * rotate one at a time by a file `<path>.lock`; one whose process died over it is in the way for ten seconds.
 *
 * It never waits and never throws. What cannot be written, on a full disk say, is dropped and counted, and
 * the count is a line once lines can be written again. So its lines are a help and no proof: they are not
 * synced.
 */
import { type FileHandle, mkdir, open, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { pid } from "node:process";
import { checkOptions, type OptionNames } from "../src/ground/options.ts";
import type { Facts, Observer, ObserverTraits, Severity } from "../src/ports/observer.ts";
import { createLineObserver } from "./observer_lines.ts";

/** Options of {@linkcode createConsoleLog}. */
export interface ConsoleLogOptions {
  /** The file; its directory is made with the first line. */
  readonly path: string;
  /** Is told everything, too. */
  readonly beside?: Observer;
  /** Least grave events that are written: "info" by default. */
  readonly severity?: Severity;
  /** Bytes after which the file is rotated: 1 MiB by default, 4 KiB at least. */
  readonly bytesMax?: number;
  /** Older files that are kept: 4 by default, 1 at least. */
  readonly kept?: number;
}

/** A console log that is open. */
export interface ConsoleLog extends Observer {
  /**
   * Resolves when what it was told is written or dropped, after a second at the latest, and closes the file.
   * What it is told later is only passed on.
   */
  close(): Promise<void>;
}

const CONSOLE_LOG_OPTIONS: OptionNames<ConsoleLogOptions> = {
  path: true,
  beside: true,
  severity: true,
  bytesMax: true,
  kept: true,
};

const BYTES_MAX_DEFAULT = 1024 * 1024;
const BYTES_MAX_LEAST = 4096;
const KEPT_DEFAULT = 4;
const KEPT_MAX = 1000;
/** Characters that may wait to be written; of a line. */
const WAITING_CHARS_MAX = 256 * 1024;
const LINE_CHARS_MAX = 8192;
/** A lock this old is of a process that died. */
const LOCK_MS_MAX = 10_000;
/** How long `close` waits for a disk that does not answer. */
const CLOSE_MS_MAX = 1000;
/** As of the files beside it. */
const FILE_MODE = 0o660;
const DIRECTORY_MODE = 0o770;

/** Makes a console log. It opens nothing before the first line. TypeError or RangeError for wrong options. */
export function createConsoleLog(options: ConsoleLogOptions): ConsoleLog {
  checkOptions(options, CONSOLE_LOG_OPTIONS);
  const { path, bytesMax = BYTES_MAX_DEFAULT, kept = KEPT_DEFAULT } = options;
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError(`make a console log needs the path of a file, got ${JSON.stringify(path)}`);
  }
  if (!Number.isSafeInteger(bytesMax) || bytesMax < BYTES_MAX_LEAST) {
    throw new RangeError(`bytesMax is a whole number from ${BYTES_MAX_LEAST} on, got ${bytesMax}`);
  }
  if (!Number.isSafeInteger(kept) || kept < 1 || kept > KEPT_MAX) {
    throw new RangeError(`kept is a whole number from 1 to ${KEPT_MAX}, got ${kept}`);
  }
  return new FileConsole(new RotatedFile(path, bytesMax, kept), options);
}

class FileConsole implements ConsoleLog {
  readonly traits: ObserverTraits = { version: 1 };
  readonly #file: RotatedFile;
  readonly #lines: Observer;
  readonly #beside: Observer | undefined;
  #waiting: string[] = [];
  #waitingChars = 0;
  /** Lines dropped since the last one that was written. */
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(file: RotatedFile, { beside, severity = "info" }: ConsoleLogOptions) {
    this.#file = file;
    this.#beside = beside;
    this.#lines = createLineObserver({ severity, write: (line) => this.#take(line) });
  }

  event(name: string, severity: Severity, facts: Facts): void {
    this.#lines.event(name, severity, facts);
    this.#beside?.event(name, severity, facts);
  }

  measure(name: string, value: number): void {
    this.#beside?.measure(name, value);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_MS_MAX));
    const closed = (async () => {
      await this.#writing;
      await this.#file.close();
    })();
    await Promise.race([closed.catch(() => {}), late]);
    clearTimeout(timer);
  }

  #take(line: string): void {
    if (this.#closing !== undefined) return;
    const signed = `${line.replace(" ", ` (${pid}) `).slice(0, LINE_CHARS_MAX)}\n`;
    if (this.#waitingChars + signed.length > WAITING_CHARS_MAX) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(signed);
    this.#waitingChars += signed.length;
    this.#writing ??= this.#write();
  }

  /** Writes what waits until nothing does. */
  async #write(): Promise<void> {
    // All lines of this turn go in one write.
    await undefined;
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingChars = 0;
      const dropped = this.#dropped;
      if (dropped > 0) {
        lines.unshift(`${new Date().toISOString()} (${pid}) warn ${dropped} lines were lost\n`);
      }
      try {
        await this.#file.append(lines.join(""));
        this.#dropped -= dropped;
      } catch {
        this.#dropped += lines.length - (dropped > 0 ? 1 : 0);
      }
    }
    this.#writing = undefined;
  }
}

/** A file that is appended to, and rotated when it has become large. */
class RotatedFile {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #kept: number;
  #file: FileHandle | undefined;

  constructor(path: string, bytesMax: number, kept: number) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#kept = kept;
  }

  /** Appends a text, in one write. A file that cannot be rotated takes no more at twice its size. */
  async append(text: string): Promise<void> {
    let file = await this.#current();
    const { size } = await file.stat();
    if (size >= this.#bytesMax) {
      const failure: unknown = await this.#rotate().then(() => undefined, (error) => error);
      file = await this.#current();
      if (failure !== undefined && (await file.stat()).size >= 2 * this.#bytesMax) throw failure;
    }
    await file.appendFile(text);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** The file that has the name now, open. */
  async #current(): Promise<FileHandle> {
    if (this.#file !== undefined && await this.#isNamed(this.#file)) return this.#file;
    await this.close();
    await mkdir(dirname(this.#path), { recursive: true, mode: DIRECTORY_MODE });
    return this.#file = await open(this.#path, "a", FILE_MODE);
  }

  /** Whether an open file still has the name. */
  async #isNamed(file: FileHandle): Promise<boolean> {
    const named = await stat(this.#path, { bigint: true }).catch(() => undefined);
    if (named === undefined) return false;
    const held = await file.stat({ bigint: true });
    return held.ino === named.ino && held.dev === named.dev;
  }

  /** Gives the file another name, unless another process has done so or is about to. Rejects if it cannot. */
  async #rotate(): Promise<void> {
    const lock = `${this.#path}.lock`;
    if (!await this.#lock(lock)) return;
    try {
      // Looked at only now: the one that another process made since may be small.
      const named = await stat(this.#path).catch(orMissing);
      if (named === undefined || named.size < this.#bytesMax) return;
      let older = 0;
      while (older < this.#kept - 1 && await isThere(this.#named(older + 1))) older++;
      for (let number = older; number >= 0; number--) {
        await rename(this.#named(number), this.#named(number + 1));
      }
    } finally {
      await unlink(lock);
    }
  }

  #named(number: number): string {
    return number === 0 ? this.#path : `${this.#path}.${number}`;
  }

  async #lock(lock: string): Promise<boolean> {
    try {
      await (await open(lock, "wx", FILE_MODE)).close();
      return true;
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
      // Two that take an old lock away at once may both rotate: then the oldest lines go earlier, no others.
      const held = await stat(lock).catch(orMissing);
      if (held !== undefined && Date.now() - held.mtimeMs > LOCK_MS_MAX) await unlink(lock);
      return false;
    }
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

function orMissing(error: unknown): undefined {
  if (!hasCode(error, "ENOENT")) throw error;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
