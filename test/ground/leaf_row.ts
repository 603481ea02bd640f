/** A row of neighbouring leaves that cover all keys, changed together with their model. */
import { assert, assertEquals } from "@std/assert";

import { setBlockStamp } from "../../src/ground/block.ts";
import { compareKeyAt, entryCount, freeBytes, lowerBound } from "../../src/ground/entries.ts";
import { checkEntries } from "../../src/ground/entries_check.ts";
import { compact, fits, putAt, removeAt, removeRange } from "../../src/ground/entries_write.ts";
import {
  canTruncate,
  copyRange,
  mergedBytes,
  mergeFits,
  mergeInto,
  splitIndex,
  splitSeparator,
  truncate,
} from "../../src/ground/entries_split.ts";
import { INLINE_VALUE_BYTES_MAX, KEY_BYTES_MAX } from "../../src/ground/limits.ts";
import type { Prng } from "../support/prng.ts";
import {
  bytesOf,
  expectModel,
  find,
  formatModel,
  type KEY_PROFILES,
  type ModelBlock,
  modelLowerBound,
  randomKey,
  randomValue,
  textOf,
} from "./entry_model.ts";

/** Random steps keep the row below this. */
const ROW_MAX = 10;

/** A row of leaves that cover all keys without a gap, with a spare block to build merges in. */
export class LeafRow {
  readonly pool: Uint8Array;
  readonly size: number;
  readonly row: ModelBlock[];
  splits = 0;
  merges = 0;
  readonly #random: Prng;
  readonly #free: number[] = [];
  #step = 0;

  constructor(size: number, random: Prng, blocksMax: number = ROW_MAX + 2) {
    this.size = size;
    this.#random = random;
    this.pool = new Uint8Array(size * (blocksMax + 1));
    for (let i = 0; i < blocksMax; i++) this.#free.push(i * size);
    // Left-over bytes of an earlier use must not show.
    this.pool.fill(0xa5);
    this.row = [{ base: this.#free.pop()!, low: "", high: undefined, entries: [] }];
    formatModel(this.pool, size, this.row[0]!);
  }

  /** One random change. */
  step(profile: (typeof KEY_PROFILES)[number]): void {
    const random = this.#random;
    const key = randomKey(random, profile, this.#step++);
    const block = this.blockOf(key);
    const choice = random.below(100);
    if (choice < 75) this.put(key, randomValue(random, INLINE_VALUE_BYTES_MAX));
    else if (choice < 85) this.#remove(block);
    else if (choice < 88) this.#removeRange(block, key, randomKey(random, profile, this.#step));
    else if (choice < 92) this.#cut(block, key);
    else if (choice < 99) this.#merge(random.below(this.row.length));
    else compact(this.pool, block.base, this.size);
    while (this.row.length > ROW_MAX) this.#drop(random.below(this.row.length));
  }

  /** Fails when a block is not sound. */
  checkStructure(what: string): void {
    for (const { base } of this.row) {
      const fault = checkEntries(this.pool, base, this.size);
      if (fault !== undefined) assertEquals(fault, undefined, what);
    }
  }

  /** Fails when a block is not sound or not what the model says. */
  check(what: string): void {
    for (const model of this.row) expectModel(this.pool, this.size, model, what);
  }

  /** The block that covers a key. */
  blockOf(key: string): ModelBlock {
    return this.row.find((one) => one.high === undefined || key < one.high)!;
  }

  /** Puts, splitting first where there is no room. */
  put(key: string, value: string): void {
    const block = this.blockOf(key);
    const bytes = bytesOf(key);
    const data = bytesOf(`__${value}`);
    const found = find(this.pool, block.base, key);
    const index = modelLowerBound(block, key);
    assertEquals(found, block.entries[index]?.key === key ? index : ~index);
    if (!fits(this.pool, block.base, this.size, found, bytes.length, value.length)) {
      this.#split(block, found, bytes, value.length);
      const next = this.row.find((one) => one.high === undefined || key < one.high)!;
      assert(
        fits(this.pool, next.base, this.size, find(this.pool, next.base, key), bytes.length, value.length),
      );
      return this.put(key, value);
    }
    const free = freeBytes(this.pool, block.base, this.size);
    putAt(this.pool, block.base, this.size, found, bytes, bytes.length, data, 2, value.length);
    if (found >= 0) block.entries[index]!.value = value;
    else block.entries.splice(index, 0, { key, value });
    assert(freeBytes(this.pool, block.base, this.size) <= free + INLINE_VALUE_BYTES_MAX);
  }

  #split(block: ModelBlock, found: number, key: Uint8Array, length: number): void {
    const cut = splitIndex(this.pool, block.base, this.size, found, key.length, length);
    const out = new Uint8Array(KEY_BYTES_MAX);
    const separator = textOf(out, 0, splitSeparator(this.pool, block.base, cut, found, key, key.length, out));
    const index = modelLowerBound(block, separator);
    assertEquals(cut < 0 ? ~cut : cut, index);
    const goesRight = textOf(key, 0, key.length) >= separator;
    if (found < 0) assertEquals(goesRight, cut >= 0 && ~found >= cut);
    this.splits++;
    this.#cutAt(block, separator);
  }

  #cut(block: ModelBlock, at: string): void {
    const bytes = bytesOf(at);
    if (!canTruncate(this.pool, block.base, this.size, bytes, bytes.length)) return;
    if (at === block.high || !this.#rightHasRoom(block, at)) return;
    this.#cutAt(block, at);
  }

  /** The right half has the old prefix or a longer one, but its low key may be longer than the old one. */
  #rightHasRoom(block: ModelBlock, at: string): boolean {
    return freeBytes(this.pool, block.base, this.size) + block.low.length >= at.length;
  }

  #cutAt(block: ModelBlock, at: string): void {
    const index = modelLowerBound(block, at);
    const right = {
      base: this.#free.pop()!,
      low: at,
      high: block.high,
      entries: block.entries.splice(index),
    };
    formatModel(this.pool, this.size, right);
    const count = entryCount(this.pool, block.base);
    copyRange(this.pool, block.base, index, count, this.pool, right.base, this.size);
    const bytes = bytesOf(at);
    assert(canTruncate(this.pool, block.base, this.size, bytes, bytes.length));
    truncate(this.pool, block.base, this.size, bytes, bytes.length);
    block.high = at;
    this.row.splice(this.row.indexOf(block) + 1, 0, right);
  }

  #remove(block: ModelBlock): void {
    if (block.entries.length === 0) return;
    const index = this.#random.below(block.entries.length);
    removeAt(this.pool, block.base, index);
    block.entries.splice(index, 1);
  }

  #removeRange(block: ModelBlock, a: string, b: string): void {
    const from = modelLowerBound(block, a < b ? a : b);
    const to = modelLowerBound(block, a < b ? b : a);
    const bytes = bytesOf(a);
    const bound = lowerBound(this.pool, block.base, bytes, bytes.length);
    assertEquals(bound, modelLowerBound(block, a));
    if (bound > 0) assert(compareKeyAt(this.pool, block.base, bound - 1, bytes, bytes.length) < 0);
    if (bound < block.entries.length) {
      const order = compareKeyAt(this.pool, block.base, bound, bytes, bytes.length);
      assertEquals(Math.sign(order), block.entries[bound]!.key === a ? 0 : 1);
    }
    if (to - from > 30) return;
    removeRange(this.pool, block.base, from, to);
    block.entries.splice(from, to - from);
  }

  #merge(index: number): void {
    const left = this.row[index];
    const right = this.row[index + 1];
    if (left === undefined || right === undefined) return;
    if (!mergeFits(this.pool, left.base, right.base, this.size)) return;
    const target = this.pool.length - this.size;
    setBlockStamp(this.pool, left.base, 77);
    mergeInto(this.pool, left.base, right.base, this.pool, target, this.size);
    const used = mergedBytes(this.pool, left.base, right.base, this.size);
    assertEquals(this.size - freeBytes(this.pool, target, this.size), used);
    this.pool.copyWithin(left.base, target, target + this.size);
    left.high = right.high;
    left.entries.push(...right.entries);
    this.row.splice(index + 1, 1);
    this.#free.push(right.base);
    this.merges++;
  }

  /** Makes room in the row: empties a block so that a merge must succeed sooner or later. */
  #drop(index: number): void {
    const block = this.row[index]!;
    removeRange(this.pool, block.base, 0, block.entries.length);
    block.entries = [];
    this.#merge(index);
    if (index > 0) this.#merge(index - 1);
  }
}
