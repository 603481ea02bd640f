/**
 * Entries: the nodes of a subtree in collation order, streamed a leaf at a time.
 *
 * Between two leaves nothing is held but the key reached, so other writers go on and memory is bounded by one
 * leaf. Each leaf is as it is when it is reached; a consistent whole is what a transaction is for.
 */
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { entryCount, highInto, keyInto } from "../ground/entries.ts";
import { decodeKey, keyOf, subtreeEnd } from "../ground/key.ts";
import { compareBytes } from "../ground/bytes.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import type { Subscript } from "../ground/subscript.ts";
import { decodeValue } from "../ground/value.ts";
import { findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { patienceOf, type WaitOptions } from "./patience.ts";
import { FOUND, NONE, seekAfter, seekBefore, type Spot } from "./seek.ts";
import { readAt } from "./store.ts";

/** Options of `entries`. */
export interface EntriesOptions extends WaitOptions {
  /** Last to first. */
  readonly reverse?: boolean;
  /** Most entries to give. */
  readonly limit?: number;
}

/** A node: its subscripts and its value. */
export type Entry<T> = [subscripts: Subscript[], value: T];

interface Batch<T> {
  readonly entries: Array<Entry<T>>;
  /** Key to go on from; undefined at the end. */
  readonly next: Uint8Array | undefined;
}

/** An async iterable of nodes; each iteration starts anew. */
export class Entries<T> implements AsyncIterable<Entry<T>> {
  readonly #database: DatabaseCore;
  readonly #name: string;
  readonly #low: Uint8Array;
  readonly #high: Uint8Array | undefined;
  readonly #options: EntriesOptions;

  /** @internal Made by `Global.entries`. */
  constructor(
    database: DatabaseCore,
    name: string,
    subscripts: readonly Subscript[],
    options: EntriesOptions = {},
  ) {
    this.#database = database;
    this.#name = name;
    this.#low = keyOf(subscripts);
    this.#options = options;
    const { limit } = options;
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
      throw new RangeError(`A limit is a whole number from 0 on, got ${limit}`);
    }
    if (this.#low.length > 0) {
      this.#high = new Uint8Array(this.#low.length);
      subtreeEnd(this.#low, this.#low.length, this.#high);
    }
  }

  /** One by one. */
  async *[Symbol.asyncIterator](): AsyncIterator<Entry<T>> {
    for await (const batch of this.batches()) yield* batch;
  }

  /** The same a leaf at a time: arrays of entries, none empty. Several times faster than one by one. */
  async *batches(): AsyncIterableIterator<Array<Entry<T>>> {
    let left = this.#options.limit ?? Infinity;
    let next: Uint8Array | undefined = this.#options.reverse ? this.#high : this.#low;
    let first = true;
    while (left > 0 && (next !== undefined || first)) {
      const batch: Batch<T> = await this.#batch(next, left);
      first = false;
      left -= batch.entries.length;
      next = batch.next;
      if (batch.entries.length > 0) yield batch.entries;
    }
  }

  #batch(from: Uint8Array | undefined, most: number): Promise<Batch<T>> {
    const { engine, volume, clock } = this.#database;
    return patienceOf(clock, this.#options, (patience) =>
      engine.read((step) => {
        this.#database.admitRead();
        const root = findRoot(step, volume, this.#name);
        if (root === MISS) return AGAIN;
        if (root === NO_ROOT) return { entries: [], next: undefined };
        return this.#options.reverse
          ? this.#backward(step, root, from, most)
          : this.#forward(step, root, from!, most);
      }, patience));
  }

  #forward(step: Step, root: number, from: Uint8Array, most: number): Batch<T> | Again {
    const spot: Spot = { frame: 0, index: 0 };
    const found = seekAfter(step, { volume: this.#database.volume, root }, from, from.length, true, spot);
    if (found === MISS) return AGAIN;
    if (found === NONE) return { entries: [], next: undefined };
    const { bytes, blockSize } = step.pool;
    const base = spot.frame * blockSize;
    const entries: Array<Entry<T>> = [];
    const key = new Uint8Array(KEY_BYTES_MAX);
    const count = entryCount(bytes, base);
    for (let i = spot.index; i < count && entries.length < most; i++) {
      const length = keyInto(bytes, base, i, key);
      if (this.#beyond(key, length)) return { entries, next: undefined };
      const value = readAt(step, this.#database.volume, base, i);
      if (value === AGAIN) return entries.length === 0 ? AGAIN : { entries, next: key.slice(0, length) };
      entries.push([decodeKey(key, 0, length), decodeValue(value.bytes, value.from, value.to) as T]);
    }
    const length = highInto(bytes, base, key);
    return { entries, next: length < 0 || this.#beyond(key, length) ? undefined : key.slice(0, length) };
  }

  #backward(step: Step, root: number, from: Uint8Array | undefined, most: number): Batch<T> | Again {
    const spot: Spot = { frame: 0, index: 0 };
    const place = { volume: this.#database.volume, root };
    const found = seekBefore(step, place, from ?? this.#low, from === undefined ? -1 : from.length, spot);
    if (found === MISS) return AGAIN;
    const entries: Array<Entry<T>> = [];
    if (found !== FOUND) return { entries, next: undefined };
    const { bytes, blockSize } = step.pool;
    const base = spot.frame * blockSize;
    const key = new Uint8Array(KEY_BYTES_MAX);
    let reached: Uint8Array | undefined;
    for (let i = spot.index; i >= 0 && entries.length < most; i--) {
      const length = keyInto(bytes, base, i, key);
      if (compareBytes(key, 0, length, this.#low, 0, this.#low.length) < 0) {
        return { entries, next: undefined };
      }
      const value = readAt(step, this.#database.volume, base, i);
      if (value === AGAIN) return reached === undefined ? AGAIN : { entries, next: reached };
      entries.push([decodeKey(key, 0, length), decodeValue(value.bytes, value.from, value.to) as T]);
      reached = key.slice(0, length);
    }
    return { entries, next: reached };
  }

  #beyond(key: Uint8Array, length: number): boolean {
    return this.#high !== undefined && compareBytes(key, 0, length, this.#high, 0, this.#high.length) >= 0;
  }
}
