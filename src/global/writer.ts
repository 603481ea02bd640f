/**
 * Writer: the changing half of a global's face, outside transactions.
 *
 * A set or increment whose leaf is resident and has room is one op in one group, appended in the caller's
 * turn (`#putHot`); everything else is a change (buffer/change.ts). An operation is acknowledged when the
 * journal says so.
 */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again, NO_SPACE, type Patience } from "../buffer/engine.ts";
import type { Held } from "../buffer/held_block.ts";
import { journalResult, type KeptResult, type RequestOf } from "../buffer/kept_results.ts";
import { MODE_PR } from "../buffer/pool.ts";
import { MISS } from "../buffer/step.ts";
import { opPut } from "../ground/block_op.ts";
import { blockStamp, setBlockStamp } from "../ground/block.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { coversKey, search, valueLength, valueOffset } from "../ground/entries.ts";
import { fits, putAt } from "../ground/entries_write.ts";
import { encodeKey, KEY_SCRATCH_BYTES } from "../ground/key.ts";
import { isLarge } from "../ground/large_value.ts";
import { INLINE_VALUE_BYTES_MAX } from "../ground/limits.ts";
import type { Subscript } from "../ground/subscript.ts";
import { decodeValue, encodeValue, type Value } from "../ground/value.ts";
import { findOrCreateRoot, findRoot, NO_ROOT } from "./catalog.ts";
import { changeAcknowledged, changePublished } from "./change_run.ts";
import { type DatabaseCore, PASSES_TICKETS } from "./database.ts";
import {
  comingLeaf,
  type Increment,
  incrementElsewhere,
  isSmall,
  type TakenLeaf,
  takenLeaf,
} from "./elsewhere.ts";
import { incremented } from "./increment.ts";
import { killIn, zkillIn } from "./kill_node.ts";
import { mergeSubtree } from "./merge.ts";
import { patienceOf, type WaitOptions } from "./patience.ts";
import { readEncoded, writeEncoded } from "./store.ts";
import { SetLine } from "./set_line.ts";
import { leafOf } from "./tree.ts";
import { encodedValue, letGo, taken } from "./value_scratch.ts";

const keyScratch: Uint8Array = new Uint8Array(KEY_SCRATCH_BYTES);
const DONE: Promise<void> = Promise.resolve();
/** Bytes of a one-op group besides key and value. */
const HOT_GROUP_BYTES = 128;
/** In place of a position: nothing is lacking but space in the journal or on the volume. */
const LACKS_SPACE = -1;

/** Writes one global. */
export class GlobalWriter {
  readonly #database: DatabaseCore;
  readonly #name: string;
  #root = NO_ROOT;
  #rootVersion = 0;
  /** The leaf put into last, and the shape its tree had: the next key often belongs there too. */
  #leafBlock = 0;
  #leafVersion = 0;
  /** What was added up last. */
  #sum: number | bigint = 0;
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
        const position = this.#addNow(root, keyScratch, length, by);
        if (position > 0) {
          const sum = this.#sum;
          const wait = engine.ackOf(position);
          return wait === undefined ? Promise.resolve(sum) : wait.then(() => sum);
        }
      }
      const key = keyScratch.slice(0, length);
      const mayAsk = root !== NO_ROOT && isSmall(by);
      const leaf = mayAsk ? takenLeaf(this.#database, root, key, length) : undefined;
      if (leaf?.taken.isLeft) return this.#incrementElsewhere(leaf, key, by, options);
      return this.#incrementSlow(key, by, options);
    } catch (error) {
      return Promise.reject(this.#database.engine.noted(error));
    }
  }

  /**
   * Adds in this turn for another member that asks, if the leaf is here to be changed and the caller agrees
   * once it knows the block and its stamp: journaled together with who asked, so that it is not done twice.
   */
  incrementFor(
    request: RequestOf,
    { key, by }: Pick<Increment, "key" | "by">,
    mayAdd: (block: number, stamp: number) => boolean,
  ): KeptResult | undefined {
    const { engine, volume, writeGate } = this.#database;
    const root = this.cachedRoot();
    const leaf = root === NO_ROOT || writeGate !== 0 ? MISS : this.#leafOf(root, key, key.length);
    if (leaf === MISS || engine.pool.modeOf[leaf] === MODE_PR) return undefined;
    const { bytes, blockSize, blockOf } = engine.pool;
    if (!mayAdd(blockOf[leaf]!, blockStamp(bytes, leaf * blockSize))) return undefined;
    const from = engine.journal.position;
    const after = this.#addNow(root, key, key.length, by, request);
    return after > 0 ? { value: this.#sum, from, after, volume: volume.index } : undefined;
  }

  /** Who took the leaf of a key from this member, as far as it knows. */
  takerOf(key: Uint8Array): string | undefined {
    const root = this.cachedRoot();
    return root === NO_ROOT ? undefined : takenLeaf(this.#database, root, key, key.length)?.taken.by;
  }

  /** The leaf of a key, while it is on its way here. */
  comingOf(key: Uint8Array): Held | undefined {
    const root = this.cachedRoot();
    return root === NO_ROOT ? undefined : comingLeaf(this.#database, root, key);
  }

  /** Adds to a value in a resident leaf: `#sum`; answers as `#putInLeaf`. */
  #addNow(root: number, key: Uint8Array, length: number, by: number | bigint, asked?: RequestOf): number {
    const { pool } = this.#database.engine;
    const leaf = this.#leafOf(root, key, length);
    if (leaf === MISS) return 0;
    const { bytes } = pool;
    const base = leaf * pool.blockSize;
    const index = search(bytes, base, key, length);
    if (index < 0) return 0;
    const at = valueOffset(bytes, base, index);
    if (isLarge(bytes, at)) return 0;
    const sum = sumOf(decodeValue(bytes, at, at + valueLength(bytes, base, index)), by);
    if (sum === undefined) return 0;
    this.#sum = sum;
    const value = encodedValue(sum);
    return this.#putInLeaf(leaf, index, key, length, value.bytes, value.length, asked);
  }

  async #incrementElsewhere(
    leaf: TakenLeaf,
    key: Uint8Array,
    by: number | bigint,
    options: WaitOptions | undefined,
  ): Promise<number | bigint> {
    const database = this.#database;
    const increment = { tag: database.volume.facts.tag, name: this.#name, key, by };
    return await patienceOf(database.clock, options, async (patience) => {
      database.admitWrite();
      const sum = await incrementElsewhere(database, leaf, increment, patience);
      return sum ?? await this.#incrementHere(key, by, patience);
    }, database.engine);
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

  /** The position to acknowledge, `LACKS_SPACE` when only the journal has none, 0 when it cannot be. */
  #putInLeaf(
    leaf: number,
    found: number,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    length: number,
    asked?: RequestOf,
  ): number {
    const { engine, volume } = this.#database;
    const { pool, journal } = engine;
    const { bytes, blockSize } = pool;
    const base = leaf * blockSize;
    if (engine.stopped !== undefined || length > INLINE_VALUE_BYTES_MAX) return 0;
    if (pool.modeOf[leaf] === MODE_PR) return 0;
    if (!fits(bytes, base, blockSize, found, keyLength, length)) return 0;
    const bytesMax = HOT_GROUP_BYTES + keyLength + (asked === undefined ? length : 2 * length);
    if (!engine.admitNow(bytesMax)) return LACKS_SPACE;
    const start = journal.position;
    const stamp = engine.stamps.next();
    journal.beginGroup(stamp, bytesMax);
    journal.beginRecord(volume.index, pool.blockOf[leaf]!, blockStamp(bytes, base));
    opPut(journal.writer, key, keyLength, value, 0, length);
    journal.endRecord();
    if (asked !== undefined) journalResult(journal, volume.index, pool.blockOf[leaf]!, asked, value, length);
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
    return this.#changing(options, () => this.#adding(key, by), PASSES_TICKETS);
  }

  #incrementHere(key: Uint8Array, by: number | bigint, patience: Patience): Promise<number | bigint> {
    return changeAcknowledged(this.#database, this.#adding(key, by), patience, PASSES_TICKETS);
  }

  #adding(key: Uint8Array, by: number | bigint): (change: Change) => number | bigint | Again {
    return (change) => {
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
