/**
 * Navigate: `$DATA`, `$ORDER` and `$QUERY` over keys, both ways (cache-cluster-rules P1, P3, P4).
 *
 * Pure questions to the tree; a subscript of "" stands for before the first or after the last, as in M.
 */
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { keyInto } from "../ground/entries.ts";
import { decodeKey, subtreeEnd } from "../ground/key.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import type { Subscript } from "../ground/subscript.ts";
import { FOUND, seekAfter, seekBefore, type Spot } from "./seek.ts";
import type { TreePlace } from "./tree.ts";

/** Which way to go: 1 forward, −1 backward. */
export type Direction = 1 | -1;

const spot: Spot = { frame: 0, index: 0 };
const foundKey: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
const endKey: Uint8Array = new Uint8Array(KEY_BYTES_MAX);

function keyAtSpot(step: Step): number {
  return keyInto(step.pool.bytes, spot.frame * step.pool.blockSize, spot.index, foundKey);
}

function beginsWith(key: Uint8Array, keyLength: number, prefix: Uint8Array, prefixLength: number): boolean {
  if (keyLength < prefixLength) return false;
  for (let i = prefixLength - 1; i >= 0; i--) if (key[i] !== prefix[i]) return false;
  return true;
}

/** 0 nothing, 1 a value, 10 descendants, 11 both. */
export function dataOf(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
): 0 | 1 | 10 | 11 | Again {
  let found = seekAfter(step, place, key, keyLength, true, spot);
  if (found === MISS) return AGAIN;
  if (found !== FOUND) return 0;
  const length = keyAtSpot(step);
  if (!beginsWith(foundKey, length, key, keyLength)) return 0;
  if (length > keyLength) return 10;
  found = seekAfter(step, place, key, keyLength, false, spot);
  if (found === MISS) return AGAIN;
  return found === FOUND && beginsWith(foundKey, keyAtSpot(step), key, keyLength) ? 11 : 1;
}

/**
 * The next subscript at one level. `key[0, parentLength)` is the parent; `key[0, keyLength)` the node to go
 * from, or the parent itself when the subscript is "".
 */
export function orderOf(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  parentLength: number,
  keyLength: number,
  direction: Direction,
): Subscript | undefined | Again {
  const found = direction === 1
    ? seekSiblingAfter(step, place, key, parentLength, keyLength)
    : seekSiblingBefore(step, place, key, parentLength, keyLength);
  if (found === MISS) return AGAIN;
  if (found !== FOUND) return undefined;
  const length = keyAtSpot(step);
  if (length === parentLength || !beginsWith(foundKey, length, key, parentLength)) return undefined;
  let end = parentLength;
  while (foundKey[end] !== 0) end++;
  return decodeKey(foundKey, parentLength, end + 1)[0];
}

function seekSiblingAfter(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  parentLength: number,
  keyLength: number,
): number {
  if (keyLength === parentLength) return seekAfter(step, place, key, keyLength, false, spot);
  const length = subtreeEnd(key, keyLength, endKey);
  return seekAfter(step, place, endKey, length, true, spot);
}

function seekSiblingBefore(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  parentLength: number,
  keyLength: number,
): number {
  if (keyLength > parentLength) return seekBefore(step, place, key, keyLength, spot);
  if (parentLength === 0) return seekBefore(step, place, key, -1, spot);
  return seekBefore(step, place, endKey, subtreeEnd(key, parentLength, endKey), spot);
}

/**
 * The next node with a value, in depth-first order. `edge` says that the last subscript was "": from before
 * the first or after the last child of `key`.
 */
export function queryOf(
  step: Step,
  place: TreePlace,
  key: Uint8Array,
  keyLength: number,
  edge: boolean,
  direction: Direction,
): Subscript[] | undefined | Again {
  let found: number;
  if (direction === 1) found = seekAfter(step, place, key, keyLength, false, spot);
  else if (!edge) found = seekBefore(step, place, key, keyLength, spot);
  else if (keyLength === 0) found = seekBefore(step, place, key, -1, spot);
  else found = seekBefore(step, place, endKey, subtreeEnd(key, keyLength, endKey), spot);
  if (found === MISS) return AGAIN;
  return found === FOUND ? decodeKey(foundKey, 0, keyAtSpot(step)) : undefined;
}
