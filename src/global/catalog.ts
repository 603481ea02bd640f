/**
 * Catalog: the tree of each volume that says where the tree of each global begins.
 *
 * Key: the name in ASCII. Value: u32 root block, u8 collation (1 = M). A root never moves, so an entry
 * changes only when its global is created or killed whole; `volume.catalogVersion` rises then, and cached
 * roots are looked up again.
 */
import type { Change } from "../buffer/change.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { KIND_LEAF } from "../ground/block.ts";
import { getU32, putU32 } from "../ground/bytes.ts";
import { keyInto, search, valueOffset } from "../ground/entries.ts";
import { KEY_BYTES_MAX, NAME_CHARS_MAX } from "../ground/limits.ts";
import { CATALOG_ROOT, type Volume } from "../storage/volume.ts";
import { enqueueSubtree } from "./free_queue.ts";
import { seekAfter, type Spot } from "./seek.ts";
import { takeBlock } from "./space.ts";
import { leafOf } from "./tree.ts";
import { putKey, removeKey } from "./tree_write.ts";

/** No tree: the global does not exist. */
export const NO_ROOT = 0;
const COLLATION_M = 1;

const nameKey: Uint8Array = new Uint8Array(NAME_CHARS_MAX);
const NO_KEY: Uint8Array = new Uint8Array(0);

function setName(name: string): number {
  for (let i = 0; i < name.length; i++) nameKey[i] = name.charCodeAt(i);
  return name.length;
}

/** Root block of a global, `NO_ROOT`, or `MISS`. */
export function findRoot(step: Step, volume: Volume, name: string): number {
  const length = setName(name);
  const leaf = leafOf(step, volume, CATALOG_ROOT, nameKey, length);
  if (leaf === MISS) return MISS;
  step.observe(leaf);
  const { bytes, blockSize } = step.pool;
  const index = search(bytes, leaf * blockSize, nameKey, length);
  return index < 0 ? NO_ROOT : getU32(bytes, valueOffset(bytes, leaf * blockSize, index));
}

/** Root block of a global, which is created when there is none; or `MISS`. */
export function findOrCreateRoot(change: Change, volume: Volume, name: string): number {
  const found = findRoot(change, volume, name);
  if (found !== NO_ROOT) return found;
  const root = takeBlock(change, volume);
  if (root === MISS) return MISS;
  if (change.createEntries(volume, root, KIND_LEAF, 0, root, NO_KEY, 0, undefined, -1) === MISS) return MISS;
  return setRoot(change, volume, name, root) === MISS ? MISS : root;
}

/** Points a name at a root block: `DONE` or `MISS`. */
export function setRoot(change: Change, volume: Volume, name: string, root: number): number {
  const value = new Uint8Array(5);
  putU32(value, 0, root);
  value[4] = COLLATION_M;
  const length = setName(name);
  return putKey(change, { volume, root: CATALOG_ROOT }, nameKey, length, value, 0, 5);
}

/** Takes a global out of the catalog and queues its tree to be freed: `DONE`, `ABSENT` or `MISS`. */
export function dropGlobal(change: Change, volume: Volume, name: string): number {
  const root = findRoot(change, volume, name);
  if (root === MISS || root === NO_ROOT) return root === MISS ? MISS : 0;
  if (enqueueSubtree(change, volume, root, 0) === MISS) return MISS;
  return removeKey(change, { volume, root: CATALOG_ROOT }, nameKey, setName(name));
}

/** The first global name after `name` ("" for the first of all), undefined, or `MISS`. */
export function nextName(step: Step, volume: Volume, name: string): string | undefined | typeof MISS {
  const spot: Spot = { frame: 0, index: 0 };
  const found = seekAfter(step, { volume, root: CATALOG_ROOT }, nameKey, setName(name), false, spot);
  if (found === MISS) return MISS;
  if (found === 0) return undefined;
  const key = new Uint8Array(KEY_BYTES_MAX);
  const length = keyInto(step.pool.bytes, spot.frame * step.pool.blockSize, spot.index, key);
  return String.fromCharCode(...key.subarray(0, length));
}
