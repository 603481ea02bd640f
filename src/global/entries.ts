/**
 * Entries: the nodes of a subtree in collation order, streamed a leaf at a time.
 *
 * Between two leaves nothing is held but the key reached, so other writers go on and memory is bounded by one
 * leaf. Each leaf is as it is when it is reached; a consistent whole is what a transaction is for.
 */
import { AGAIN, type Again, type Patience } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { HEADER_BYTES } from "../ground/block.ts";
import { compareBytes, getU16 } from "../ground/bytes.ts";
import {
  ENTRY_HEAD_BYTES,
  entryCount,
  HEAD_BYTES,
  highInto,
  keyInto,
  lowerBound,
  prefixLength,
  SLOT_BYTES,
  slotsAt,
} from "../ground/entries.ts";
import { keyOf, subtreeEnd } from "../ground/key.ts";
import { KeyRun } from "../ground/key_run.ts";
import { isLarge } from "../ground/large_value.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import { checkOptions, checkType, type OptionNames } from "../ground/options.ts";
import type { Subscript } from "../ground/subscript.ts";
import { decodeValue, type Value } from "../ground/value.ts";
import type { Volume } from "../storage/volume.ts";
import { findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import type { Direction } from "./navigate.ts";
import { checkWait, patienceOf, WAIT_OPTIONS, type WaitOptions } from "./patience.ts";
import { FOUND, NONE, seekAfter, seekBefore, type Spot } from "./seek.ts";
import { readAt } from "./store.ts";
import type { TreePlace } from "./tree.ts";
import { Turns } from "./turns.ts";

/** Options of `entries`. */
export interface EntriesOptions extends WaitOptions {
  /** Last to first. */
  readonly reverse?: boolean;
  /** Most entries to give. */
  readonly limit?: number;
}

const ENTRIES_OPTIONS: OptionNames<EntriesOptions> = { ...WAIT_OPTIONS, reverse: true, limit: true };

/** A node: its subscripts and its value. */
export type Entry<T> = [subscripts: Subscript[], value: T];

/** Entries in a row. */
export interface Batch<T> {
  readonly entries: Array<Entry<T>>;
  /** Key to go on from; undefined at the end. */
  readonly next: Uint8Array | undefined;
  /** Bytes of the values that were not in the leaf. */
  readonly largeBytes: number;
}

/** Such bytes that take as long as a leaf. */
const LARGE_BYTES_A_BLOCK = 8192;

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
    checkOptions(options, ENTRIES_OPTIONS);
    checkWait(options);
    checkType("reverse", options.reverse, "boolean");
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
    const turns = new Turns(this.#database.clock, this.#options.signal);
    let seen = 0;
    while (left > 0 && (next !== undefined || first)) {
      const turn = turns.next(1 + seen / LARGE_BYTES_A_BLOCK);
      if (turn !== undefined) await turn;
      const answer = this.#batch(next, left);
      const batch: Batch<T> = answer instanceof Promise ? await answer : answer;
      first = false;
      seen = batch.largeBytes;
      left -= batch.entries.length;
      next = batch.next;
      if (batch.entries.length > 0) yield batch.entries;
    }
  }

  /**
   * @internal Some entries, `most` at most, from a key that the last such call gave, or from the beginning.
   */
  some(next: Uint8Array | undefined, most: number): Batch<T> | Promise<Batch<T>> {
    return this.#batch(next ?? (this.#options.reverse ? this.#high : this.#low), most);
  }

  /** From what is resident in the caller's turn; else by a step that obtains what is lacking. */
  #batch(from: Uint8Array | undefined, most: number): Batch<T> | Promise<Batch<T>> {
    const { engine, volume, clock, readGate } = this.#database;
    const { signal, timeoutMs } = this.#options;
    if (readGate === 0 && engine.stopped === undefined && signal === undefined && timeoutMs === undefined) {
      const { light } = engine;
      light.seen = 0;
      const batch = this.#attempt(light, volume, from, most);
      if (batch !== AGAIN) {
        const wait = engine.ackOf(light.seen);
        return wait === undefined ? batch : wait.then(() => batch);
      }
    }
    this.#database.admitRead();
    const run = (patience: Patience): Promise<Batch<T>> =>
      engine.read((step) => {
        this.#database.admitRead();
        return this.#attempt(step, volume, from, most);
      }, patience);
    return patienceOf(clock, this.#options, run, undefined, ENTRIES_OPTIONS);
  }

  #attempt(step: Step, volume: Volume, from: Uint8Array | undefined, most: number): Batch<T> | Again {
    const root = findRoot(step, volume, this.#name);
    if (root === MISS) return AGAIN;
    if (root === NO_ROOT) return NOTHING;
    const place = { volume, root };
    return this.#options.reverse
      ? this.#backward(step, place, from, most)
      : this.#forward(step, place, from!, most);
  }

  #forward(step: Step, place: TreePlace, from: Uint8Array, most: number): Batch<T> | Again {
    const found = seekAfter(step, place, from, from.length, true, spot);
    if (found === MISS) return AGAIN;
    if (found === NONE) return NOTHING;
    const { bytes, blockSize } = step.pool;
    const base = spot.frame * blockSize;
    const high = this.#high;
    const count = entryCount(bytes, base);
    const first = spot.index;
    const end = high === undefined ? count : lowerBound(bytes, base, high, high.length);
    if (first >= end) return NOTHING;
    const entries: Array<Entry<T>> = [];
    const stop = decodeEntries(step, place.volume, base, first, Math.min(end, first + most), 1, entries);
    if (stop < end) return stop === first ? AGAIN : { entries, next: keyAt(bytes, base, stop), largeBytes };
    if (end < count) return { entries, next: undefined, largeBytes };
    const length = highInto(bytes, base, keyScratch);
    const isLast = length < 0 ||
      (high !== undefined && compareBytes(keyScratch, 0, length, high, 0, high.length) >= 0);
    return { entries, next: isLast ? undefined : keyScratch.slice(0, length), largeBytes };
  }

  #backward(step: Step, place: TreePlace, from: Uint8Array | undefined, most: number): Batch<T> | Again {
    const low = this.#low;
    const found = seekBefore(step, place, from ?? low, from === undefined ? -1 : from.length, spot);
    if (found === MISS) return AGAIN;
    if (found !== FOUND) return NOTHING;
    const { bytes, blockSize } = step.pool;
    const base = spot.frame * blockSize;
    const first = spot.index;
    const end = lowerBound(bytes, base, low, low.length) - 1;
    if (first <= end) return NOTHING;
    const entries: Array<Entry<T>> = [];
    const stop = decodeEntries(step, place.volume, base, first, Math.max(end, first - most), -1, entries);
    if (stop === end && end >= 0) return { entries, next: undefined, largeBytes };
    return stop === first ? AGAIN : { entries, next: keyAt(bytes, base, stop + 1), largeBytes };
  }
}

const spot: Spot = { frame: 0, index: 0 };
const keyScratch: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
const run: KeyRun = new KeyRun();
/** Of the batch that was decoded last. */
let largeBytes = 0;

/** The batch of an end: its array is nobody's to change. */
const NOTHING: Batch<never> = { entries: [], next: undefined, largeBytes: 0 };

function keyAt(bytes: Uint8Array, base: number, index: number): Uint8Array {
  return keyScratch.slice(0, keyInto(bytes, base, index, keyScratch));
}

/**
 * Appends the entries from `first` to before `end`, going by `way` (1 or -1); the index where it stopped:
 * `end`, or an
 * entry whose value is not at hand. A limit of `Infinity` entries has been made an index by the caller.
 */
function decodeEntries<T>(
  step: Step,
  volume: Volume,
  base: number,
  first: number,
  end: number,
  way: Direction,
  into: Array<Entry<T>>,
): number {
  const { bytes } = step.pool;
  const prefix = prefixLength(bytes, base);
  const offsets = slotsAt(bytes, base) + HEAD_BYTES;
  run.begin(bytes, base + HEADER_BYTES, prefix);
  largeBytes = 0;
  for (let i = first; i !== end; i += way) {
    const entry = base + getU16(bytes, offsets + i * SLOT_BYTES);
    const keyFrom = entry + ENTRY_HEAD_BYTES;
    const valueFrom = keyFrom + getU16(bytes, entry);
    const valueTo = valueFrom + getU16(bytes, entry + 2);
    let value: Value;
    if (isLarge(bytes, valueFrom)) {
      const found = readAt(step, volume, base, i);
      if (found === AGAIN) return i;
      value = decodeValue(found.bytes, found.from, found.to);
      largeBytes += found.to - found.from;
    } else {
      value = decodeValue(bytes, valueFrom, valueTo);
    }
    into.push([run.next(bytes, keyFrom, valueFrom, prefix), value as T]);
  }
  return end;
}
