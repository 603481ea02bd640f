/**
 * Merge: copies a subtree over another place, in one group (cache-cluster-rules P6, but atomic).
 *
 * The source is read and the target written inside one change, so it is all or nothing and of one instant.
 */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import { keyInto } from "../ground/entries.ts";
import { keyOf, subscriptCount } from "../ground/key.ts";
import { KEY_BYTES_MAX, SUBSCRIPTS_MAX } from "../ground/limits.ts";
import type { Subscript } from "../ground/subscript.ts";
import { findOrCreateRoot, findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { patienceOf, type WaitOptions } from "./patience.ts";
import { FOUND, seekAfter, type Spot } from "./seek.ts";
import { readAt, writeEncoded } from "./store.ts";
import { changeAcknowledged } from "./writer.ts";

/** A node to copy from or to. */
interface End {
  readonly database: DatabaseCore;
  readonly name: string;
  readonly key: Uint8Array;
}

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
    const target: End = { database, name, key: keyOf(to) };
    const origin: End = { database: source, name: sourceName, key: keyOf(from) };
    if (source.engine !== database.engine) {
      throw new TypeError(`Could not merge ^${sourceName}: its database belongs to another node`);
    }
    refuseOverlap(origin, target);
    source.admitRead();
    database.admitWrite();
    return patienceOf(
      database.clock,
      options,
      (patience) => changeAcknowledged(database, (change) => copy(change, origin, target), patience),
      database.engine,
    );
  } catch (error) {
    return Promise.reject(error);
  }
}

function refuseOverlap(origin: End, target: End): void {
  if (origin.database !== target.database || origin.name !== target.name) return;
  const shorter = Math.min(origin.key.length, target.key.length);
  for (let i = 0; i < shorter; i++) if (origin.key[i] !== target.key[i]) return;
  throw new TypeError(`Could not merge within ^${origin.name}: one node lies below the other`);
}

function copy(change: Change, origin: End, target: End): undefined | Again {
  origin.database.admitRead();
  const spot: Spot = { frame: 0, index: 0 };
  const fromRoot = findRoot(change, origin.database.volume, origin.name);
  if (fromRoot === MISS) return AGAIN;
  if (fromRoot === NO_ROOT) return undefined;
  const source = { volume: origin.database.volume, root: fromRoot };
  const key = new Uint8Array(KEY_BYTES_MAX);
  let keyLength = origin.key.length;
  key.set(origin.key);
  for (let first = true;; first = false) {
    const found = seekAfter(change, source, key, keyLength, first, spot);
    if (found === MISS) return AGAIN;
    if (found !== FOUND) return undefined;
    const base = spot.frame * change.pool.blockSize;
    keyLength = keyInto(change.pool.bytes, base, spot.index, key);
    if (!startsWith(key, keyLength, origin.key)) return undefined;
    const value = readAt(change, source.volume, base, spot.index);
    if (value === AGAIN) return AGAIN;
    const encoded = value.bytes.slice(value.from, value.to);
    if (putCopy(change, origin, target, key, keyLength, encoded) === MISS) return AGAIN;
  }
}

function putCopy(
  change: Change,
  origin: End,
  target: End,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
): number {
  const root = findOrCreateRoot(change, target.database.volume, target.name);
  if (root === MISS) return MISS;
  const tail = key.subarray(origin.key.length, keyLength);
  const whole = new Uint8Array(target.key.length + tail.length);
  whole.set(target.key);
  whole.set(tail, target.key.length);
  const levels = subscriptCount(whole, 0, whole.length);
  if (whole.length > KEY_BYTES_MAX || levels > SUBSCRIPTS_MAX) {
    throw new RangeError(
      `Could not merge into ^${target.name}: a node would have ${levels} subscripts in ${whole.length} bytes`,
    );
  }
  return writeEncoded(
    change,
    { volume: target.database.volume, root },
    whole,
    whole.length,
    value,
    value.length,
  );
}

function startsWith(key: Uint8Array, keyLength: number, prefix: Uint8Array): boolean {
  if (keyLength < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false;
  return true;
}
