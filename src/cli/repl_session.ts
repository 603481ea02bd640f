/**
 * One line of `cohort repl` at a time: M-style verbs on references.
 *
 * A value is a text as M writes it ("a", $C(10), parts joined by "_"), a number (5, -.5, 1E3,
 * 12345678901234567890n), or JSON as JSON Lines has it ({"a":1}, [1], true, null).
 */
import { CohortError, type Database, type Global, type Subscript, type Value } from "../../mod.ts";
import { jsonValue } from "../global/json_line.ts";
import { formatNode } from "../global/zwr.ts";
import { decimalToBigint, decimalToNumber, numericPrefix } from "../ground/decimal.ts";
import { ReferenceReader } from "../ground/reference.ts";
import { shownValue } from "./dump_text.ts";

/** What `help` prints. */
export const REPL_HELP =
  `  set ^X(1,"a")="v"     a value: "text", $C(10)_"x", 5, -.5, 12n, {"a":1}, [1], true, null
  get ^X(1,"a")         the value of a node
  kill ^X(1)            a node and all below it
  zkill ^X(1)           the value of a node alone
  order ^X("")          the next subscript of this level, from "" the first; order ^X("") -1 the last
  query ^X              the next node with a value; query ^X("") -1 the last
  data ^X(1)            0 nothing, 1 a value, 10 descendants, 11 both
  increment ^X(1) 5     adds, and shows the sum; 1 by default
  entries ^X(1)         the nodes at and below one
  globals   history   help   quit
A verb may be cut short: s, g, k, o.`;

/** Entries that one line shows. */
const ENTRIES_SHOWN = 1000;
/** Characters of a value that one line shows. */
const VALUE_CHARS = 10_000;
const NUMBER = /^[-+]*(?:\d+(?:\.\d*)?|\.\d+)(?:E[-+]?\d+)?$/;
const JSON_START = /^(?:[[{]|true$|false$|null$)/;

/** What follows a verb. */
interface Operand {
  readonly name: string;
  readonly subscripts: readonly Subscript[];
  readonly global: Global;
  /** What follows the reference. */
  readonly rest: string;
}

/** Does what a verb says; resolves to the lines to print. */
type Verb = (operand: Operand) => Promise<readonly string[]>;

const VERBS: Readonly<Record<string, Verb>> = {
  async set({ global, subscripts, rest }) {
    if (!rest.startsWith("=")) throw syntax('"=" and a value were expected', rest);
    await global.set(subscripts, valueOf(rest.slice(1).trim()));
    return [];
  },
  async get(operand) {
    const value = await nothingMore(operand).global.get(operand.subscripts);
    return [value === undefined ? "undefined" : shownValue(value, VALUE_CHARS)];
  },
  async kill(operand) {
    await nothingMore(operand).global.kill(operand.subscripts);
    return [];
  },
  async zkill(operand) {
    await nothingMore(operand).global.zkill(operand.subscripts);
    return [];
  },
  async order({ global, subscripts, rest }) {
    const found = await global.order(subscripts, directionOf(rest));
    return [found === undefined ? '""' : formatNode("", [found], "UTF-8").slice(2, -1)];
  },
  async query({ global, name, subscripts, rest }) {
    const found = await global.query(subscripts, directionOf(rest));
    return [found === undefined ? '""' : formatNode(name, found, "UTF-8")];
  },
  async data(operand) {
    return [String(await nothingMore(operand).global.data(operand.subscripts))];
  },
  async increment({ global, subscripts, rest }) {
    const by = rest === "" ? 1 : valueOf(rest);
    if (typeof by !== "number" && typeof by !== "bigint") throw syntax("a number was expected", rest);
    return [shownValue(await global.increment<number | bigint>(subscripts, by))];
  },
  entries: (operand) => entriesOf(nothingMore(operand)),
};

/** A database, and the lines that are run on it. */
export class ReplSession {
  readonly #database: Database;
  readonly #history: string[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Runs one line: resolves to the lines to print, or to undefined when it ends the session. Rejects
   * `SYNTAX`, and what the
   * operation rejects.
   */
  async run(line: string): Promise<readonly string[] | undefined> {
    const [, word = "", text = ""] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line) ?? [];
    if (word === "") return [];
    this.#history.push(line.trim());
    switch (word.toLowerCase()) {
      case "quit":
      case "exit":
      case "halt":
        return undefined;
      case "help":
      case "?":
        return [REPL_HELP];
      case "history":
        return this.#history.map((it, i) => `${String(i + 1).padStart(4)}  ${it}`);
      case "globals":
        return (await Array.fromAsync(this.#database.globals())).map((name) => `^${name}`);
      default:
        return await verbOf(word)(this.#operand(text));
    }
  }

  #operand(text: string): Operand {
    const reader = new ReferenceReader(text);
    const { name, subscripts, database } = reader.reference();
    if (database !== undefined) throw syntax("only references to this database are known here", text);
    return {
      name,
      subscripts,
      global: this.#database.global(name),
      rest: text.slice(reader.position).trim(),
    };
  }
}

function verbOf(word: string): Verb {
  const names = Object.keys(VERBS).filter((name) => name.startsWith(word.toLowerCase()));
  const verb = names.length === 0 ? undefined : VERBS[names[0]!];
  if (verb === undefined) throw syntax('the verb is unknown, "help" lists them', word);
  return verb;
}

async function entriesOf({ global, name, subscripts }: Operand): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const [below, value] of global.entries(subscripts, { limit: ENTRIES_SHOWN + 1 })) {
    if (lines.length === ENTRIES_SHOWN) lines.push(`... and more than these ${ENTRIES_SHOWN}`);
    else lines.push(`${formatNode(name, below, "UTF-8")}=${shownValue(value, VALUE_CHARS)}`);
  }
  return lines;
}

function nothingMore(operand: Operand): Operand {
  if (operand.rest !== "") throw syntax("the end of the line was expected", operand.rest);
  return operand;
}

function directionOf(rest: string): 1 | -1 {
  if (rest === "" || rest === "1") return 1;
  if (rest === "-1") return -1;
  throw syntax("a direction, 1 or -1, was expected", rest);
}

function valueOf(text: string): Value {
  if (/^-?\d+n$/.test(text)) return BigInt(text.slice(0, -1));
  if (text === "-0") return -0;
  if (NUMBER.test(text)) {
    const decimal = numericPrefix(text);
    return decimalToNumber(decimal) ?? decimalToBigint(decimal) ?? outOfNumbers(text);
  }
  if (JSON_START.test(text)) return jsonValue(text);
  const reader = new ReferenceReader(text);
  const value = reader.expression();
  if (reader.position !== text.length) {
    throw syntax("the end of the value was expected", text.slice(reader.position));
  }
  return value;
}

function outOfNumbers(text: string): never {
  throw syntax("no number is exactly this; quotes make it a text", text);
}

function syntax(problem: string, found: string): CohortError {
  return new CohortError("SYNTAX", `${problem}, found ${JSON.stringify(found)}`, { found });
}
