/**
 * Global: the public face of one ordered, persistent tree of values (`^Patient`).
 *
 * Every call first tries to answer from resident blocks in the caller's turn: no wait, no promise but the one
 * returned (DESIGN D1). What is lacking sends it once to the slow path, which obtains it and starts from the
 * root.
 */
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { search, valueLength, valueOffset } from "../ground/entries.ts";
import { decodeKey, encodeKey, KEY_SCRATCH_BYTES } from "../ground/key.ts";
import { isLarge } from "../ground/large_value.ts";
import type { Subscript } from "../ground/subscript.ts";
import { decodeValue, type Value } from "../ground/value.ts";
import { findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { Entries, type EntriesOptions } from "./entries.ts";
import { dataOf, type Direction, orderOf, queryOf } from "./navigate.ts";
import { patienceOf, type WaitOptions } from "./patience.ts";
import { Reference } from "./reference.ts";
import { readEncoded } from "./store.ts";
import { leafOf } from "./tree.ts";
import { GlobalWriter } from "./writer.ts";

const keyScratch: Uint8Array = new Uint8Array(KEY_SCRATCH_BYTES);

/** What `data` answers: 0 nothing, 1 a value, 10 descendants, 11 both. */
export type DataState = 0 | 1 | 10 | 11;

/**
 * One global of a mounted database. `T` is what the caller stores in it; it is not checked at run time.
 *
 * Wrong arguments reject `TypeError` or `RangeError` before anything is read or changed: subscripts that M
 * has none for, too many or too long ones, values without a form. Any call rejects `NOT_MOUNTED` after a
 * dismount,
 * `CLOSED` and `STOPPED` with the node, `CORRUPT` for a block that fails its checks, `IO` for one that cannot
 * be read, `TIMEOUT` or the signal's reason. A write rejects `READ_ONLY`, and `FULL` when the volume cannot
 * grow; while writes are frozen by an I/O error it waits. What changes too much for the pool at once is
 * `TRANSACTION_TOO_LARGE`.
 *
 * Cost: what is resident is read or changed in the caller's turn, for one promise; what is not costs one read
 * a level. A read is answered when all it saw may be acknowledged, a write when the node's durability is
 * reached.
 */
export class Global<T = Value> {
  /** Its name, without the caret. */
  readonly name: string;
  readonly #database: DatabaseCore;
  readonly #writer: GlobalWriter;

  /** @internal Made by `Database.global`. */
  constructor(database: DatabaseCore, name: string) {
    this.name = name;
    this.#database = database;
    this.#writer = new GlobalWriter(database, name);
  }

  /** @internal The database it belongs to. */
  get core(): DatabaseCore {
    return this.#database;
  }

  /**
   * The value at a node, undefined when it has none. Sees every earlier call of this process. An array,
   * object or `Uint8Array` is a fresh copy each time.
   */
  get(subscripts: readonly Subscript[], options?: WaitOptions): Promise<T | undefined> {
    try {
      const length = encodeKey(subscripts, keyScratch);
      const database = this.#database;
      const root = this.#writer.cachedRoot();
      if (options === undefined && root !== NO_ROOT && database.readGate === 0) {
        const { engine, volume } = database;
        const leaf = leafOf(engine.light, volume, root, keyScratch, length);
        if (leaf !== MISS) {
          const { bytes, blockSize } = engine.pool;
          const base = leaf * blockSize;
          const index = search(bytes, base, keyScratch, length);
          const at = index < 0 ? -1 : valueOffset(bytes, base, index);
          if (at < 0 || !isLarge(bytes, at)) {
            const value = at < 0
              ? undefined
              : decodeValue(bytes, at, at + valueLength(bytes, base, index)) as T;
            const wait = engine.ackOf(engine.pool.changedAt[leaf]!);
            return wait === undefined ? Promise.resolve(value) : wait.then(() => value);
          }
        }
      }
      const key = keyScratch.slice(0, length);
      return this.#read((step, root) => this.#getIn(step, root, key), undefined, options);
    } catch (error) {
      return Promise.reject(this.#database.engine.noted(error));
    }
  }

  /** `$DATA`: 0 for nothing, 1 for a value, 10 for descendants, 11 for both. */
  data(subscripts: readonly Subscript[], options?: WaitOptions): Promise<DataState> {
    return this.#withKey(subscripts, (key) =>
      this.#read<DataState>(
        (step, root) => dataOf(step, { volume: this.#database.volume, root }, key, key.length),
        0,
        options,
      ));
  }

  /**
   * `$ORDER`: the next (1) or previous (−1) subscript at the level of the last one, undefined at the end. ""
   * as the last subscript begins before the first, or after the last. The node itself need not exist.
   */
  order(
    subscripts: readonly Subscript[],
    direction: Direction = 1,
    options?: WaitOptions,
  ): Promise<Subscript | undefined> {
    return attempt(() => {
      checkDirection(direction);
      const { key, parentLength } = levelKey(subscripts);
      return this.#read(
        (step, root) =>
          orderOf(step, { volume: this.#database.volume, root }, key, parentLength, key.length, direction),
        undefined,
        options,
      );
    });
  }

  /**
   * `$QUERY`: the subscripts of the next (1) or previous (−1) node with a value, in depth-first order;
   * undefined at the end. "" as the last subscript begins before the first, or after the last node below.
   */
  query(
    subscripts: readonly Subscript[],
    direction: Direction = 1,
    options?: WaitOptions,
  ): Promise<Subscript[] | undefined> {
    return attempt(() => {
      checkDirection(direction);
      const edge = subscripts.length > 0 && subscripts[subscripts.length - 1] === "";
      const key = edge ? levelKey(subscripts).key : keyCopy(subscripts);
      return this.#read(
        (step, root) =>
          queryOf(step, { volume: this.#database.volume, root }, key, key.length, edge, direction),
        undefined,
        options,
      );
    });
  }

  /**
   * The nodes with a value at and below `subscripts`, in collation order, as `[subscripts, value]`. Streams:
   * a leaf at a time, each leaf as it is when it is reached; memory is bounded by one leaf.
   */
  entries(subscripts: readonly Subscript[] = [], options?: EntriesOptions): Entries<T> {
    return new Entries<T>(this.#database, this.name, subscripts, options);
  }

  /**
   * Sets the value of a node: up to 3,641,344 encoded bytes. The value is taken as it is at the call.
   * Resolves when the node's durability is reached.
   */
  set(subscripts: readonly Subscript[], value: T, options?: WaitOptions): Promise<void> {
    return this.#writer.set(subscripts, value as Value, options);
  }

  /**
   * `KILL`: removes a node and all below it, in one group whatever their number. Nothing there is no error.
   */
  kill(subscripts: readonly Subscript[] = [], options?: WaitOptions): Promise<void> {
    return this.#writer.kill(subscripts, options);
  }

  /** `ZKILL`: removes the value of a node, not what is below it. */
  zkill(subscripts: readonly Subscript[], options?: WaitOptions): Promise<void> {
    return this.#writer.zkill(subscripts, options);
  }

  /**
   * `$INCREMENT`: adds `by` exactly and answers the new value; atomic, outside transactions. Rejects
   * `NOT_NUMERIC` and
   * `PRECISION`, changing nothing.
   */
  increment<N extends number | bigint = number>(
    subscripts: readonly Subscript[],
    by?: N,
    options?: WaitOptions,
  ): Promise<N extends bigint ? bigint : number> {
    return this.#writer.increment(subscripts, by === undefined ? 1 : by, options) as Promise<
      N extends bigint ? bigint : number
    >;
  }

  /**
   * `MERGE`: copies all nodes at and below `from` of `source` to `to` here, of any size, at one instant: all
   * of it or nothing; nothing is killed. Rejects `TypeError` when one lies below the other, `RangeError` when
   * a key would become too long.
   *
   * Cost: up to some 60 blocks it is one change. What is larger is built aside, with what `to` already has:
   * it reads and writes both subtrees once, in the memory of a few blocks, and needs room for them on the
   * volume; meanwhile reads see what was before, and writes to both databases wait. Who gives up leaves
   * nothing behind.
   */
  merge(
    to: readonly Subscript[],
    source: Global<T>,
    from: readonly Subscript[] = [],
    options?: WaitOptions,
  ): Promise<void> {
    if (!(source instanceof Global)) {
      return Promise.reject(new TypeError(`Could not merge into ^${this.name}: the source is no global`));
    }
    return this.#writer.merge(to, source.#database, source.name, from, options);
  }

  /** A reference to a node of this global: what locks and texts name. */
  ref(subscripts: readonly Subscript[] = []): Reference {
    return new Reference(
      this.#database.directory,
      this.name,
      decodeKey(keyCopy(subscripts), 0, keyCopy(subscripts).length),
    );
  }

  #getIn(step: Step, root: number, key: Uint8Array): T | undefined | Again {
    const found = readEncoded(step, { volume: this.#database.volume, root }, key, key.length);
    if (found === AGAIN || found === undefined) return found;
    return decodeValue(found.bytes, found.from, found.to) as T;
  }

  #withKey<R>(subscripts: readonly Subscript[], run: (key: Uint8Array) => Promise<R>): Promise<R> {
    return attempt(() => run(keyCopy(subscripts)));
  }

  /** Runs a read over the tree of this global; `otherwise` when there is none. */
  #read<R>(
    read: (step: Step, root: number) => R | Again,
    otherwise: R,
    options: WaitOptions | undefined,
  ): Promise<R> {
    const { engine, volume, clock } = this.#database;
    this.#database.admitRead();
    const { name } = this;
    return patienceOf(clock, options, (patience) =>
      engine.read((step) => {
        this.#database.admitRead();
        const root = findRoot(step, volume, name);
        if (root === MISS) return AGAIN;
        return root === NO_ROOT ? otherwise : read(step, root);
      }, patience));
  }
}

function attempt<R>(run: () => Promise<R>): Promise<R> {
  try {
    return run();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The key of subscripts, its own copy. */
export function keyCopy(subscripts: readonly Subscript[]): Uint8Array {
  return keyScratch.slice(0, encodeKey(subscripts, keyScratch));
}

/**
 * The key of a node and the length of its parent's; "" as the last subscript gives the parent's key alone.
 */
export function levelKey(subscripts: readonly Subscript[]): { key: Uint8Array; parentLength: number } {
  const count = subscripts.length;
  if (count === 0) throw new RangeError("Order needs at least one subscript");
  const parentLength = encodeKey(subscripts.slice(0, count - 1), keyScratch);
  if (subscripts[count - 1] === "") return { key: keyScratch.slice(0, parentLength), parentLength };
  return { key: keyCopy(subscripts), parentLength };
}

/** Throws unless a direction is 1 or -1. */
export function checkDirection(direction: number): void {
  if (direction !== 1 && direction !== -1) throw new RangeError(`A direction is 1 or -1, got ${direction}`);
}
