/**
 * Just enough of a TypeScript scanner for the tidy rules: what is code, what is a string, what is a comment,
 * and where functions begin and end. It never fails: on text that is no TypeScript it only sees less.
 */

/** One text in three views of the same length and lines. */
export interface Scan {
  /** The text with comments blanked out. */
  readonly withStrings: string;
  /** The text with comments, and what strings, templates and regular expressions hold, blanked out. */
  readonly code: string;
}

const REGEX_MAY_FOLLOW =
  /(?:^|[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|await|yield|void))\s*$/;

/** Splits `text` into its views. */
export function scan(text: string): Scan {
  return new Scanner(text).run();
}

class Scanner {
  readonly #text: string;
  #at = 0;
  #code = "";
  #withStrings = "";
  /** Brace depths at which a template's `${` was opened. */
  readonly #templates: number[] = [];
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Scan {
    while (this.#at < this.#text.length) this.#step();
    return { code: this.#code, withStrings: this.#withStrings };
  }

  #step(): void {
    const char = this.#text[this.#at]!, next = this.#text[this.#at + 1];
    if (char === "/" && next === "/") return this.#comment(this.#find("\n", this.#at));
    if (char === "/" && next === "*") return this.#comment(this.#find("*/", this.#at + 2, 2));
    if (char === '"' || char === "'") return this.#quoted(char);
    if (char === "`") return this.#template();
    if (char === "/" && REGEX_MAY_FOLLOW.test(this.#code.slice(-20))) return this.#regex();
    if (char === "{") this.#depth++;
    if (char === "}" && this.#templates.at(-1) === this.#depth--) {
      this.#templates.pop();
      return this.#template();
    }
    this.#take(1);
  }

  #find(mark: string, from: number, plus = 0): number {
    const at = this.#text.indexOf(mark, from);
    return at < 0 ? this.#text.length : at + plus;
  }

  #take(count: number): void {
    const part = this.#text.slice(this.#at, this.#at + count);
    this.#code += part;
    this.#withStrings += part;
    this.#at += count;
  }

  #comment(end: number): void {
    const blank = this.#text.slice(this.#at, end).replace(/[^\n]/g, " ");
    this.#code += blank;
    this.#withStrings += blank;
    this.#at = end;
  }

  /** Text from here to `end` (exclusive) is content: kept in one view, blank in the other. */
  #content(end: number): void {
    const part = this.#text.slice(this.#at, end);
    this.#code += part.replace(/[^\n]/g, " ");
    this.#withStrings += part;
    this.#at = end;
  }

  #quoted(quote: string): void {
    this.#take(1);
    let end = this.#at;
    while (end < this.#text.length && this.#text[end] !== quote && this.#text[end] !== "\n") {
      end += this.#text[end] === "\\" ? 2 : 1;
    }
    this.#content(Math.min(end, this.#text.length));
    this.#take(1);
  }

  /** At the opening backtick, or at the brace that closes a placeholder. */
  #template(): void {
    this.#take(1);
    let end = this.#at;
    while (end < this.#text.length && this.#text[end] !== "`" && !this.#text.startsWith("${", end)) {
      end += this.#text[end] === "\\" ? 2 : 1;
    }
    this.#content(Math.min(end, this.#text.length));
    if (this.#text[this.#at] === "$") {
      this.#templates.push(++this.#depth);
      this.#take(2);
    } else this.#take(1);
  }

  #regex(): void {
    let end = this.#at + 1, inClass = false;
    for (; end < this.#text.length && this.#text[end] !== "\n"; end++) {
      const char = this.#text[end];
      if (char === "\\") end++;
      else if (char === "[") inClass = true;
      else if (char === "]") inClass = false;
      else if (char === "/" && !inClass) break;
    }
    this.#take(1);
    this.#content(end);
    this.#take(1);
  }
}

/** A function with its lines, both counted from 1. */
export interface FunctionSpan {
  readonly firstLine: number;
  readonly lastLine: number;
}

const CONTROL = /\b(?:if|for|while|switch|catch|with|for\s+await)\s*$/;
const TYPE_GOES_ON = /(?:^|[:|&<,?(]|=>|\b(?:is|asserts|keyof|typeof|extends|readonly|new))\s*$/;

/** Every function of `code` (from `scan`) that has a body in braces. */
export function functionsOf(code: string): FunctionSpan[] {
  const pairs = matchBrackets(code);
  const spans: FunctionSpan[] = [];
  const add = (head: number, brace: number) => {
    const close = pairs.get(brace);
    if (close !== undefined) spans.push({ firstLine: lineAt(code, head), lastLine: lineAt(code, close) });
  };
  for (const [open, close] of pairs) {
    if (code[open] !== "(" || CONTROL.test(code.slice(Math.max(0, open - 20), open))) continue;
    const body = bodyAfter(code, close + 1, pairs);
    if (body !== undefined) add(open, body);
  }
  for (const match of code.matchAll(/\w\s*=>\s*\{/g)) add(match.index, match.index + match[0].length - 1);
  return spans;
}

/** Offset of the brace that opens a function's body when a parameter list ended just before `from`. */
function bodyAfter(code: string, from: number, pairs: ReadonlyMap<number, number>): number | undefined {
  const rest = /^\s*(=>\s*|:)?\s*/.exec(code.slice(from, from + 200));
  let at = from + (rest?.[0].length ?? 0);
  if (rest?.[1] === undefined || rest[1].startsWith("=>")) return code[at] === "{" ? at : undefined;
  const typeStart = at;
  for (; at < code.length; at++) {
    const char = code[at]!;
    if (char === "{" && !TYPE_GOES_ON.test(code.slice(typeStart, at))) return at;
    if (char === "=" && code[at + 1] === ">") at++;
    else if (";=)]}".includes(char)) return undefined;
    else if (char === "," && !inAngles(code.slice(typeStart, at))) return undefined;
    else if ("({[".includes(char)) at = pairs.get(at) ?? code.length;
  }
  return undefined;
}

function inAngles(type: string): boolean {
  const bare = type.replaceAll("=>", "");
  return bare.split("<").length > bare.split(">").length;
}

/** Offsets of opening brackets with those that close them. */
function matchBrackets(code: string): Map<number, number> {
  const pairs = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < code.length; at++) {
    const char = code[at]!;
    if ("({[".includes(char)) open.push(at);
    else if (")}]".includes(char)) {
      const start = open.pop();
      if (start !== undefined) pairs.set(start, at);
    }
  }
  return pairs;
}

/** Line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
