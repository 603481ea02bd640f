/**
 * The two sides of the differential run: what Cohort answers to an operation, and the line that has GT.M do
 * the same. Answers of both are texts of one form:
 *
 *     done   =VALUE   none   0 1 10 11   :SUBSCRIPT   end   ["SUBSCRIPT",...]   NUMBER   !WHY
 */
import {
  CohortError,
  type Database,
  formatReference,
  type Node,
  parseReference,
  type Subscript,
  type Transaction,
} from "@cohort/db";
import { formatString, formatSubscript, ReferenceReader } from "../../../src/ground/reference.ts";
import type { GtmMode } from "../gtm.ts";
import type { Operation, Place, Stored } from "./draw.ts";

/** The text that M has for a subscript or a value. */
export function textOf(it: Subscript): string {
  return typeof it === "string" ? it : formatSubscript(it);
}

/** Subscripts as one answer. */
function listed(subscripts: readonly Subscript[]): string {
  return JSON.stringify(subscripts.map(textOf));
}

/** Cohort's side. A transaction is open from `begin` to `commit` or `rollback`. */
export class OurSide {
  readonly #node: Node;
  readonly #database: Database;
  #transaction: { readonly tx: Transaction; end(how: "commit" | "rollback"): Promise<void> } | undefined;

  constructor(node: Node, database: Database) {
    this.#node = node;
    this.#database = database;
  }

  /** The value of a node as it is, or undefined. */
  value(at: Place): Promise<Stored | undefined> {
    return this.#database.global<Stored>(at.name).get(at.subscripts);
  }

  /** Does an operation; what is refused is an answer. */
  async answer(operation: Operation): Promise<string> {
    try {
      return await this.#do(operation);
    } catch (error) {
      if (error instanceof CohortError) return `!${error.code}`;
      if (error instanceof TypeError || error instanceof RangeError) return `!${error.name}`;
      throw error;
    }
  }

  async #do(operation: Operation): Promise<string> {
    if (operation.kind === "begin") return await this.#begin();
    if (operation.kind === "commit" || operation.kind === "rollback") {
      await this.#transaction!.end(operation.kind);
      this.#transaction = undefined;
      return "done";
    }
    const { name, subscripts } = operation.at;
    const plain = this.#database.global<Stored>(name);
    const face = this.#transaction?.tx.global(plain) ?? plain;
    switch (operation.kind) {
      case "set":
        await face.set(subscripts, repeated(operation.value, operation.repeat));
        return "done";
      case "kill":
        await face.kill(subscripts);
        return "done";
      case "zkill":
        await face.zkill(subscripts);
        return "done";
      case "get": {
        const value = await face.get(subscripts);
        return value === undefined ? "none" : `=${textOf(value)}`;
      }
      case "data":
        return String(await face.data(subscripts));
      case "order": {
        const next = await face.order(subscripts, operation.direction);
        return next === undefined ? "end" : `:${textOf(next)}`;
      }
      case "query": {
        const next = await face.query(subscripts, operation.direction);
        return next === undefined ? "end" : listed(next);
      }
      case "merge": {
        const { from } = operation;
        await plain.merge(subscripts, this.#database.global<Stored>(from.name), from.subscripts);
        return "done";
      }
      case "increment":
        return textOrDigits(await plain.increment(subscripts, operation.by));
      case "name":
        await plain.data(subscripts);
        return "accepted";
    }
  }

  /** Opens a transaction whose body waits for its end. */
  async #begin(): Promise<string> {
    const opened = Promise.withResolvers<Transaction>(), ends = Promise.withResolvers<boolean>();
    const rolledBack = new Error("rolled back");
    const whole = this.#node.transact(async (tx) => {
      opened.resolve(tx);
      if (!await ends.promise) throw rolledBack;
    });
    whole.catch((error: unknown) => opened.reject(error));
    this.#transaction = {
      tx: await opened.promise,
      end: async (how) => {
        ends.resolve(how === "commit");
        await whole.catch((error: unknown) => {
          if (error !== rolledBack) throw error;
        });
      },
    };
    return "done";
  }
}

/** A number's text, also one that M has no number for. */
function textOrDigits(n: number | bigint): string {
  try {
    return textOf(n);
  } catch {
    return String(n);
  }
}

function repeated(value: Stored, times: number): Stored {
  return typeof value === "string" ? value.repeat(times) : value;
}

/** Writes the lines that GT.M runs, and reads what it answers. */
export class TheirSide {
  readonly #mode: GtmMode;

  constructor(mode: GtmMode) {
    this.#mode = mode;
  }

  /** The line for an operation. */
  line(operation: Operation): string {
    if (operation.kind === "begin") return "TBEGIN";
    if (operation.kind === "commit") return "TCOMMIT";
    if (operation.kind === "rollback") return "TROLLBACK";
    const at = this.reference(operation.at);
    switch (operation.kind) {
      case "set":
        return `set ${at}=${this.#long(operation.value, operation.repeat)} write "done"`;
      case "kill":
      case "zkill":
        return `${operation.kind} ${at} write "done"`;
      case "get":
        return `write $select($data(${at})#10:"="_$zwrite(${at}),1:"none")`;
      case "data":
        return `write $data(${at})`;
      case "order":
        return `write ":"_$zwrite($order(${at},${operation.direction}))`;
      case "query":
        return operation.direction === 1 ? `write $query(${at})` : `write $$back^differential($name(${at}))`;
      case "merge":
        return `merge ${at}=${this.reference(operation.from)} write "done"`;
      case "increment":
        return `write $increment(${at},"${textOf(operation.by)}")`;
      case "name":
        return `write $name(${at})`;
    }
  }

  /** A reference as M reads it: subscripts as quoted texts, so that GT.M is not told what is a number. */
  reference(at: Place): string {
    if (at.subscripts.length === 0) return `^${at.name}`;
    const quoted = at.subscripts.map((it) => isBeyond(it) ? digitsOf(it) : this.#quoted(textOf(it)));
    return `^${at.name}(${quoted.join(",")})`;
  }

  /** GT.M's line as an answer. */
  answer(operation: Operation, line: string): string {
    // GT.M writes the parts of a joined text one by one, so an error may come behind the first of them.
    if (/^[:=]?!/.test(line)) return line.slice(line.indexOf("!"));
    if (operation.kind === "get" && line !== "none") return `=${this.#expression(line.slice(1))}`;
    if (operation.kind === "order") {
      return line === ':""' ? "end" : `:${this.#expression(line.slice(1))}`;
    }
    if (operation.kind !== "query") return line;
    return line === "" ? "end" : listed(parseReference(line).subscripts);
  }

  /** A line of a walk as reference and value. */
  node(line: string): string {
    const reader = new ReferenceReader(line);
    const { name, subscripts } = reader.reference();
    return `${name}${listed(subscripts)}=${this.#expression(line.slice(reader.position + 1))}`;
  }

  #long(value: Stored, repeat: number): string {
    const text = this.#quoted(textOf(value));
    return repeat === 1 ? text : `$$rep^differential(${text},${repeat})`;
  }

  #quoted(text: string): string {
    return formatString(text, this.#mode);
  }

  #expression(text: string): string {
    return new ReferenceReader(text).expression();
  }
}

/** All nodes of a global of Cohort, as `TheirSide.node` has them. */
export async function walkOurs(database: Database, name: string): Promise<string[]> {
  const nodes: string[] = [];
  for await (const [subscripts, value] of database.global<Stored>(name).entries()) {
    nodes.push(`${name}${listed(subscripts)}=${textOf(value)}`);
  }
  return nodes;
}

/** Whether a number has no form in M. */
function isBeyond(it: Subscript): boolean {
  try {
    textOf(it);
    return false;
  } catch {
    return true;
  }
}

/** A number as a literal of M's, "E" for JavaScript's "e+" and "e". */
function digitsOf(it: Subscript): string {
  return String(it).replace("e+", "E").replace("e", "E");
}

/** A place for people. */
export function shown(at: Place): string {
  try {
    return formatReference(at);
  } catch {
    return `^${at.name}(${at.subscripts.map(String).join(",")})`;
  }
}
