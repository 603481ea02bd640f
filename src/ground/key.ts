/**
 * Keys: the subscripts of a reference, each followed by one 0x00.
 *
 * memcmp of two keys is M's order of the references, a parent before its children; the key of a descendant
 * begins with the whole key of its ancestor, and the node of no subscripts (^X itself) has the empty key. The
 * subtree of a key K is [K, K with its last 0x00 replaced by 0x01): what follows a 0x00 is never below 0x02,
 * and a subscript that begins with the bytes of K's last one goes on with 0x01 and two more, or higher.
 *
 * All functions work on offsets of arrays the caller owns and allocate nothing but what they return.
 */
import { compareBytes } from "./bytes.ts";
import { CohortError } from "./errors.ts";
import { KEY_BYTES_MAX, SUBSCRIPTS_MAX } from "./limits.ts";
import { getSubscript, keyTooLong, putSubscript } from "./subscript.ts";
import type { Subscript } from "./subscript.ts";

/**
 * Bytes of an array that `encodeKey` can write any key to: the longest key, and room to notice a longer one.
 */
export const KEY_SCRATCH_BYTES: number = KEY_BYTES_MAX + 13;

/** Rises with every key encoded; the mask keeps it a small integer. */
let turn = 0;
const TURN_MASK = 0x3fff_ffff;

const SUBSCRIPT_END = 0x00;
const SUBTREE_END = 0x01;

/**
 * Writes the key of `subscripts` to the front of `into` (of `KEY_SCRATCH_BYTES`) and returns its length.
 *
 * TypeError for no array, a subscript that is no string, number or bigint, or a getter among them that
 * encodes others. RangeError for "", NaN, the
 * infinities, numbers that M has none for, a lone surrogate, more than `SUBSCRIPTS_MAX` subscripts or
 * `KEY_BYTES_MAX`
 * bytes.
 */
export function encodeKey(subscripts: readonly Subscript[], into: Uint8Array): number {
  if (!Array.isArray(subscripts)) {
    throw new TypeError(`Encode subscripts that are ${typeof subscripts}, not an array`);
  }
  const count = subscripts.length;
  if (count > SUBSCRIPTS_MAX) {
    throw new RangeError(`Encode ${count} subscripts: the limit is ${SUBSCRIPTS_MAX}`);
  }
  const mine = turn = (turn + 1) & TURN_MASK;
  let at = 0;
  for (let index = 0; index < count; index++) {
    at = putSubscript(subscripts[index]!, into, at, index);
    into[at++] = SUBSCRIPT_END;
  }
  // A getter among the subscripts that uses the database may have written its own key over this one.
  if (turn !== mine) throw new TypeError("Encode subscripts from a getter of subscripts being encoded");
  if (at > KEY_BYTES_MAX || at > into.length) throw keyTooLong();
  return at;
}

/** A key of its own for `subscripts`; errors as `encodeKey`. */
export function keyOf(subscripts: readonly Subscript[]): Uint8Array {
  const length = encodeKey(subscripts, scratch);
  return scratch.slice(0, length);
}

const scratch: Uint8Array = new Uint8Array(KEY_SCRATCH_BYTES);

/** The subscripts of the key in `bytes[from, to)`; `CORRUPT` for bytes that are no key. */
export function decodeKey(bytes: Uint8Array, from: number, to: number): Subscript[] {
  const subscripts: Subscript[] = [];
  let at = from;
  while (at < to) {
    let end = at;
    while (end < to && bytes[end] !== SUBSCRIPT_END) end++;
    if (end === to) throw unended(at);
    subscripts.push(getSubscript(bytes, at, end));
    at = end + 1;
  }
  return subscripts;
}

/** The last subscript of the key in `bytes[from, to)`; `CORRUPT` when there is none or it is malformed. */
export function decodeLastSubscript(bytes: Uint8Array, from: number, to: number): Subscript {
  const end = to - 1;
  if (end <= from || bytes[end] !== SUBSCRIPT_END) throw unended(from);
  let at = end;
  while (at > from && bytes[at - 1] !== SUBSCRIPT_END) at--;
  return getSubscript(bytes, at, end);
}

/** Number of subscripts of the key in `bytes[from, to)`. */
export function subscriptCount(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) if (bytes[at] === SUBSCRIPT_END) count++;
  return count;
}

/** Number of bytes of the first `level` subscripts of the key in `bytes[from, to)`; -1 when it has fewer. */
export function prefixLengthOfLevel(bytes: Uint8Array, from: number, to: number, level: number): number {
  let left = level;
  let at = from;
  while (left > 0 && at < to) if (bytes[at++] === SUBSCRIPT_END) left--;
  return left > 0 ? -1 : at - from;
}

/**
 * Writes the first key after the subtree of `key[0, length)` to `into` (which may be `key`) and returns its
 * length, which is `length`; 0 for the empty key, whose subtree is the whole tree and has no end.
 */
export function subtreeEnd(key: Uint8Array, length: number, into: Uint8Array): number {
  if (length === 0) return 0;
  if (into !== key) { for (let i = 0; i < length - 1; i++) into[i] = key[i]!; }
  into[length - 1] = SUBTREE_END;
  return length;
}

/**
 * Writes the first key that can belong to the next sibling of the ancestor at `level` of the key in
 * `bytes[from, to)` (the end of that ancestor's subtree) to `into` and returns its length; 0 when `level` is
 * 0 or the key has fewer subscripts.
 */
export function nextSiblingPrefix(
  bytes: Uint8Array,
  from: number,
  to: number,
  level: number,
  into: Uint8Array,
): number {
  const length = prefixLengthOfLevel(bytes, from, to, level);
  if (length <= 0) return 0;
  for (let i = 0; i < length - 1; i++) into[i] = bytes[from + i]!;
  into[length - 1] = SUBTREE_END;
  return length;
}

/** M's order of two keys, a parent before its children: below, equal to or above zero. */
export function compareKeys(
  a: Uint8Array,
  aFrom: number,
  aTo: number,
  b: Uint8Array,
  bFrom: number,
  bTo: number,
): number {
  return compareBytes(a, aFrom, aTo, b, bFrom, bTo);
}

function unended(position: number): CohortError {
  return new CohortError("CORRUPT", `Decode a key: the subscript at byte ${position} has no end`, {
    position,
  });
}
