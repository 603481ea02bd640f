/**
 * Texts of globals (ZWR, GO, JSON Lines) and references, written and read a second time and in the simplest
 * way: it shares no line with the engine, so that the two cannot be wrong together.
 */
import { atomOf, atomsOf } from "../model/collation.ts";
import type { AtomKey, Subscript } from "../model/collation.ts";
import { type SimValue, textOfValue } from "../model/values.ts";
import type { SubjectFormat } from "./subject.ts";

/** One node of a text. */
export interface TextNode {
  readonly name: string;
  readonly key: AtomKey;
  /** What it holds, as text: of a line of M any value whose M form this is. */
  readonly holds: (value: SimValue) => boolean;
}

/** A text in quotes, quotes in it doubled. */
export function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** A node's reference, in one of its spellings. */
export function referenceText(name: string, subscripts: readonly Subscript[], directory?: string): string {
  const parts = atomsOf(subscripts).map((atom) => atom.numeric ? atom.text : quoted(atom.text));
  const where = directory === undefined ? "" : `|${quoted(directory)}|`;
  return `^${where}${name}${parts.length === 0 ? "" : `(${parts.join(",")})`}`;
}

/** A record of a text value, its line ends included. */
export function recordText(
  format: SubjectFormat,
  name: string,
  subscripts: readonly Subscript[],
  value: string,
): string {
  if (format === "jsonl") return `${JSON.stringify({ global: name, subscripts, value })}\n`;
  const reference = referenceText(name, subscripts);
  return format === "zwr" ? `${reference}=${quoted(value)}\n` : `${reference}\n${value}\n`;
}

/** The lines before the records. */
export function headerText(format: SubjectFormat): string {
  if (format === "jsonl") return "";
  return `Simulated EXTRACT UTF-8\n01-JAN-2026  00:00:00${format === "zwr" ? " ZWR" : ""}\n`;
}

/** The nodes of an export. Throws for a line that is no record. */
export function nodesOf(format: SubjectFormat, text: string): TextNode[] {
  const lines = text.split("\n");
  const nodes: TextNode[] = [];
  for (let at = format === "jsonl" ? 0 : 2; at < lines.length - 1; at++) {
    const line = lines[at] as string;
    if (line.startsWith("{")) nodes.push(jsonNode(line));
    else if (format === "go") nodes.push(goNode(line, lines[++at] as string));
    else nodes.push(zwrNode(line));
  }
  return nodes;
}

function jsonNode(line: string): TextNode {
  const { global, subscripts, value } = JSON.parse(line) as {
    global: string;
    subscripts: Subscript[];
    value: unknown;
  };
  const text = textOfValue(unmarked(value));
  return { name: global, key: atomsOf(subscripts), holds: (other) => textOfValue(other) === text };
}

/** A JSON value with its marked parts as what they stand for. */
function unmarked(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(unmarked);
  const members = Object.entries(value);
  const [first] = members;
  if (members.length === 1 && first !== undefined) {
    const [name, content] = first;
    if (name === "$bigint") return BigInt(content as string);
    if (name === "$number") return -0;
    if (name === "$bytes") return Uint8Array.from(atob(content as string), (it) => it.charCodeAt(0));
  }
  return Object.fromEntries(members.map(([name, inner]) => [name, unmarked(inner)]));
}

function zwrNode(line: string): TextNode {
  const reader = new Reader(line);
  const { name, key } = reader.reference();
  reader.expect("=");
  const text = reader.text();
  reader.end();
  return { name, key, holds: (value) => mText(value) === text };
}

function goNode(line: string, text: string): TextNode {
  const reader = new Reader(line);
  const { name, key } = reader.reference();
  reader.end();
  return { name, key, holds: (value) => mText(value) === text };
}

/** What M would show of a value. */
function mText(value: SimValue): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "bigint" ? atomOf(value).text : undefined;
}

/** Reads what GT.M writes: quoted parts and `$C()` joined by "_", numbers bare. */
class Reader {
  readonly #line: string;
  #at = 0;

  constructor(line: string) {
    this.#line = line;
  }

  reference(): { name: string; key: AtomKey } {
    this.expect("^");
    const name = this.#match(/[%A-Za-z][A-Za-z0-9]*/y);
    const subscripts: Subscript[] = [];
    if (this.#line[this.#at] !== "(") return { name, key: [] };
    do {
      this.#at++;
      subscripts.push(this.text());
    } while (this.#line[this.#at] === ",");
    this.expect(")");
    return { name, key: atomsOf(subscripts) };
  }

  /** Parts joined by "_", or a number. */
  text(): string {
    let text = this.#part();
    while (this.#line[this.#at] === "_") {
      this.#at++;
      text += this.#part();
    }
    return text;
  }

  expect(character: string): void {
    if (this.#line[this.#at] !== character) this.#fail(character);
    this.#at++;
  }

  end(): void {
    if (this.#at !== this.#line.length) this.#fail("the end");
  }

  #part(): string {
    if (this.#line[this.#at] === '"') return this.#quoted();
    if (this.#line[this.#at] !== "$") return this.#match(/-?[0-9]*\.?[0-9]+/y);
    const codes = this.#match(/\$C\([0-9,]+\)/y).slice(3, -1);
    return String.fromCodePoint(...codes.split(",").map(Number));
  }

  /** Up to the quote that no other one follows. */
  #quoted(): string {
    const from = this.#at + 1;
    let end = this.#line.indexOf('"', from);
    while (end >= 0 && this.#line[end + 1] === '"') end = this.#line.indexOf('"', end + 2);
    if (end < 0) this.#fail("a closing quote");
    this.#at = end + 1;
    return this.#line.slice(from, end).replaceAll('""', '"');
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#line)?.[0] ?? this.#fail(String(pattern));
    this.#at += found.length;
    return found;
  }

  #fail(wanted: string): never {
    throw new Error(`${wanted} is not at ${this.#at} of ${this.#line.slice(0, 200)}`);
  }
}
