/**
 * Export: globals as ZWR, GO or JSON Lines, in collation order, as a stream of bytes in bounded memory.
 *
 * Each leaf is written as it is when it is reached: for a file of one instant, nothing should write
 * meanwhile.
 */
import { Buffer } from "node:buffer";
import { AGAIN } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import { checkName } from "../ground/name.ts";
import { checkOptions, checkType, type OptionNames } from "../ground/options.ts";
import type { Charset } from "../ground/reference.ts";
import type { Subscript } from "../ground/subscript.ts";
import type { Value } from "../ground/value.ts";
import { nextName } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { Entries } from "./entries.ts";
import { formatGo, hasGoForm } from "./go.ts";
import { checkChoice } from "./import.ts";
import { formatJsonLine } from "./json_line.ts";
import { fitsCharset, kindOf, mText, noMForm } from "./m_form.ts";
import { checkWait } from "./patience.ts";
import { CHARSETS, formatHeader, TEXT_FORMATS, type TextFormat } from "./text_header.ts";
import { formatZwr } from "./zwr.ts";

/** How far an export is. */
export interface ExportProgress {
  /** Bytes given. */
  readonly bytes: number;
  /** Nodes written. */
  readonly records: number;
  /** The global that is being written. */
  readonly global: string;
}

/** What becomes of a node that M has no form of. */
export type NoMForm = "refuse" | "jsonl";

/** Options of `exportText`. */
export interface ExportOptions {
  /** `"zwr"` by default. */
  readonly format?: TextFormat;
  /** `"UTF-8"` by default; `"M"` writes U+0000 to U+00FF as bytes, and nothing else. */
  readonly charset?: Charset;
  /** Which globals, by name, without "^"; all by default. One that does not exist is empty. */
  readonly globals?: readonly string[];
  /**
   * `"refuse"` (default): `NO_M_FORM` with line and reference. `"jsonl"`: a JSON line in its place, all types
   * kept.
   */
  readonly noMForm?: NoMForm;
  /** Told after every chunk. */
  readonly onProgress?: (progress: ExportProgress) => void;
  /** Ends the export with its reason. */
  readonly signal?: AbortSignal;
}

const EXPORT_OPTIONS: OptionNames<ExportOptions> = {
  format: true,
  charset: true,
  globals: true,
  noMForm: true,
  onProgress: true,
  signal: true,
};

const CHUNK_CHARS = 64 * 1024;

/**
 * Writes globals as text. Throws RangeError at once for a wrong option; while it is read it rejects
 * `NO_M_FORM`, what
 * reading rejects, and the reason of the signal.
 */
export function exportFrom(
  database: DatabaseCore,
  options: ExportOptions = {},
): AsyncIterableIterator<Uint8Array> {
  checkOptions(options, EXPORT_OPTIONS);
  checkWait(options);
  checkType("onProgress", options.onProgress, "function");
  const { format = "zwr", charset = "UTF-8", noMForm: policy = "refuse", globals } = options;
  checkChoice("format", format, TEXT_FORMATS);
  checkChoice("charset", charset, CHARSETS);
  checkChoice("noMForm", policy, ["refuse", "jsonl"]);
  if (globals !== undefined && !Array.isArray(globals)) {
    throw new TypeError(`globals is an array of names, got ${globals === null ? "null" : typeof globals}`);
  }
  for (const name of globals ?? []) checkName(name);
  return new Export(database, options, new Writer(format, charset, policy)).chunks();
}

/** Names of the globals that exist, in order. */
async function* namesOf(database: DatabaseCore): AsyncIterableIterator<string> {
  let name = "";
  for (;;) {
    const next: { found: string | undefined } = await database.engine.read((step) => {
      database.admitRead();
      const found = nextName(step, database.volume, name);
      return found === MISS ? AGAIN : { found };
    });
    if (next.found === undefined) return;
    yield name = next.found;
  }
}

class Export {
  readonly #database: DatabaseCore;
  readonly #options: ExportOptions;
  readonly #writer: Writer;
  #bytes = 0;
  #records = 0;

  constructor(database: DatabaseCore, options: ExportOptions, writer: Writer) {
    this.#database = database;
    this.#options = options;
    this.#writer = writer;
  }

  async *chunks(): AsyncIterableIterator<Uint8Array> {
    const { globals, signal } = this.#options;
    this.#database.admitRead();
    let text = this.#writer.header(this.#database.clock.wallMs());
    let global = "";
    for await (const name of globals ?? namesOf(this.#database)) {
      global = name;
      for await (const batch of new Entries<Value>(this.#database, name, []).batches()) {
        signal?.throwIfAborted();
        for (const [subscripts, value] of batch) {
          text += this.#writer.node(name, subscripts, value);
          if (text.length < CHUNK_CHARS) continue;
          yield this.#encode(text, global);
          text = "";
        }
        this.#records += batch.length;
      }
    }
    if (text !== "") yield this.#encode(text, global);
  }

  #encode(text: string, global: string): Uint8Array {
    const bytes = Buffer.from(text, this.#writer.charset === "M" ? "latin1" : "utf8");
    this.#bytes += bytes.length;
    this.#options.onProgress?.({ bytes: this.#bytes, records: this.#records, global });
    return bytes;
  }
}

/** Writes nodes as text. */
class Writer {
  readonly charset: Charset;
  readonly #format: TextFormat;
  readonly #policy: NoMForm;
  #lines = 0;

  constructor(format: TextFormat, charset: Charset, policy: NoMForm) {
    this.#format = format;
    this.charset = charset;
    this.#policy = policy;
  }

  header(wallMs: number): string {
    if (this.#format !== "jsonl") this.#lines += 2;
    return formatHeader(this.#format, this.charset, wallMs);
  }

  /** A node with its line ends. */
  node(name: string, subscripts: readonly Subscript[], value: Value): string {
    this.#lines++;
    if (this.#format === "jsonl") return formatJsonLine(name, subscripts, value) + "\n";
    const text = mText(value);
    if (text === undefined) return this.#other(name, subscripts, value, kindOf(value));
    const isGo = this.#format === "go";
    if (isGo && !hasGoForm(text)) return this.#other(name, subscripts, value, "a line feed");
    if (!fitsCharset(subscripts, text, this.charset)) {
      return this.#other(name, subscripts, value, "a character beyond U+00FF, which charset M has not");
    }
    if (!isGo) return formatZwr(name, subscripts, text, this.charset) + "\n";
    this.#lines++;
    return formatGo(name, subscripts, text, this.charset) + "\n";
  }

  #other(name: string, subscripts: readonly Subscript[], value: Value, found: string): string {
    if (this.#policy === "refuse") throw noMForm(name, subscripts, found, this.#lines);
    return formatJsonLine(name, subscripts, value) + "\n";
  }
}
