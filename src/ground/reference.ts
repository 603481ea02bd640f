/**
 * References as text, as M writes them:
 *
 *     ^Patient(123,"name")            a node; doubled quotes inside quotes
 *     ^%ZOSF                          the node of no subscripts
 *     ^|"/data/hr"|Patient(1)         in a database by its directory
 *     ^|"beta","/data/hr"|Patient(1)  of another member
 *     ^X("a"_$C(1,2)_"b",-.5)         characters that do not print, by code; parts joined by "_"
 *
 * Read: any spelling that M evaluates to a constant, without blanks: 03, 3.0, +3 and 3E0 are 3, "12" is 12,
 * $C(48) is 0, $c and $CHAR are $C, "a"_1 is "a1", code -1 is nothing. An empty string is read too, for
 * `$ORDER`; no key takes it. A number beyond M's 18 digits, which M cuts, is an error. $ZCHAR is not read
 * (its bytes have no characters), nor are naked references, variables and other functions.
 *
 * Written: one spelling for each reference, the one that GT.M writes; its ZWR extracts come out byte for
 * byte.
 */
import { canonicalFromBigint, canonicalFromNumber } from "./decimal.ts";
import { formatDecimal, isCanonicalNumber, numericPrefix } from "./decimal.ts";
import { CohortError } from "./errors.ts";
import { NAME_CHARS_MAX } from "./limits.ts";
import { checkName } from "./name.ts";
import { fromCanonical, type Subscript } from "./subscript.ts";

/** A reference taken apart. */
export interface ReferenceParts {
  /** Name of the member that has the database; only together with `database`. */
  readonly member?: string;
  /** Directory of the database. */
  readonly database?: string;
  /** Name of the global, without "^". */
  readonly name: string;
  /** Subscripts, each as `decodeKey` gives it. */
  readonly subscripts: readonly Subscript[];
}

/** Which characters print: those of GT.M in its M (one byte a character) or its UTF-8 mode. */
export type Charset = "M" | "UTF-8";

/** Parses a whole text as a reference; `SYNTAX` with the position of what is wrong. */
export function parseReference(text: string): ReferenceParts {
  if (typeof text !== "string") {
    throw new TypeError(`A reference is a text, got ${text === null ? "null" : typeof text}`);
  }
  const reader = new ReferenceReader(text);
  const parts = reader.reference();
  if (reader.position !== text.length) reader.fail("the end was expected");
  return parts;
}

const QUOTE = 0x22;
const DOLLAR = 0x24;
const OPEN = 0x28;
const CLOSE = 0x29;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const CARET = 0x5e;
const JOIN = 0x5f;
const BAR = 0x7c;
const PLAIN_DIGITS_MAX = 15;

const NAME_HERE = /[%A-Za-z][A-Za-z0-9]*/y;
const NUMBER_HERE = /[-+]*(?:\d+\.?\d*|\.\d+)(?:E[-+]?\d+)?/y;
const CODES_HERE = /\$C(?:HAR)?\(/iy;
const CODE_HERE = /(-?\d{1,7})([,)])/y;

/** Reads references and constant expressions from a text, from `position` on. */
export class ReferenceReader {
  /** The text read. */
  readonly text: string;
  /** Index of the next character. */
  position: number;
  readonly #codeMax: number;

  /** With charset `"M"` a code above 255 is no character, as in GT.M's M mode. */
  constructor(text: string, position: number = 0, charset: Charset = "UTF-8") {
    this.text = text;
    this.position = position;
    this.#codeMax = charset === "M" ? 0xff : 0x10ffff;
  }

  /** Reads a reference; the position is then behind it. */
  reference(): ReferenceParts {
    this.#expect(CARET, "^");
    const environment = this.#environment();
    const name = this.#name();
    const subscripts: Subscript[] = [];
    if (this.#skip(OPEN)) {
      do subscripts.push(this.subscript()); while (this.#skip(COMMA));
      this.#expect(CLOSE, ")");
    }
    return { ...environment, name, subscripts };
  }

  /** Reads a constant expression as a subscript: a number if its text is a canonical one, else a string. */
  subscript(): Subscript {
    const plain = this.#plainInteger();
    if (plain >= 0) return plain;
    const text = this.expression();
    return isCanonicalNumber(text) ? fromCanonical(text) : text;
  }

  /** Reads a constant expression as a string: texts, codes and numbers, joined by "_". */
  expression(): string {
    let text = this.#part();
    while (this.#skip(JOIN)) text += this.#part();
    return text;
  }

  /** Throws `SYNTAX`: what was expected or wrong, and where. */
  fail(problem: string, position: number = this.position): never {
    const found = this.text.slice(position, position + 20);
    const message = `Parse a reference: ${problem} at character ${position}, found ${JSON.stringify(found)}`;
    throw new CohortError("SYNTAX", message, { position, found });
  }

  #environment(): { member?: string; database?: string } {
    if (!this.#skip(BAR)) return {};
    const first = this.expression();
    const second = this.#skip(COMMA) ? this.expression() : undefined;
    this.#expect(BAR, "|");
    return second === undefined ? { database: first } : { member: first, database: second };
  }

  #name(): string {
    const start = this.position;
    const name = this.#match(NAME_HERE)?.[0] ?? this.fail("a global name was expected");
    if (name.length > NAME_CHARS_MAX) this.fail(`a name of more than ${NAME_CHARS_MAX} characters`, start);
    return name;
  }

  /** Reads an integer of up to 15 digits without a sign that is a whole subscript; -1 when there is none. */
  #plainInteger(): number {
    const { text, position: start } = this;
    let at = start;
    let n = 0;
    let code = text.charCodeAt(at);
    for (; code >= 0x30 && code <= 0x39; code = text.charCodeAt(++at)) n = n * 10 + code - 0x30;
    if (at === start || at - start > PLAIN_DIGITS_MAX || (code !== COMMA && code !== CLOSE)) return -1;
    this.position = at;
    return n;
  }

  #part(): string {
    const code = this.text.charCodeAt(this.position);
    if (code === QUOTE) return this.#quoted();
    if (code === DOLLAR) return this.#codes();
    if (code === PLUS || code === MINUS || code === POINT || (code >= 0x30 && code <= 0x39)) {
      return this.#number();
    }
    return this.fail("a string, a number or $C() was expected");
  }

  #quoted(): string {
    const start = this.position;
    let text = "";
    let from = start + 1;
    for (;;) {
      const end = this.text.indexOf('"', from);
      if (end < 0) return this.fail("a string without its closing quote", start);
      text += this.text.slice(from, end);
      this.position = end + 1;
      if (this.text.charCodeAt(end + 1) !== QUOTE) return text;
      text += '"';
      from = end + 2;
    }
  }

  #codes(): string {
    const start = this.position;
    const expected = "$C() of character codes was expected";
    if (this.#match(CODES_HERE) === null) this.fail(expected);
    let text = "";
    // One by one: JavaScriptCore gives up a pattern that repeats a group some hundred thousand times.
    for (;;) {
      const [, item, end] = this.#match(CODE_HERE) ?? this.fail(expected, start);
      const code = Number(item);
      if (code > this.#codeMax || (code >= 0xd800 && code <= 0xdfff)) {
        this.fail(`no character has code ${code}`, start);
      }
      if (code >= 0) text += String.fromCodePoint(code);
      if (end === ")") return text;
    }
  }

  #number(): string {
    const start = this.position;
    const literal = this.#match(NUMBER_HERE)?.[0] ?? this.fail("a number was expected");
    try {
      return formatDecimal(numericPrefix(literal));
    } catch {
      return this.fail("a number beyond 18 digits or 1E47", start);
    }
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    if (match !== null) this.position = pattern.lastIndex;
    return match;
  }

  #skip(code: number): boolean {
    if (this.text.charCodeAt(this.position) !== code) return false;
    this.position++;
    return true;
  }

  #expect(code: number, shown: string): void {
    if (!this.#skip(code)) this.fail(`"${shown}" was expected`);
  }
}

/** The one spelling of a reference. TypeError and RangeError for a name or subscript that is none. */
export function formatReference(parts: ReferenceParts, charset: Charset = "UTF-8"): string {
  checkName(parts.name);
  let text = "^";
  if (parts.member !== undefined) {
    if (parts.database === undefined) throw new TypeError("Format a reference with a member and no database");
    text += `|${formatString(parts.member, charset)},${formatString(parts.database, charset)}|`;
  } else if (parts.database !== undefined) {
    text += `|${formatString(parts.database, charset)}|`;
  }
  text += parts.name;
  if (parts.subscripts.length === 0) return text;
  return `${text}(${parts.subscripts.map((it) => formatSubscript(it, charset)).join(",")})`;
}

/** The one spelling of a subscript: a canonical number bare, anything else as `formatString`. */
export function formatSubscript(subscript: Subscript, charset: Charset = "UTF-8"): string {
  if (typeof subscript === "number") return canonicalFromNumber(subscript);
  if (typeof subscript === "bigint") return canonicalFromBigint(subscript);
  return isCanonicalNumber(subscript) ? subscript : formatString(subscript, charset);
}

/**
 * What does not print: controls, and in UTF-8 marks that are not seen (a fixed list: it must not move with
 * Unicode).
 */
const HIDDEN: Readonly<Record<Charset, string>> = {
  "M": "\\0-\\x1f\\x7f-\\x9f\\xff",
  "UTF-8": "\\0-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f" +
    "\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff",
};
const HAS_HIDDEN: Readonly<Record<Charset, RegExp>> = {
  "M": new RegExp(`[${HIDDEN["M"]}]`),
  "UTF-8": new RegExp(`[${HIDDEN["UTF-8"]}]`),
};
const RUNS: Readonly<Record<Charset, RegExp>> = {
  "M": new RegExp(`[${HIDDEN["M"]}]+|[^${HIDDEN["M"]}]+`, "g"),
  "UTF-8": new RegExp(`[${HIDDEN["UTF-8"]}]+|[^${HIDDEN["UTF-8"]}]+`, "g"),
};

/**
 * A string in quotes, quotes inside doubled; characters that do not print as $C() of their codes. RangeError
 * for a lone surrogate.
 */
export function formatString(text: string, charset: Charset = "UTF-8"): string {
  if (!text.isWellFormed()) throw new RangeError("Format a string with a lone surrogate");
  const hidden = HAS_HIDDEN[charset];
  if (!hidden.test(text)) return quote(text);
  const runs = text.match(RUNS[charset])!;
  return runs.map((run) => hidden.test(run) ? `$C(${codesOf(run)})` : quote(run)).join("_");
}

function quote(text: string): string {
  return text.includes('"') ? `"${text.replaceAll('"', '""')}"` : `"${text}"`;
}

function codesOf(run: string): string {
  return Array.from(run, (character) => character.codePointAt(0)).join(",");
}
