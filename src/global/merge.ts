/**
 * Merge: copies a subtree over another place, all of it or nothing (cache-cluster-rules P6, but atomic).
 *
 * A small one is one change: the source is read and the target written inside it. What is larger is built
 * aside and put in place by one small group (staged_merge.ts); that reads and writes the target's subtree,
 * too, so a source that is little beside it stays one change as long as the pool has room. Where members
 * share a database it is one change, or `TRANSACTION_TOO_LARGE`.
 */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again, type Patience } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import { compareBytes } from "../ground/bytes.ts";
import { keyInto } from "../ground/entries.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import { keyOf } from "../ground/key.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import type { Subscript } from "../ground/subscript.ts";
import { findOrCreateRoot, findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { patienceOf, type WaitOptions } from "./patience.ts";
import { FOUND, seekAfter, type Spot } from "./seek.ts";
import { mergeStaged } from "./staged_merge.ts";
import { readAt, writeEncoded } from "./store.ts";
import { isTorn } from "./tree_write.ts";
import { respell, startsWith, type SubtreePlace, SubtreeReader } from "./subtree_reader.ts";
import { acknowledged, changeAcknowledged } from "./change_run.ts";

/** Blocks of a merge that is one change, done in one turn; how large another is, is looked at before. */
const BLOCKS_AT_ONCE = 64;
/** A target's subtree of so many times the source is not staged if the pool can hold the change. */
const TARGET_TIMES = 4;

/** Copies everything at and below one node to another. */
export function mergeSubtree(
  database: DatabaseCore,
  name: string,
  to: readonly Subscript[],
  source: DatabaseCore,
  sourceName: string,
  from: readonly Subscript[],
  options: WaitOptions | undefined,
): Promise<void> {
  try {
    const target: SubtreePlace = { database, name, key: keyOf(to) };
    const origin: SubtreePlace = { database: source, name: sourceName, key: keyOf(from) };
    if (source.engine !== database.engine) {
      throw new TypeError(`Could not merge ^${sourceName}: its database belongs to another node`);
    }
    refuseOverlap(origin, target);
    source.admitRead();
    database.admitWrite();
    return patienceOf(
      database.clock,
      options,
      (patience) => merge(origin, target, patience),
      database.engine,
    );
  } catch (error) {
    return Promise.reject(error);
  }
}

function refuseOverlap(origin: SubtreePlace, target: SubtreePlace): void {
  if (origin.database !== target.database || origin.name !== target.name) return;
  const shorter = Math.min(origin.key.length, target.key.length);
  for (let i = 0; i < shorter; i++) if (origin.key[i] !== target.key[i]) return;
  throw new TypeError(`Could not merge within ^${origin.name}: one node lies below the other`);
}

async function merge(origin: SubtreePlace, target: SubtreePlace, patience: Patience): Promise<void> {
  const { total } = target.database.engine.permits;
  // Members do not stand still for each other, and would free a tree that another builds.
  if (target.database.volume.isShared || origin.database.volume.isShared) {
    return await mergeNow(origin, target, total, patience);
  }
  if (await mergedAtOnce(origin, target, Math.min(BLOCKS_AT_ONCE, total), patience)) return;
  if (total > BLOCKS_AT_ONCE && await isLittleOf(origin, target, patience)) {
    if (await mergedAtOnce(origin, target, total, patience)) return;
  }
  try {
    await mergeStaged(origin, target, patience);
  } catch (error) {
    const { engine } = target.database;
    if (error instanceof RangeError) await acknowledged(engine, engine.journal.position, patience);
    throw error;
  }
}

/**
 * Whether a change could hold the source and as much of the target, whose subtree is many times as large: to
 * stage that would cost more than the pause of one large change.
 */
async function isLittleOf(origin: SubtreePlace, target: SubtreePlace, patience: Patience): Promise<boolean> {
  const { pool, permits } = origin.database.engine;
  const most = permits.total * pool.blockSize / 2;
  const source = await bytesBelow(origin, most, patience);
  if (source >= most) return false;
  return await bytesBelow(target, TARGET_TIMES * source, patience) >= TARGET_TIMES * source;
}

/** Bytes of all nodes at and below a place, up to about `most`. One read a leaf, and never begun again. */
async function bytesBelow(place: SubtreePlace, most: number, patience: Patience): Promise<number> {
  const reader = new SubtreeReader(place, patience);
  let bytes = 0;
  while (bytes < most) {
    const next = reader.peek();
    const node = next instanceof Promise ? await next : next;
    if (node === undefined) break;
    bytes += node.key.length + node.value.length;
    reader.skip();
  }
  return bytes;
}

/** Merges in one change of at most so many blocks; `TRANSACTION_TOO_LARGE` when it needs more. */
async function mergeNow(
  origin: SubtreePlace,
  target: SubtreePlace,
  blocks: number,
  patience: Patience,
): Promise<void> {
  const attempt = (change: Change): undefined | Again => copy(change, origin, target, blocks);
  await changeAcknowledged(target.database, attempt, patience);
}

/** The same: false when it needs more. */
async function mergedAtOnce(
  origin: SubtreePlace,
  target: SubtreePlace,
  blocks: number,
  patience: Patience,
): Promise<boolean> {
  try {
    await mergeNow(origin, target, blocks, patience);
    return true;
  } catch (error) {
    if (isCode(error, "TRANSACTION_TOO_LARGE")) return false;
    throw error;
  }
}

/**
 * Copies node by node. It goes on after a lack of the target's, so that one wait fetches all that is missing.
 * A split that could not be finished for want of frames may then show it a node twice: it has seen enough.
 */
function copy(change: Change, origin: SubtreePlace, target: SubtreePlace, blocks: number): undefined | Again {
  origin.database.admitRead();
  const spot: Spot = { frame: 0, index: 0 };
  const fromRoot = findRoot(change, origin.database.volume, origin.name);
  if (fromRoot === MISS) return AGAIN;
  if (fromRoot === NO_ROOT) return undefined;
  const source = { volume: origin.database.volume, root: fromRoot };
  let key = new Uint8Array(KEY_BYTES_MAX);
  let next = new Uint8Array(KEY_BYTES_MAX);
  let keyLength = origin.key.length;
  let lacking = false;
  key.set(origin.key);
  for (let first = true;; first = false) {
    const found = seekAfter(change, source, key, keyLength, first, spot);
    if (found === MISS) return AGAIN;
    if (found !== FOUND) break;
    const base = spot.frame * change.pool.blockSize;
    const nextLength = keyInto(change.pool.bytes, base, spot.index, next);
    if (lacking && !first && compareBytes(next, 0, nextLength, key, 0, keyLength) <= 0) return AGAIN;
    [key, next] = [next, key];
    keyLength = nextLength;
    if (!startsWith(key, keyLength, origin.key)) break;
    const value = readAt(change, source.volume, base, spot.index);
    if (value === AGAIN) return AGAIN;
    const encoded = value.bytes.slice(value.from, value.to);
    const { edits } = change;
    if (putCopy(change, origin, target, key, keyLength, encoded) === MISS) {
      if (isTorn(change, target.database.volume, edits)) return AGAIN;
      lacking = true;
    }
    if (change.framesNeeded > blocks) throw tooLarge(change.framesNeeded, blocks);
  }
  return lacking ? AGAIN : undefined;
}

function tooLarge(needed: number, allowed: number): CohortError {
  const message = `Could not merge in one change: it needs ${needed} blocks, allowed are ${allowed}`;
  return new CohortError("TRANSACTION_TOO_LARGE", message, { needed, allowed });
}

function putCopy(
  change: Change,
  origin: SubtreePlace,
  target: SubtreePlace,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
): number {
  const whole = respell(origin, target, key, keyLength);
  const root = findOrCreateRoot(change, target.database.volume, target.name);
  if (root === MISS) return MISS;
  const place = { volume: target.database.volume, root };
  return writeEncoded(change, place, whole, whole.length, value, value.length);
}
