/**
 * Transaction global: the face of a global inside a transaction: the overlay over the tree, in one order.
 *
 * Same names and answers as `Global`. `increment` is not here: it stands outside transactions, as in M.
 */
import { decodeKey, encodeKey, KEY_SCRATCH_BYTES } from "../ground/key.ts";
import type { Subscript } from "../ground/subscript.ts";
import type { Value } from "../ground/value.ts";
import type { DatabaseCore } from "./database.ts";
import { checkDirection, type DataState, levelKey } from "./global.ts";
import type { Direction } from "./navigate.ts";
import { afterText, keyBytes, keyText, subtreeEndText } from "./overlay.ts";
import type { Answer, Question } from "./read_set.ts";
import { decoded, KILL, type Transaction, ZKILL } from "./transaction.ts";

const scratch: Uint8Array = new Uint8Array(KEY_SCRATCH_BYTES);

function textOf(subscripts: readonly Subscript[]): string {
  return keyText(scratch, encodeKey(subscripts, scratch));
}

/** One global as a transaction sees it. */
export class TransactionGlobal<T = Value> {
  /** Its name, without the caret. */
  readonly name: string;
  readonly #transaction: Transaction;
  readonly #database: DatabaseCore;

  /** @internal Made by `Transaction.global`. */
  constructor(transaction: Transaction, database: DatabaseCore, name: string) {
    this.#transaction = transaction;
    this.#database = database;
    this.name = name;
  }

  /** The value at a node, undefined when it has none. */
  async get(subscripts: readonly Subscript[]): Promise<T | undefined> {
    const bytes = await this.#value(textOf(subscripts));
    return bytes === undefined ? undefined : decoded(bytes) as T;
  }

  /** Sets the value of a node. The promise is there for symmetry: nothing is waited for. */
  set(subscripts: readonly Subscript[], value: T): Promise<void> {
    return this.#write(subscripts, value);
  }

  /** `KILL`: removes a node and all below it. */
  kill(subscripts: readonly Subscript[] = []): Promise<void> {
    return this.#write(subscripts, KILL);
  }

  /** `ZKILL`: removes the value of a node. */
  zkill(subscripts: readonly Subscript[]): Promise<void> {
    return this.#write(subscripts, ZKILL);
  }

  /** `$DATA`: 0 nothing, 1 a value, 10 descendants, 11 both. */
  async data(subscripts: readonly Subscript[]): Promise<DataState> {
    const key = textOf(subscripts);
    const value = await this.#value(key);
    const below = await this.#next(afterText(key));
    const has = below !== undefined && below.startsWith(key);
    return value === undefined ? (has ? 10 : 0) : (has ? 11 : 1);
  }

  /** `$ORDER`: as `Global.order`. */
  async order(subscripts: readonly Subscript[], direction: Direction = 1): Promise<Subscript | undefined> {
    checkDirection(direction);
    const { key, parentLength } = levelKey(subscripts);
    const text = keyText(key);
    const parent = text.slice(0, parentLength);
    const edge = key.length === parentLength;
    const found = direction === 1
      ? await this.#next(edge ? afterText(text) : subtreeEndText(text)!)
      : await this.#previous(edge ? subtreeEndText(parent) : text);
    if (found === undefined || found === parent || !found.startsWith(parent)) return undefined;
    const bytes = keyBytes(found);
    return decodeKey(bytes, parentLength, bytes.indexOf(0, parentLength) + 1)[0];
  }

  /** `$QUERY`: as `Global.query`. */
  async query(subscripts: readonly Subscript[], direction: Direction = 1): Promise<Subscript[] | undefined> {
    checkDirection(direction);
    const edge = subscripts.length > 0 && subscripts[subscripts.length - 1] === "";
    const key = textOf(edge ? subscripts.slice(0, -1) : subscripts);
    const found = direction === 1
      ? await this.#next(afterText(key))
      : await this.#previous(edge ? subtreeEndText(key) : key);
    if (found === undefined) return undefined;
    const bytes = keyBytes(found);
    return decodeKey(bytes, 0, bytes.length);
  }

  /** The nodes at and below `subscripts` in collation order. */
  async *entries(subscripts: readonly Subscript[] = []): AsyncIterableIterator<[Subscript[], T]> {
    const low = textOf(subscripts);
    for (let key = await this.#next(low); key !== undefined; key = await this.#next(afterText(key))) {
      if (!key.startsWith(low)) return;
      const value = await this.#value(key);
      const bytes = keyBytes(key);
      if (value !== undefined) yield [decodeKey(bytes, 0, bytes.length), decoded(value) as T];
    }
  }

  #write(subscripts: readonly Subscript[], value: T | typeof KILL | typeof ZKILL): Promise<void> {
    try {
      this.#transaction.write(
        this.#database,
        this.name,
        textOf(subscripts),
        value as Value | typeof KILL | typeof ZKILL,
      );
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #value(key: string): Promise<Uint8Array | undefined> {
    const written = this.#transaction.overlayOf(this.#database, this.name).get(key);
    if (written !== undefined) return written ?? undefined;
    return await this.#ask("value", key) as Uint8Array | undefined;
  }

  #ask(question: Question, key: string | undefined): Promise<Answer> {
    return this.#transaction.ask(this.#database, this.name, question, key);
  }

  /** The first visible key at or after a place. */
  async #next(from: string): Promise<string | undefined> {
    const overlay = this.#transaction.overlayOf(this.#database, this.name);
    const written = overlay.nextWritten(from);
    const passed: string[] = [];
    let place = from;
    try {
      for (;;) {
        let further = overlay.passedUp.get(place);
        if (further === undefined) {
          const found = await this.#ask("from", place) as string | undefined;
          if (found === undefined || (written !== undefined && written <= found)) return written;
          if (overlay.get(found) !== null) return found;
          const hidden = overlay.hiddenAt(found);
          further = hidden === undefined ? afterText(found) : hidden.high;
          if (further === undefined) return written;
        }
        passed.push(place);
        place = further;
      }
    } finally {
      for (const it of passed) overlay.passedUp.set(it, place);
    }
  }

  /** The last visible key before a place; undefined means from the end. */
  async #previous(before: string | undefined): Promise<string | undefined> {
    const overlay = this.#transaction.overlayOf(this.#database, this.name);
    const written = overlay.previousWritten(before);
    const passed: Array<string | undefined> = [];
    let place = before;
    try {
      for (;;) {
        let further = overlay.passedDown.get(place);
        if (further === undefined) {
          const found = await this.#ask("before", place) as string | undefined;
          if (found === undefined || (written !== undefined && written >= found)) return written;
          if (overlay.get(found) !== null) return found;
          further = overlay.hiddenAt(found)?.low ?? found;
        }
        passed.push(place);
        place = further;
      }
    } finally {
      for (const it of passed) overlay.passedDown.set(it, place!);
    }
  }
}
