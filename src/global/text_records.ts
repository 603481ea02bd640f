/**
 * TextRecords: what the lines of a file say, by its format: nodes to set, and records that are none.
 *
 * A JSON line may stand among the records of ZWR and GO: that is how `exportText` writes a value that M has
 * no form of.
 */
import { CohortError } from "../ground/errors.ts";
import type { Charset } from "../ground/reference.ts";
import type { JsonNode } from "./json_line.ts";
import { parseJsonLine } from "./json_line.ts";
import { type GoReference, parseGoReference } from "./go.ts";
import { charsetOfLabel, formatOfDate, formatOfWholeDate, type TextFormat } from "./text_header.ts";
import type { TextLines } from "./text_lines.ts";
import { parseZwr } from "./zwr.ts";

/** Which format and charset a caller says a file has. */
export interface TextKind {
  readonly format?: TextFormat | undefined;
  readonly charset?: Charset | undefined;
}

/** A reference whose value is on the next line. */
interface Begun {
  /** undefined: it was malformed, and its value is passed over. */
  readonly reference: GoReference | undefined;
  readonly line: number;
}

/** Reads records from lines. */
export class TextRecords {
  /** What the file is, as far as known. */
  format: TextFormat | undefined;
  charset: Charset;
  readonly #lines: TextLines;
  readonly #charsetGiven: boolean;
  /** Header lines still to come. */
  #header = 2;
  /** Line 1 when it begins as a record does: it is one, unless line 2 can be nothing but that of a header. */
  #first: string | undefined;
  /** Ends of lines are CR LF. */
  #isDos = false;
  #begun: Begun | undefined;
  #line = 0;

  constructor(lines: TextLines, kind: TextKind) {
    this.#lines = lines;
    this.format = kind.format;
    this.charset = kind.charset ?? "M";
    this.#charsetGiven = kind.charset !== undefined;
  }

  /** `read` was about line 1, and is to be called once more for the present line. */
  isOwed = false;

  /** Line of the record that `read` was last about. */
  get line(): number {
    return this.#line;
  }

  /**
   * Takes the present line: a node, or undefined when it completes none. Throws `SYNTAX` for what is no
   * record, and, with
   * `format` still undefined, when nothing after it can be read either.
   */
  read(): JsonNode | undefined {
    const lines = this.#lines;
    this.#line = lines.number;
    this.isOwed = false;
    if (this.#header > 0 && !this.#isBody()) return undefined;
    if (this.#begun !== undefined) return this.#readValue(this.#begun);
    if (lines.fault !== undefined) return this.#unreadable(lines.fault);
    const line = lines.line.endsWith("\r") ? lines.line.slice(0, -1) : lines.line;
    if (line === "") return undefined;
    if (this.format === "jsonl" || line.startsWith("{")) return parseJsonLine(line);
    if (this.format === "zwr") return parseZwr(line, this.charset);
    return this.#begin(line);
  }

  /** Throws `SYNTAX` when the lines ended in the middle of a record, or before it was clear what they are. */
  end(): void {
    if (this.format === undefined) throw unknownFormat("the file ends before its header");
    if (this.#begun?.reference === undefined) return;
    this.#line = this.#begun.line;
    throw syntax("the line with its value is missing");
  }

  /** Reads the header; true when the present line is a record already. */
  #isBody(): boolean {
    const { line } = this.#lines;
    if (this.#header-- === 2) {
      this.#isDos = line.endsWith("\r");
      if (this.format === "jsonl" || (this.format === undefined && line.startsWith("{"))) {
        return this.#noHeader("jsonl");
      }
      if (this.format !== "go" && isZwr(line)) return this.#noHeader("zwr");
      if (MEANT_AS_RECORD.test(line)) this.#first = line;
      if (!this.#charsetGiven) this.charset = charsetOfLabel(line);
      this.#lines.charset = this.charset;
      return false;
    }
    const told = this.#first === undefined ? formatOfDate(line) : formatOfWholeDate(line);
    if (told === undefined && this.format !== undefined && this.#first !== undefined) {
      return this.#recordAfterAll(this.#first);
    }
    this.format ??= told;
    if (this.format !== undefined) return false;
    throw unknownFormat(
      `line 2 is neither that of ZWR nor that of GO, found ${JSON.stringify(line.slice(0, 40))}`,
    );
  }

  /** Line 2 says that line 1 was no label: it is the reference of this value, or a malformed record. */
  #recordAfterAll(first: string): true {
    this.#line = this.#lines.number - 1;
    this.isOwed = true;
    if (this.format === "zwr") {
      parseZwr(first);
      throw syntax("line 1 is neither a label nor a record");
    }
    this.#begin(first.endsWith("\r") ? first.slice(0, -1) : first);
    this.isOwed = false;
    return true;
  }

  #noHeader(format: TextFormat): boolean {
    this.#header = 0;
    this.format = format;
    if (format === "jsonl") this.charset = "UTF-8";
    this.#lines.reread(this.charset);
    return true;
  }

  #unreadable(fault: string): never {
    // In GO it was a reference, most likely, and its value is on the next line.
    if (this.format === "go") this.#begun = { reference: undefined, line: this.#line };
    throw syntax(fault);
  }

  #begin(line: string): undefined {
    // What begins like a reference is followed by its value even when it is malformed.
    if (line.startsWith("^")) this.#begun = { reference: undefined, line: this.#line };
    this.#begun = { reference: parseGoReference(line, this.charset), line: this.#line };
  }

  #readValue({ reference, line }: Begun): JsonNode | undefined {
    this.#begun = undefined;
    if (reference === undefined) return undefined;
    this.#line = line;
    const { fault, line: value } = this.#lines;
    if (fault !== undefined) throw syntax(fault);
    return { ...reference, value: this.#isDos && value.endsWith("\r") ? value.slice(0, -1) : value };
  }
}

/** A first line that begins as records do, behind a byte order mark if there is one. */
const MEANT_AS_RECORD = /^(?:\ufeff|\xef\xbb\xbf)?\^/;

function isZwr(line: string): boolean {
  if (!line.startsWith("^")) return false;
  try {
    parseZwr(line.trimEnd());
    return true;
  } catch {
    return false;
  }
}

function unknownFormat(found: string): CohortError {
  return new CohortError("SYNTAX", `Read a file of globals: ${found}`, { found });
}

function syntax(found: string): CohortError {
  return new CohortError("SYNTAX", `Read a record: ${found}`, { found });
}
