/**
 * Block operations: what a redo record says happened to one block, and the one function that makes it happen,
 * in life and in replay (ARCHITECTURE, "Block operations").
 *
 * An operation is a code byte and its arguments, little-endian; operations of one block follow each other
 * without a frame. Applied to the same before-image they give the same bytes again, so a replayed block is
 * the one that was lost.
 */
import { blockKind, blockNumber, KIND_BRANCH, KIND_LEAF, KIND_MAP } from "./block.ts";
import { compareBytes, copyBytes, getU16 } from "./bytes.ts";
import { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { CHILD_BYTES, compareKeyAt, coversKey, entryCount, lowerBound, lowInto, search } from "./entries.ts";
import { canTruncate, truncate } from "./entries_split.ts";
import { fits, putAt, removeAt, removeRange } from "./entries_write.ts";
import { CohortError } from "./errors.ts";
import { readImage, writeImage } from "./image.ts";
import { INLINE_VALUE_BYTES_MAX, KEY_BYTES_MAX } from "./limits.ts";
import { mapBitsMax, mapClear, mapRunIs, mapSet } from "./space_map.ts";

/** The block becomes what an image says. Arguments: image. */
export const OP_FORMAT = 1;
/** A key gets a value. Arguments: u16 key length, u16 value length, key, value. */
export const OP_PUT = 2;
/** An existing key goes. Arguments: u16 key length, key. */
export const OP_REMOVE = 3;
/** The keys in [from, to) go. Arguments: u16 from length, u16 to length or `TO_END`, from, to. */
export const OP_REMOVE_RANGE = 4;
/** The keys at or above a new high key go. Arguments: u16 key length, key. */
export const OP_TRUNCATE = 5;
/** Free blocks are allocated. Arguments: u16 first bit, u16 count. */
export const OP_MAP_SET = 6;
/** Allocated blocks are freed. Arguments: u16 first bit, u16 count. */
export const OP_MAP_CLEAR = 7;

/** Length of an absent upper end of `OP_REMOVE_RANGE`. */
export const TO_END = 0xffff;

const keyA: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
const keyB: Uint8Array = new Uint8Array(KEY_BYTES_MAX);

/** Appends "the block becomes what it is now", for a block formatted or rebuilt. */
export function opFormat(writer: ByteWriter, bytes: Uint8Array, base: number, size: number): void {
  writer.u8(OP_FORMAT);
  writeImage(writer, bytes, base, size);
}

/** Appends the put of `value[valueFrom, valueFrom + valueLength)` under a full tree key. */
export function opPut(
  writer: ByteWriter,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  valueFrom: number,
  valueLength: number,
): void {
  writer.u8(OP_PUT);
  writer.u16(keyLength);
  writer.u16(valueLength);
  writer.append(key, 0, keyLength);
  writer.append(value, valueFrom, valueFrom + valueLength);
}

/** Appends the removal of an existing key. */
export function opRemove(writer: ByteWriter, key: Uint8Array, keyLength: number): void {
  opKey(writer, OP_REMOVE, key, keyLength);
}

/** Appends the removal of all keys in [from, to); `to` undefined is no upper end. */
export function opRemoveRange(
  writer: ByteWriter,
  from: Uint8Array,
  fromLength: number,
  to: Uint8Array | undefined,
  toLength: number,
): void {
  writer.u8(OP_REMOVE_RANGE);
  writer.u16(fromLength);
  writer.u16(to === undefined ? TO_END : toLength);
  writer.append(from, 0, fromLength);
  if (to !== undefined) writer.append(to, 0, toLength);
}

/** Appends the truncation to a new high key. */
export function opTruncate(writer: ByteWriter, newHigh: Uint8Array, newHighLength: number): void {
  opKey(writer, OP_TRUNCATE, newHigh, newHighLength);
}

/** Appends the allocation of blocks [start, start + count) of a map's extent. */
export function opMapSet(writer: ByteWriter, start: number, count: number): void {
  opMap(writer, OP_MAP_SET, start, count);
}

/** Appends the freeing of blocks [start, start + count) of a map's extent. */
export function opMapClear(writer: ByteWriter, start: number, count: number): void {
  opMap(writer, OP_MAP_CLEAR, start, count);
}

/**
 * Applies the operations in `ops[from, to)`, which lie outside the block, in order. The block must be sound
 * unless the first operation formats it, and is sound afterwards, but for a branch that may have no child
 * left (`coversLow`). A malformed operation, or one that this block cannot undergo, is `CORRUPT` with the
 * block, the position and what was found; the block's bytes are worthless after it. Stamp and checksum are
 * the caller's to set.
 */
export function applyOps(
  bytes: Uint8Array,
  base: number,
  size: number,
  ops: Uint8Array,
  from: number,
  to: number,
): void {
  let at = from;
  while (at < to) {
    const start = at;
    switch (ops[at++]) {
      case OP_FORMAT:
        at = applyFormat(bytes, base, size, ops, at, to);
        break;
      case OP_PUT:
        at = applyPut(bytes, base, size, ops, start, to);
        break;
      case OP_REMOVE:
        at = applyRemove(bytes, base, ops, start, to);
        break;
      case OP_REMOVE_RANGE:
        at = applyRemoveRange(bytes, base, ops, start, to);
        break;
      case OP_TRUNCATE:
        at = applyTruncate(bytes, base, size, ops, start, to);
        break;
      case OP_MAP_SET:
        at = applyMap(bytes, base, size, ops, start, to, false);
        break;
      case OP_MAP_CLEAR:
        at = applyMap(bytes, base, size, ops, start, to, true);
        break;
      default:
        fail(bytes, base, ops, start, "the operation is unknown");
    }
  }
  if (blockKind(bytes, base) === KIND_BRANCH && !coversLow(bytes, base)) {
    fail(bytes, base, ops, from, "a branch lost its first child alone");
  }
}

/**
 * Whether a branch covers its range from its low key on. One that is cut off and given back child by child,
 * the last ones first, has none in the end.
 */
function coversLow(bytes: Uint8Array, base: number): boolean {
  const length = lowInto(bytes, base, keyA);
  return entryCount(bytes, base) === 0 || compareKeyAt(bytes, base, 0, keyA, length) === 0;
}

function opKey(writer: ByteWriter, op: number, key: Uint8Array, keyLength: number): void {
  writer.u8(op);
  writer.u16(keyLength);
  writer.append(key, 0, keyLength);
}

function opMap(writer: ByteWriter, op: number, start: number, count: number): void {
  writer.u8(op);
  writer.u16(start);
  writer.u16(count);
}

function applyFormat(
  bytes: Uint8Array,
  base: number,
  size: number,
  ops: Uint8Array,
  at: number,
  to: number,
): number {
  const reader = new ByteReader(ops, "block image", at, to);
  readImage(reader, bytes, base, size);
  return reader.position;
}

function applyPut(
  bytes: Uint8Array,
  base: number,
  size: number,
  ops: Uint8Array,
  start: number,
  to: number,
): number {
  const branch = expectEntries(bytes, base, ops, start);
  if (to - start < 5) fail(bytes, base, ops, start, "the operation is cut short");
  const keyLength = getU16(ops, start + 1);
  const valueLength = getU16(ops, start + 3);
  const valueFrom = takeKey(bytes, base, ops, start, start + 5, keyLength, to, keyA);
  const end = valueFrom + valueLength;
  if (end > to) fail(bytes, base, ops, start, "the operation is cut short");
  if (branch ? valueLength !== CHILD_BYTES : valueLength > INLINE_VALUE_BYTES_MAX) {
    fail(bytes, base, ops, start, "the value has a wrong length");
  }
  if (!coversKey(bytes, base, keyA, keyLength)) {
    fail(bytes, base, ops, start, "the key lies outside the block");
  }
  const found = search(bytes, base, keyA, keyLength);
  if (!fits(bytes, base, size, found, keyLength, valueLength)) {
    fail(bytes, base, ops, start, "the entry does not fit");
  }
  putAt(bytes, base, size, found, keyA, keyLength, ops, valueFrom, valueLength);
  return end;
}

function applyRemove(bytes: Uint8Array, base: number, ops: Uint8Array, start: number, to: number): number {
  expectEntries(bytes, base, ops, start);
  const keyLength = keyLengthOf(bytes, base, ops, start, to);
  const end = takeKey(bytes, base, ops, start, start + 3, keyLength, to, keyA);
  const found = coversKey(bytes, base, keyA, keyLength) ? search(bytes, base, keyA, keyLength) : -1;
  if (found < 0) fail(bytes, base, ops, start, "the key is not in the block");
  removeAt(bytes, base, found);
  return end;
}

function applyRemoveRange(
  bytes: Uint8Array,
  base: number,
  ops: Uint8Array,
  start: number,
  to: number,
): number {
  expectEntries(bytes, base, ops, start);
  if (to - start < 5) fail(bytes, base, ops, start, "the operation is cut short");
  const lowLength = getU16(ops, start + 1);
  const highLength = getU16(ops, start + 3);
  const middle = takeKey(bytes, base, ops, start, start + 5, lowLength, to, keyA);
  const first = lowerBound(bytes, base, keyA, lowLength);
  if (highLength === TO_END) {
    removeRange(bytes, base, first, entryCount(bytes, base));
    return middle;
  }
  const end = takeKey(bytes, base, ops, start, middle, highLength, to, keyB);
  if (compareBytes(keyA, 0, lowLength, keyB, 0, highLength) > 0) {
    fail(bytes, base, ops, start, "the range is upside down");
  }
  removeRange(bytes, base, first, lowerBound(bytes, base, keyB, highLength));
  return end;
}

function applyTruncate(
  bytes: Uint8Array,
  base: number,
  size: number,
  ops: Uint8Array,
  start: number,
  to: number,
): number {
  expectEntries(bytes, base, ops, start);
  const keyLength = keyLengthOf(bytes, base, ops, start, to);
  const end = takeKey(bytes, base, ops, start, start + 3, keyLength, to, keyA);
  if (!canTruncate(bytes, base, size, keyA, keyLength)) {
    fail(bytes, base, ops, start, "the new high key does not suit the block");
  }
  truncate(bytes, base, size, keyA, keyLength);
  return end;
}

function applyMap(
  bytes: Uint8Array,
  base: number,
  size: number,
  ops: Uint8Array,
  start: number,
  to: number,
  clear: boolean,
): number {
  if (blockKind(bytes, base) !== KIND_MAP) fail(bytes, base, ops, start, "the block is not a map");
  if (to - start < 5) fail(bytes, base, ops, start, "the operation is cut short");
  const first = getU16(ops, start + 1);
  const count = getU16(ops, start + 3);
  if (first + count > mapBitsMax(size)) fail(bytes, base, ops, start, "the blocks lie outside the map");
  if (!mapRunIs(bytes, base, first, count, clear)) {
    fail(bytes, base, ops, start, clear ? "a block is free already" : "a block is allocated already");
  }
  if (clear) mapClear(bytes, base, first, count);
  else mapSet(bytes, base, first, count);
  return start + 5;
}

/** Whether the block is a branch; one that is no leaf either is `CORRUPT`. */
function expectEntries(bytes: Uint8Array, base: number, ops: Uint8Array, start: number): boolean {
  const kind = blockKind(bytes, base);
  if (kind !== KIND_LEAF && kind !== KIND_BRANCH) {
    fail(bytes, base, ops, start, "the block is neither leaf nor branch");
  }
  return kind === KIND_BRANCH;
}

function keyLengthOf(bytes: Uint8Array, base: number, ops: Uint8Array, start: number, to: number): number {
  if (to - start < 3) fail(bytes, base, ops, start, "the operation is cut short");
  return getU16(ops, start + 1);
}

/**
 * Copies a key of the operation to the front of `out`, where the entry functions want it; returns its end.
 */
function takeKey(
  bytes: Uint8Array,
  base: number,
  ops: Uint8Array,
  start: number,
  at: number,
  length: number,
  to: number,
  out: Uint8Array,
): number {
  if (length > KEY_BYTES_MAX) fail(bytes, base, ops, start, "the key is too long");
  if (at + length > to) fail(bytes, base, ops, start, "the operation is cut short");
  copyBytes(ops, at, at + length, out, 0);
  return at + length;
}

function fail(bytes: Uint8Array, base: number, ops: Uint8Array, position: number, found: string): never {
  const block = blockNumber(bytes, base);
  throw new CohortError("CORRUPT", `Apply an operation to block ${block}: ${found}`, {
    block,
    kind: blockKind(bytes, base),
    op: ops[position],
    position,
    found,
  });
}
