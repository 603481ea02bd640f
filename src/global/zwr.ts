/**
 * ZWR, one node a line, as GT.M extracts it:
 *
 *     ^Patient(123,"name")="Ada"
 *     ^Note(1)="first line"_$C(13,10)_"second, with a ""quote"""
 *
 * Read: a reference as `reference.ts` reads it, then a value: texts and codes joined by "_", or a number
 * without quotes, which is the text of its digits as they stand (03 is "03"), as GT.M loads it. A value read
 * is always a string. Written: the one spelling that GT.M writes, values always quoted.
 */
import { isCanonicalNumber } from "../ground/decimal.ts";
import { type Charset, formatString, formatSubscript, ReferenceReader } from "../ground/reference.ts";
import type { Subscript } from "../ground/subscript.ts";

/** A node as a line of text has it. */
export interface TextNode {
  /** Name of the global, without "^". */
  readonly name: string;
  /** A number may stand as its canonical text, which is the same subscript. */
  readonly subscripts: readonly Subscript[];
  readonly value: string;
}

const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const CARET = 0x5e;
const EQUALS = 0x3d;
/** Integers of so few digits are exact numbers. */
const PLAIN_DIGITS_MAX = 15;
/** A run of digits is matched in one way only: two would take the square of its length to refuse. */
const UNQUOTED = /^-?(?:\d+(?:\.\d*)?|\.\d+)$/;

/** Reads a line without its end. `SYNTAX` with the position of what is wrong. */
export function parseZwr(line: string, charset: Charset = "UTF-8"): TextNode {
  return new PlainReader(line).node() ?? parseAny(line, charset);
}

/** Writes a node as a line, without its end. RangeError for a subscript that is none. */
export function formatZwr(
  name: string,
  subscripts: readonly Subscript[],
  value: string,
  charset: Charset,
): string {
  return `${formatNode(name, subscripts, charset)}=${formatText(value, charset)}`;
}

/** A reference to a node of this database. RangeError for a subscript that is none. */
export function formatNode(name: string, subscripts: readonly Subscript[], charset: Charset): string {
  if (subscripts.length === 0) return `^${name}`;
  let text = `^${name}(`;
  for (let i = 0; i < subscripts.length; i++) {
    const subscript = subscripts[i]!;
    if (i > 0) text += ",";
    // Most are small integers, which have one spelling.
    if (typeof subscript === "number" && Number.isSafeInteger(subscript)) text += subscript;
    else if (typeof subscript === "string" && !isCanonicalNumber(subscript)) {
      text += formatText(subscript, charset);
    } else text += formatSubscript(subscript, charset);
  }
  return text + ")";
}

/** Texts in which nothing is doubled or written by its code. */
const PLAIN: Readonly<Record<Charset, RegExp>> = { "M": /^[ !#-~\xa0-\xfe]*$/, "UTF-8": /^[ !#-~]*$/ };

/** As `formatString`, but most texts are looked at once only. */
function formatText(text: string, charset: Charset): string {
  return PLAIN[charset].test(text) ? `"${text}"` : formatString(text, charset);
}

/** Reads every spelling, as `parseZwr`. */
function parseAny(line: string, charset: Charset): TextNode {
  const reader = new ReferenceReader(line, 0, charset);
  const { name, subscripts, database } = reader.reference();
  if (database !== undefined) reader.fail("a record has no directory", 0);
  if (line.charCodeAt(reader.position) !== EQUALS) reader.fail('"=" was expected');
  reader.position++;
  const rest = line.slice(reader.position);
  if (UNQUOTED.test(rest)) return { name, subscripts, value: rest };
  const first = rest.charCodeAt(0);
  if (first !== QUOTE && first !== 0x24) reader.fail("a quoted value, $C() or a plain number was expected");
  const value = reader.expression();
  if (reader.position !== line.length) reader.fail("the end of the record was expected");
  return { name, subscripts, value };
}

/**
 * Reads the spellings that nearly all lines have, several times faster: plain numbers, and quoted texts with
 * nothing doubled inside subscripts. Anything else is left to `parseAny`, malformed or not.
 */
class PlainReader {
  readonly #line: string;
  #at = 1;

  constructor(line: string) {
    this.#line = line;
  }

  node(): TextNode | undefined {
    const line = this.#line;
    if (line.charCodeAt(0) !== CARET || !isNameStart(line.charCodeAt(1))) return undefined;
    let at = 2;
    while (isNamePart(line.charCodeAt(at))) at++;
    if (at > 32) return undefined;
    const name = line.slice(1, at);
    const subscripts: Subscript[] = [];
    if (line.charCodeAt(at) === OPEN) {
      this.#at = at;
      do {
        this.#at++;
        const subscript = this.#subscript();
        if (subscript === undefined) return undefined;
        subscripts.push(subscript);
      } while (line.charCodeAt(this.#at) === COMMA);
      at = this.#at + 1;
    }
    if (line.charCodeAt(at) !== EQUALS) return undefined;
    const value = this.#value(at + 1);
    return value === undefined ? undefined : { name, subscripts, value };
  }

  /** A plain subscript followed by "," or ")", at which the position then stands. */
  #subscript(): Subscript | undefined {
    const line = this.#line;
    const start = this.#at;
    const first = line.charCodeAt(start);
    if (first === QUOTE) {
      const end = line.indexOf('"', start + 1);
      if (end < 0 || !this.#endsAt(end + 1)) return undefined;
      return line.slice(start + 1, end);
    }
    let at = start;
    let n = 0;
    let code = first;
    for (; code >= 0x30 && code <= 0x39; code = line.charCodeAt(++at)) n = n * 10 + code - 0x30;
    if (at - start > PLAIN_DIGITS_MAX || at === start && code !== POINT && code !== MINUS) return undefined;
    if (at > start && this.#endsAt(at)) return n;
    while (code === POINT || code === MINUS || (code >= 0x30 && code <= 0x39)) code = line.charCodeAt(++at);
    const text = line.slice(start, at);
    return this.#endsAt(at) && isCanonicalNumber(text) ? text : undefined;
  }

  #endsAt(at: number): boolean {
    const code = this.#line.charCodeAt(at);
    if (code !== COMMA && code !== CLOSE) return false;
    this.#at = at;
    return true;
  }

  /** A value in one pair of quotes, doubled quotes inside, up to the end of the line. */
  #value(from: number): string | undefined {
    const line = this.#line;
    const last = line.length - 1;
    if (line.charCodeAt(from) !== QUOTE || last === from || line.charCodeAt(last) !== QUOTE) return undefined;
    let text = "";
    let start = from + 1;
    for (;;) {
      const end = line.indexOf('"', start);
      if (end === last) return text + line.slice(start, end);
      if (line.charCodeAt(end + 1) !== QUOTE || end + 1 === last) return undefined;
      text += line.slice(start, end + 1);
      start = end + 2;
    }
  }
}

function isNameStart(code: number): boolean {
  return code === 0x25 || isLetter(code);
}

function isNamePart(code: number): boolean {
  return isLetter(code) || (code >= 0x30 && code <= 0x39);
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}
