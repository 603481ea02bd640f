/**
 * Import: nodes from a stream of ZWR, GO or JSON Lines, in bounded memory.
 *
 * What cannot be read or stored is told by its line, and the rest is loaded. Records are set in their order,
 * the last of one reference wins; some thousands are on their way to the journal at a time. Measured against
 * changes of 64 to 1,000 records and against transactions: sets cost the same on Bun and less on Deno, though
 * they journal twice the bytes.
 */
import { CohortError } from "../ground/errors.ts";
import { checkName } from "../ground/name.ts";
import { checkOptions, checkType, type OptionNames } from "../ground/options.ts";
import type { Charset } from "../ground/reference.ts";
import type { Value } from "../ground/value.ts";
import type { DatabaseCore } from "./database.ts";
import { Global } from "./global.ts";
import type { JsonNode } from "./json_line.ts";
import { checkWait } from "./patience.ts";
import { CHARSETS, TEXT_FORMATS, type TextFormat } from "./text_header.ts";
import { TextLines } from "./text_lines.ts";
import { TextRecords } from "./text_records.ts";

/** How far an import is. */
export interface ImportProgress {
  /** Bytes read. */
  readonly bytes: number;
  /** Nodes set. */
  readonly records: number;
  /** Records that were refused. */
  readonly badRecords: number;
}

/** What an import did. */
export interface ImportReport extends ImportProgress {
  /** The format that was read. */
  readonly format: TextFormat;
  /** The charset it was read in. */
  readonly charset: Charset;
}

/** A record that was refused. */
export interface BadRecord {
  /** Its line, from 1; of GO the one with the reference. */
  readonly line: number;
  /** Why: `SYNTAX`, or what the set was refused with. */
  readonly problem: Error;
}

/** Options of `importText`. */
export interface ImportOptions {
  /**
   * What the lines are; told by the header by default, or by the first record of a file without one. GO
   * without a header is to be named.
   */
  readonly format?: TextFormat;
  /**
   * `"M"`: a byte is a character of U+0000 to U+00FF. Told by line 1 by default. JSON Lines are always UTF-8.
   */
  readonly charset?: Charset;
  /** Told after every chunk. */
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Told of each record that is refused. */
  readonly onBadRecord?: (record: BadRecord) => void;
  /** Ends the import with its reason; what was set by then stays. */
  readonly signal?: AbortSignal;
}

const IMPORT_OPTIONS: OptionNames<ImportOptions> = {
  format: true,
  charset: true,
  onProgress: true,
  onBadRecord: true,
  signal: true,
};

/** Sets on their way at a time. */
const WINDOW = 8192;
/** Faces of globals kept; a file may name any number. */
const GLOBALS_KEPT = 1024;

/**
 * Sets every node that `source` holds; resolves when all of them are acknowledged. Rejects `SYNTAX` for a
 * file that is none of the formats, what `set` rejects for any cause but the record itself, the reason of the
 * signal, and the source's errors.
 */
export function importInto(
  database: DatabaseCore,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  checkOptions(options, IMPORT_OPTIONS);
  checkWait(options);
  checkType("onProgress", options.onProgress, "function");
  checkType("onBadRecord", options.onBadRecord, "function");
  if (!isIterable(source)) {
    throw new TypeError(
      `A source gives chunks of bytes one by one, got ${source === null ? "null" : typeof source}`,
    );
  }
  const { format, charset } = options;
  if (format !== undefined) checkChoice("format", format, TEXT_FORMATS);
  if (charset !== undefined) checkChoice("charset", charset, CHARSETS);
  return new Import(database, options).run(source);
}

function isIterable(source: unknown): boolean {
  const them = Object(source) as { [Symbol.asyncIterator]?: unknown; [Symbol.iterator]?: unknown };
  return typeof (them[Symbol.asyncIterator] ?? them[Symbol.iterator]) === "function";
}

/** Throws RangeError unless an option has one of its values. */
export function checkChoice(name: string, value: unknown, choices: readonly string[]): void {
  if (typeof value === "string" && choices.includes(value)) return;
  const list = choices.map((it) => JSON.stringify(it)).join(", ");
  throw new RangeError(`${name} is one of ${list}, got ${JSON.stringify(value) ?? String(value)}`);
}

class Import {
  readonly #database: DatabaseCore;
  readonly #options: ImportOptions;
  readonly #lines: TextLines = new TextLines();
  readonly #records: TextRecords;
  readonly #globals = new Map<string, Global>();
  readonly #window: Array<Promise<void>> = [];
  #bytes = 0;
  #recordCount = 0;
  #badCount = 0;

  constructor(database: DatabaseCore, options: ImportOptions) {
    this.#database = database;
    this.#options = options;
    this.#records = new TextRecords(this.#lines, options);
  }

  async run(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<ImportReport> {
    this.#database.admitWrite();
    this.#options.signal?.throwIfAborted();
    try {
      for await (const chunk of source) {
        if (!(chunk instanceof Uint8Array)) {
          throw new TypeError(`Import a chunk of type ${typeof chunk}, not bytes`);
        }
        await this.#take(chunk);
      }
      this.#lines.end();
      await this.#drain();
      this.#end();
      await this.#settle();
    } finally {
      // After an error nothing may reject behind the caller's back.
      await Promise.allSettled(this.#window);
    }
    return { ...this.#progress(), format: this.#records.format!, charset: this.#records.charset };
  }

  async #take(chunk: Uint8Array): Promise<void> {
    this.#options.signal?.throwIfAborted();
    if (!(chunk instanceof Uint8Array)) {
      throw new TypeError(`A source gives chunks of bytes, got ${chunk === null ? "null" : typeof chunk}`);
    }
    this.#bytes += chunk.length;
    this.#lines.feed(chunk);
    await this.#drain();
    this.#options.onProgress?.(this.#progress());
  }

  #progress(): ImportProgress {
    return { bytes: this.#bytes, records: this.#recordCount, badRecords: this.#badCount };
  }

  async #drain(): Promise<void> {
    while (this.#records.isOwed || this.#lines.next()) {
      const node = this.#read();
      const wait = node === undefined ? undefined : this.#set(node);
      if (wait !== undefined) await wait;
    }
  }

  #read(): JsonNode | undefined {
    try {
      return this.#records.read();
    } catch (error) {
      if (this.#records.format === undefined) throw error;
      this.#refuse(this.#records.line, error);
    }
  }

  #end(): void {
    try {
      this.#records.end();
    } catch (error) {
      if (this.#records.format === undefined) throw error;
      this.#refuse(this.#records.line, error);
    }
  }

  /** Sets a node; a promise when the next one has to wait. */
  #set({ name, subscripts, value }: JsonNode): Promise<void> | undefined {
    const { line } = this.#records;
    const { journal } = this.#database.engine;
    const before = journal.position;
    let done: Promise<void>;
    try {
      done = this.#globalOf(name).set(subscripts, value);
    } catch (error) {
      return void this.#refuse(line, error);
    }
    // What was not journaled in this turn is refused, or lacks something and may be overtaken: it is waited
    // for.
    if (journal.position === before) return this.#waitFor(done, line);
    this.#recordCount++;
    // It may fail while the source is waited for; whoever settles the window learns of it.
    if (done !== this.#window.at(-1)) done.catch(() => {});
    return this.#window.push(done) < WINDOW ? undefined : this.#settle();
  }

  async #waitFor(done: Promise<void>, line: number): Promise<void> {
    try {
      await done;
      this.#recordCount++;
    } catch (error) {
      this.#refuse(line, error);
    }
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#window);
    this.#window.length = 0;
  }

  #globalOf(name: string): Global {
    const known = this.#globals.get(name);
    if (known !== undefined) return known;
    checkName(name);
    if (this.#globals.size >= GLOBALS_KEPT) this.#globals.clear();
    const made = new Global<Value>(this.#database, name);
    this.#globals.set(name, made);
    return made;
  }

  /** Tells of a bad record; throws what is not the record's fault. */
  #refuse(line: number, error: unknown): void {
    if (!isRecordFault(error)) throw error;
    this.#badCount++;
    this.#options.onBadRecord?.({ line, problem: error });
  }
}

function isRecordFault(error: unknown): error is Error {
  if (error instanceof CohortError) return error.code === "SYNTAX" || error.code === "TRANSACTION_TOO_LARGE";
  return error instanceof TypeError || error instanceof RangeError;
}
