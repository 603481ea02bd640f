/** Small leaves and branches for table tests: block number 9 in the middle of a pool of three blocks. */
import { KIND_BRANCH, KIND_LEAF } from "../../src/ground/block.ts";
import { putU32 } from "../../src/ground/bytes.ts";
import { search } from "../../src/ground/entries.ts";
import { putAt } from "../../src/ground/entries_write.ts";
import { bytesOf, formatModel } from "./entry_model.ts";

/** A leaf at offset `size` of its pool; `around` fills the blocks beside it. */
export function leafOf(
  low: string,
  high: string | undefined,
  entries: readonly (readonly [key: string, value: string])[],
  size: number = 8192,
  around: number = 0,
): Uint8Array {
  const pool = new Uint8Array(3 * size).fill(around);
  formatModel(pool, size, { base: size, low, high, entries: [] }, KIND_LEAF);
  for (const [key, value] of entries) put(pool, key, value, size);
  return pool;
}

/** A branch of level 1 at offset `size` of its pool. */
export function branchOf(
  low: string,
  high: string | undefined,
  entries: readonly (readonly [key: string, child: number])[],
  size: number = 8192,
): Uint8Array {
  const pool = new Uint8Array(3 * size);
  formatModel(pool, size, { base: size, low, high, entries: [] }, KIND_BRANCH);
  for (const [key, child] of entries) putBytes(pool, key, childBytes(child), size);
  return pool;
}

/** The value of a branch entry. */
export function childBytes(child: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, child);
  return bytes;
}

/** Puts a key that the block covers. */
export function put(pool: Uint8Array, key: string, value: string, size: number = 8192): void {
  putBytes(pool, key, bytesOf(value), size);
}

function putBytes(pool: Uint8Array, key: string, value: Uint8Array, size: number): void {
  const bytes = bytesOf(key);
  putAt(
    pool,
    size,
    size,
    search(pool, size, bytes, bytes.length),
    bytes,
    bytes.length,
    value,
    0,
    value.length,
  );
}
