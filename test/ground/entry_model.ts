/** A JS model of a row of neighbouring entry blocks, and seeded keys that are meant to hurt. */
import { assert, assertEquals } from "@std/assert";

import { KIND_LEAF } from "../../src/ground/block.ts";
import {
  coversKey,
  entryCount,
  highInto,
  keyInto,
  lowInto,
  search,
  slotsAt,
  valueLength,
  valueOffset,
} from "../../src/ground/entries.ts";
import { checkEntries } from "../../src/ground/entries_check.ts";
import { formatEntries } from "../../src/ground/entries_write.ts";
import { getU16 } from "../../src/ground/bytes.ts";
import { KEY_BYTES_MAX } from "../../src/ground/limits.ts";
import type { Prng } from "../support/prng.ts";

/** Bytes of a string of code units up to 0xff; such strings order as their bytes do. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The string of code units up to 0xff for bytes. */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** What a block should hold. */
export interface ModelBlock {
  /** Where it lies in the pool. */
  base: number;
  low: string;
  high: string | undefined;
  /** In key order. */
  entries: { key: string; value: string }[];
}

/** Formats an empty leaf for the model block. */
export function formatModel(
  pool: Uint8Array,
  size: number,
  model: ModelBlock,
  kind: number = KIND_LEAF,
): void {
  const low = bytesOf(model.low);
  const high = model.high === undefined ? undefined : bytesOf(model.high);
  const level = kind === KIND_LEAF ? 0 : 1;
  formatEntries(
    pool,
    model.base,
    size,
    kind,
    level,
    9,
    5,
    0xfeedface,
    low,
    low.length,
    high,
    high?.length ?? 0,
  );
}

const out = new Uint8Array(KEY_BYTES_MAX);

/** Fails unless the block is sound and holds exactly what the model says. */
export function expectModel(pool: Uint8Array, size: number, model: ModelBlock, what: string): void {
  const base = model.base;
  assertEquals(checkEntries(pool, base, size), undefined, what);
  assertEquals(textOf(out, 0, lowInto(pool, base, out)), model.low, what);
  const high = highInto(pool, base, out);
  assertEquals(high < 0 ? undefined : textOf(out, 0, high), model.high, what);
  const count = entryCount(pool, base);
  assertEquals(count, model.entries.length, what);
  for (let i = 0; i < count; i++) {
    const { key, value } = model.entries[i]!;
    if (textOf(out, 0, keyInto(pool, base, i, out)) !== key) assertEquals("key", `${i} of ${what}`);
    const at = valueOffset(pool, base, i);
    const end = at + valueLength(pool, base, i);
    if (textOf(pool, at, end) !== value) assertEquals("value", `${i} of ${what}`);
  }
  const from = slotsAt(pool, base) + count * 6;
  for (let at = from; at < base + getU16(pool, base + 28); at++) {
    if (pool[at] !== 0) assertEquals("zero hole", `${at} of ${what}`);
  }
}

/** Searches as the tree does: the key must be covered. */
export function find(pool: Uint8Array, base: number, key: string): number {
  const bytes = bytesOf(key);
  assert(coversKey(pool, base, bytes, bytes.length));
  return search(pool, base, bytes, bytes.length);
}

/** Index of the first entry at or above the key. */
export function modelLowerBound(model: ModelBlock, key: string): number {
  const index = model.entries.findIndex((entry) => entry.key >= key);
  return index < 0 ? model.entries.length : index;
}

const LONG = "long shared beginning ".repeat(45);

/** Names of the key profiles. */
export const KEY_PROFILES = [
  "tiny alphabet",
  "shared prefix",
  "longest",
  "rising",
  "falling",
  "mixed",
] as const;

/** A key of a profile; `step` counts the calls, for the profiles that come in order. */
export function randomKey(random: Prng, profile: (typeof KEY_PROFILES)[number], step: number): string {
  const kind = profile === "mixed" ? KEY_PROFILES[random.below(3)]! : profile;
  if (kind === "tiny alphabet") {
    const length = random.below(4) === 0 ? random.below(200) : random.below(7);
    let key = "";
    for (let i = 0; i < length; i++) {
      key += ["\0", "\0", "\x01", "a", "\x7f", "\x80", "\xff"][random.below(7)];
    }
    return key;
  }
  if (kind === "shared prefix") {
    const cut = random.below(20) === 0 ? random.below(LONG.length) : LONG.length;
    return LONG.slice(0, cut) +
      String.fromCharCode(random.below(256), random.below(3)).slice(random.below(3));
  }
  if (kind === "longest") {
    const key = String.fromCharCode(random.below(256)) + "x".repeat(random.below(3) * 508);
    return key + "\0".repeat(KEY_BYTES_MAX - 2 - key.length) +
      String.fromCharCode(random.below(9), random.below(9));
  }
  const number = kind === "rising" ? step : 1_000_000_000 - step;
  return `${["a", "b"][step % 2]}${String(number).padStart(12, "0")}\0`;
}

/** A value: mostly short, now and then up to `max`. */
export function randomValue(random: Prng, max: number): string {
  const length = random.below(12) === 0 ? random.below(max + 1) : random.below(60);
  return String.fromCharCode(random.below(256)).repeat(length);
}
