/**
 * Writer: the changing half of a global's face, outside transactions.
 *
 * A set or increment whose leaf is resident and has room is one op in one group, appended in the caller's
 * turn (`#putHot`); everything else is a change (buffer/change.ts). An operation is acknowledged when the
 * journal says so.
 */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again, NO_SPACE } from "../buffer/engine.ts";
import { MODE_PR } from "../buffer/pool.ts";
import { MISS } from "../buffer/step.ts";
import { opPut } from "../ground/block_op.ts";
import { blockStamp, setBlockStamp } from "../ground/block.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { coversKey, search, valueLength, valueOffset } from "../ground/entries.ts";
import { fits, putAt } from "../ground/entries_write.ts";
import { encodeKey, KEY_SCRATCH_BYTES, subtreeEnd } from "../ground/key.ts";
import { isLarge } from "../ground/large_value.ts";
import { INLINE_VALUE_BYTES_MAX } from "../ground/limits.ts";
import type { Subscript } from "../ground/subscript.ts";
import { decodeValue, encodeValue, type Value } from "../ground/value.ts";
import { dropGlobal, findOrCreateRoot, findRoot, NO_ROOT } from "./catalog.ts";
import { changeAcknowledged, changePublished } from "./change_run.ts";
import { type DatabaseCore, PASSES_TICKETS } from "./database.ts";
import { incremented } from "./increment.ts";
import { killRange } from "./kill.ts";
import { mergeSubtree } from "./merge.ts";
import { patienceOf, type WaitOptions } from "./patience.ts";
import { readEncoded, removeValue, writeEncoded } from "./store.ts";
import { SetLine } from "./set_line.ts";
import { leafOf } from "./tree.ts";

const keyScratch: Uint8Array = new Uint8Array(KEY_SCRATCH_BYTES);
const valueScratch: ByteWriter = new ByteWriter(4096);
const DONE: Promise<void> = Promise.resolve();
/** Bytes of a one-op group besides key and value. */
const HOT_GROUP_BYTES = 128;
/** In place of a position: nothing is lacking but space in the journal or on the volume. */
const LACKS_SPACE = -1;
/** The scratch a big value leaves behind is not kept above this. */
const SCRATCH_KEPT_BYTES = 1 << 20;

/** Writes one global. */
export class GlobalWriter {
  readonly #database: DatabaseCore;
  readonly #name: string;
  #root = NO_ROOT;
  #rootVersion = 0;
  /** The leaf put into last, and the shape its tree had: the next key often belongs there too. */
  #leafBlock = 0;
  #leafVersion = 0;
  readonly #line: SetLine;

  constructor(database: DatabaseCore, name: string) {
    this.#database = database;
    this.#name = name;
    const { engine } = database;
    this.#line = new SetLine({
      now: (key, value) =>
        database.writeGate === 0 ? this.#setNow(key, key.length, value, value.length) : LACKS_SPACE,
      later: async (key, value) => {
        const attempt = (change: Change): undefined | Again =>
          this.#put(change, key, key.length, value, value.length);
        return (await changePublished(database, attempt, {})).position;
      },
      ackOf: (position) => engine.ackOf(position),
      noted: (error) => engine.noted(error),
    });
  }

  /** The root block if it is known and the catalog has not changed since; else `NO_ROOT`. */
  cachedRoot(): number {
    const { volume } = this.#database;
    if (this.#rootVersion === volume.catalogVersion) return this.#root;
    const root = findRoot(this.#database.engine.light, volume, this.#name);
    if (root === MISS || root === NO_ROOT) return NO_ROOT;
    this.#root = root;
    this.#rootVersion = volume.catalogVersion;
    return root;
  }

  set(subscripts: readonly Subscript[], value: Value, options: WaitOptions | undefined): Promise<void> {
    try {
      // The value first: a getter in it may be the caller's code, and use the scratch of keys.
      const encoded = encodedValue(value);
      const length = encodeKey(subscripts, keyScratch);
      if (options === undefined && this.#database.writeGate === 0) {
        const position = this.#line.isMoving
          ? LACKS_SPACE
          : this.#setNow(keyScratch, length, encoded.bytes, encoded.length);
        if (position > 0) {
          letGo(encoded);
          return this.#database.engine.ackOf(position) ?? DONE;
        }
        if (position === LACKS_SPACE) return this.#line.add(keyScratch.slice(0, length), taken(encoded));
      }
      return this.#setSlow(keyScratch.slice(0, length), taken(encoded), options);
    } catch (error) {
      return Promise.reject(this.#database.engine.noted(error));
    }
  }

  increment(
    subscripts: readonly Subscript[],
    by: number | bigint,
    options: WaitOptions | undefined,
  ): Promise<number | bigint> {
    try {
      checkStep(by);
      const length = encodeKey(subscripts, keyScratch);
      const { engine } = this.#database;
      const root = this.cachedRoot();
      if (options === undefined && root !== NO_ROOT && this.#database.writeGate === 0) {
        const leaf = this.#leafOf(root, keyScratch, length);
        const base = leaf * engine.pool.blockSize;
        const index = leaf === MISS ? MISS : search(engine.pool.bytes, base, keyScratch, length);
        if (index >= 0) {
          const { bytes } = engine.pool;
          const at = valueOffset(bytes, base, index);
          if (!isLarge(bytes, at)) {
            const sum = sumOf(decodeValue(bytes, at, at + valueLength(bytes, base, index)), by);
            const position = sum === undefined ? 0 : this.#putSum(leaf, index, length, sum);
            if (sum !== undefined && position > 0) {
              const wait = engine.ackOf(position);
              return wait === undefined ? Promise.resolve(sum) : wait.then(() => sum);
            }
          }
        }
      }
      return this.#incrementSlow(keyScratch.slice(0, length), by, options);
    } catch (error) {
      return Promise.reject(this.#database.engine.noted(error));
    }
  }

  kill(subscripts: readonly Subscript[], options: WaitOptions | undefined): Promise<void> {
    return this.#changing(options, () => {
      const low = keyScratch.slice(0, encodeKey(subscripts, keyScratch));
      return (change) => killIn(change, this.#database, this.#name, low);
    });
  }

  zkill(subscripts: readonly Subscript[], options: WaitOptions | undefined): Promise<void> {
    return this.#changing(options, () => {
      const key = keyScratch.slice(0, encodeKey(subscripts, keyScratch));
      return (change) => zkillIn(change, this.#database, this.#name, key);
    });
  }

  merge(
    to: readonly Subscript[],
    source: DatabaseCore,
    sourceName: string,
    from: readonly Subscript[],
    options: WaitOptions | undefined,
  ): Promise<void> {
    return mergeSubtree(this.#database, this.#name, to, source, sourceName, from, options);
  }

  /**
   * Sets a node in the caller's turn, splitting blocks if it must: the position to acknowledge,
   * `LACKS_SPACE`, or 0 when more is lacking.
   */
  #setNow(key: Uint8Array, keyLength: number, value: Uint8Array, length: number): number {
    const position = this.#putHot(key, keyLength, value, length);
    if (position !== 0) return position;
    const published = this.#database.engine.changeNow((change) =>
      this.#put(change, key, keyLength, value, length)
    );
    if (published === NO_SPACE) return LACKS_SPACE;
    return published === undefined ? 0 : published.position;
  }

  /** Puts into the resident leaf of a key; answers as `#putInLeaf`. */
  #putHot(key: Uint8Array, keyLength: number, value: Uint8Array, length: number): number {
    const { engine } = this.#database;
    const root = this.cachedRoot();
    if (root === NO_ROOT || length > INLINE_VALUE_BYTES_MAX) return 0;
    const leaf = this.#leafOf(root, key, keyLength);
    if (leaf === MISS) return 0;
    const { bytes, blockSize } = engine.pool;
    const base = leaf * blockSize;
    const found = search(bytes, base, key, keyLength);
    if (found >= 0 && isLarge(bytes, valueOffset(bytes, base, found))) return 0;
    return this.#putInLeaf(leaf, found, key, keyLength, value, length);
  }

  /**
   * The resident leaf of a key, or `MISS`. Usually a descent; where the shape of the trees is as it was and
   * the leaf of the last call covers the key, that one: a leaf's fences are its whole claim.
   */
  #leafOf(root: number, key: Uint8Array, keyLength: number): number {
    const { engine, volume } = this.#database;
    const { pool } = engine;
    const { shapeVersion } = volume;
    if (this.#leafVersion === shapeVersion) {
      const known = pool.find(volume.index, this.#leafBlock);
      if (known !== MISS && coversKey(pool.bytes, known * pool.blockSize, key, keyLength)) {
        return known;
      }
    }
    const leaf = leafOf(engine.light, volume, root, key, keyLength);
    if (leaf !== MISS) {
      this.#leafBlock = pool.blockOf[leaf]!;
      this.#leafVersion = shapeVersion;
    }
    return leaf;
  }

  #putSum(leaf: number, index: number, keyLength: number, sum: number | bigint): number {
    const { bytes, length } = encodedValue(sum);
    return this.#putInLeaf(leaf, index, keyScratch, keyLength, bytes, length);
  }

  /** The position to acknowledge, `LACKS_SPACE` when only the journal has none, 0 when it cannot be. */
  #putInLeaf(
    leaf: number,
    found: number,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    length: number,
  ): number {
    const { engine, volume } = this.#database;
    const { pool, journal } = engine;
    const { bytes, blockSize } = pool;
    const base = leaf * blockSize;
    if (engine.stopped !== undefined || length > INLINE_VALUE_BYTES_MAX) return 0;
    if (pool.modeOf[leaf] === MODE_PR) return 0;
    if (!fits(bytes, base, blockSize, found, keyLength, length)) return 0;
    const bytesMax = HOT_GROUP_BYTES + keyLength + length;
    if (!engine.admitNow(bytesMax)) return LACKS_SPACE;
    const start = journal.position;
    const stamp = engine.stamps.next();
    journal.beginGroup(stamp, bytesMax);
    journal.beginRecord(volume.index, pool.blockOf[leaf]!, blockStamp(bytes, base));
    opPut(journal.writer, key, keyLength, value, 0, length);
    journal.endRecord();
    const end = journal.endGroup();
    putAt(bytes, base, blockSize, found, key, keyLength, value, 0, length);
    setBlockStamp(bytes, base, stamp);
    pool.changed(leaf, start, end);
    engine.nudge();
    return end;
  }

  #setSlow(key: Uint8Array, value: Uint8Array, options: WaitOptions | undefined): Promise<void> {
    return this.#changing(options, () => (change) => this.#put(change, key, key.length, value, value.length));
  }

  #put(
    change: Change,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    length: number,
  ): undefined | Again {
    const { volume } = this.#database;
    const root = findOrCreateRoot(change, volume, this.#name);
    if (root === MISS) return AGAIN;
    return writeEncoded(change, { volume, root }, key, keyLength, value, length) === MISS ? AGAIN : undefined;
  }

  #incrementSlow(
    key: Uint8Array,
    by: number | bigint,
    options: WaitOptions | undefined,
  ): Promise<number | bigint> {
    const attempt = (change: Change): number | bigint | Again => {
      const root = findOrCreateRoot(change, this.#database.volume, this.#name);
      if (root === MISS) return AGAIN;
      const place = { volume: this.#database.volume, root };
      const found = readEncoded(change, place, key, key.length);
      if (found === AGAIN) return AGAIN;
      const sum = incremented(
        found === undefined ? undefined : decodeValue(found.bytes, found.from, found.to),
        by,
      );
      const value = new ByteWriter(32);
      encodeValue(sum, value);
      return writeEncoded(change, place, key, key.length, value.bytes, value.length) === MISS ? AGAIN : sum;
    };
    return this.#changing(options, () => attempt, PASSES_TICKETS);
  }

  /**
   * Runs a change and waits for its acknowledgement. `prepare` checks the arguments in the caller's turn;
   * `holder` is whose commit ticket lets it through.
   */
  #changing<R>(
    options: WaitOptions | undefined,
    prepare: () => (change: Change) => R | Again,
    holder?: object,
  ): Promise<R> {
    try {
      const attempt = prepare();
      this.#database.admitWrite();
      return patienceOf(
        this.#database.clock,
        options,
        (patience) => changeAcknowledged(this.#database, attempt, patience, holder),
        this.#database.engine,
      );
    } catch (error) {
      return Promise.reject(this.#database.engine.noted(error));
    }
  }
}

/** Kills a node and all below it, inside a change. The whole global goes with its catalog entry. */
export function killIn(
  change: Change,
  database: DatabaseCore,
  name: string,
  low: Uint8Array,
): undefined | Again {
  const { volume } = database;
  if (low.length === 0) return dropGlobal(change, volume, name) === MISS ? AGAIN : undefined;
  const root = findRoot(change, volume, name);
  if (root === MISS) return AGAIN;
  if (root === NO_ROOT) return undefined;
  const high = new Uint8Array(low.length);
  const highLength = subtreeEnd(low, low.length, high);
  const range = { low, lowLength: low.length, high, highLength };
  return killRange(change, { volume, root }, range) === MISS ? AGAIN : undefined;
}

/** Removes one value, inside a change. */
export function zkillIn(
  change: Change,
  database: DatabaseCore,
  name: string,
  key: Uint8Array,
): undefined | Again {
  const { volume } = database;
  const root = findRoot(change, volume, name);
  if (root === MISS) return AGAIN;
  if (root === NO_ROOT) return undefined;
  return removeValue(change, { volume, root }, key, key.length) === MISS ? AGAIN : undefined;
}

/** The value after an increment; undefined when it is refused, which is the slow path's to say. */
function sumOf(value: Value, by: number | bigint): number | bigint | undefined {
  try {
    return incremented(value, by);
  } catch {
    return undefined;
  }
}

/** Throws unless a step of an increment is a number that can be added. */
export function checkStep(by: unknown): void {
  if (typeof by !== "number" && typeof by !== "bigint") {
    throw new TypeError(`An increment is a number or bigint, got ${typeof by}`);
  }
  if (typeof by === "number" && !Number.isFinite(by)) throw new RangeError(`Could not increment by ${by}`);
}

/** True while an object is being encoded into the scratch: its getters may set other values. */
let isScratchBusy = false;

/** A value in the scratch, or in one of its own while the scratch is in use. */
function encodedValue(value: Value): ByteWriter {
  const writer = isScratchBusy ? new ByteWriter(256) : valueScratch;
  writer.length = 0;
  if (typeof value !== "object" || isScratchBusy) {
    encodeValue(value, writer);
    return writer;
  }
  isScratchBusy = true;
  try {
    encodeValue(value, writer);
  } finally {
    isScratchBusy = false;
  }
  return writer;
}

/** An encoded value, its own copy; a big scratch is let go. */
function taken(writer: ByteWriter): Uint8Array {
  const value = writer.bytes.slice(0, writer.length);
  letGo(writer);
  return value;
}

/** Gives back the memory that a big value left behind in a scratch. */
function letGo(writer: ByteWriter): void {
  if (writer.bytes.length > SCRATCH_KEPT_BYTES) writer.restart(4096);
}
