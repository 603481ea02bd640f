/**
 * Transaction: one run of a transaction body: its own writes over what it reads (DESIGN D3).
 *
 * Nothing of it is in any block before the commit. Reads answer from the overlay first; what they ask of the
 * trees is recorded, and the commit validates and applies all in one synchronous step.
 */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again, type Engine, type Patience } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { CohortError } from "../ground/errors.ts";
import { decodeValue, encodeValue, type Value } from "../ground/value.ts";
import { findOrCreateRoot, findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { Global } from "./global.ts";
import { killRange } from "./kill.ts";
import { type Hidden, keyBytes, Overlay, type Written } from "./overlay.ts";
import { type Answer, type Question, ReadSet } from "./read_set.ts";
import { removeValue, writeEncoded } from "./store.ts";
import { TransactionGlobal } from "./transaction_global.ts";
import { isTorn } from "./tree_write.ts";
import { killIn } from "./kill_node.ts";

/** A mark to roll back to. */
export type Savepoint = number & { readonly savepoint: unique symbol };

/** Thrown through the body when what it read no longer stands: the run is over and is tried again. */
export const DOOMED: unique symbol = Symbol("doomed");

/** One write, for rolling back to a savepoint. */
interface Logged {
  readonly target: Target;
  readonly key: string;
  /** undefined: a kill of the key's subtree. */
  readonly value: Written | undefined;
}

/** Bytes that a transaction may take however small the pool. */
const TRANSACTION_BYTES_MIN = 64 * 1024 * 1024;
/** What a write takes besides its key and value: entries of a list, a map and an order. */
const WRITE_BYTES = 150;

function bytesOf({ key, value }: Logged): number {
  return WRITE_BYTES + 2 * key.length + (value?.length ?? 0);
}

interface Target {
  readonly database: DatabaseCore;
  readonly name: string;
  overlay: Overlay;
}

/** What a transaction body is given. */
export class Transaction {
  readonly #engine: Engine;
  readonly #patience: Patience;
  readonly #readOnly: boolean;
  readonly #reads = new ReadSet();
  readonly #targets = new Map<string, Target>();
  readonly #log: Logged[] = [];
  /** Bytes of the log, about. */
  #logBytes = 0;
  /** How long the log was at each savepoint; going back to one forgets those after it. */
  readonly #savepoints = new Map<number, number>();
  #savepointsMade = 0;
  #ended = false;
  #checkedAt = 0;
  #checkedStamp: number;

  /** @internal Made by `transact`. */
  constructor(engine: Engine, patience: Patience, readOnly: boolean) {
    this.#engine = engine;
    this.#patience = patience;
    this.#readOnly = readOnly;
    this.#checkedStamp = engine.stamps.last;
  }

  /** Aborts when the transaction's caller gives up. */
  get signal(): AbortSignal | undefined {
    return this.#patience.signal;
  }

  /**
   * A global as this transaction sees and changes it. The global's database must be mounted by the same node.
   */
  global<T>(global: Global<T>): TransactionGlobal<T> {
    this.#check();
    if (!(global instanceof Global)) {
      const { member } = (global ?? {}) as { readonly member?: unknown };
      const what = typeof member === "string"
        ? `a global at ${member}, and one node's are meant`
        : "no global";
      throw new TypeError(`Could not use it in a transaction: it is ${what}`);
    }
    const database = global.core;
    if (database.engine !== this.#engine) {
      throw new TypeError(`Could not use ^${global.name}: its database belongs to another node`);
    }
    return new TransactionGlobal<T>(this, database, global.name);
  }

  /** A point to roll back to. */
  savepoint(): Savepoint {
    this.#check();
    this.#savepoints.set(++this.#savepointsMade, this.#log.length);
    return this.#savepointsMade as Savepoint;
  }

  /**
   * Forgets every write and every savepoint since this one, which stays; what was read stays read. RangeError
   * for one that was forgotten.
   */
  rollbackTo(savepoint: Savepoint): void {
    this.#check();
    const length = this.#savepoints.get(savepoint);
    if (length === undefined) {
      throw new RangeError(
        `Could not roll back to ${String(savepoint)}: there is no such savepoint in this transaction`,
      );
    }
    for (const later of this.#savepoints.keys()) if (later > savepoint) this.#savepoints.delete(later);
    for (let i = length; i < this.#log.length; i++) this.#logBytes -= bytesOf(this.#log[i]!);
    this.#log.length = length;
    for (const target of this.#targets.values()) target.overlay = new Overlay();
    for (const { target, key, value } of this.#log) apply(target.overlay, key, value);
  }

  /** Writes since it began. */
  get writeCount(): number {
    return this.#log.length;
  }

  /** @internal Databases written to. */
  get databases(): Set<DatabaseCore> {
    const databases = new Set<DatabaseCore>();
    for (const target of this.#targets.values()) databases.add(target.database);
    return databases;
  }

  /** @internal The overlay of a global, to read through. */
  overlayOf(database: DatabaseCore, name: string): Overlay {
    return this.#target(database, name).overlay;
  }

  /** @internal Records a write. */
  write(database: DatabaseCore, name: string, key: string, value: Value | typeof KILL | typeof ZKILL): void {
    this.#check();
    if (this.#readOnly) {
      throw new CohortError("READ_ONLY", `Could not write ^${name}: the transaction is read-only`);
    }
    database.admitWrite();
    const target = this.#target(database, name);
    const written = value === KILL ? undefined : value === ZKILL ? null : encoded(value);
    this.#refuseTooLarge();
    const logged = { target, key, value: written };
    this.#log.push(logged);
    this.#logBytes += bytesOf(logged);
    apply(target.overlay, key, written);
  }

  /** @internal Asks the tree; the answer is recorded. */
  async ask(
    database: DatabaseCore,
    name: string,
    question: Question,
    key: string | undefined,
  ): Promise<Answer> {
    this.#check();
    database.admitRead();
    this.#refuseTooLarge();
    const light = this.#reads.ask(this.#engine.light, database, name, question, key);
    const asked = light !== AGAIN ? light : await this.#engine.readUnacknowledged(
      (step) => this.#reads.ask(step, database, name, question, key),
      this.#patience,
    );
    await this.#stopWhenDoomed();
    return asked.answer;
  }

  /** @internal Whether everything read still stands. */
  validate(step: Step): boolean | Again {
    return this.#reads.stillTrue(step);
  }

  /** @internal Validates and applies all writes: true, or false on a conflict. */
  commit(change: Change): boolean | Again {
    // What is only looked at is not taken from those who read it, too.
    change.leafMode = "PR";
    const valid = this.#reads.stillTrue(change);
    if (valid !== true) return valid;
    change.leafMode = "EX";
    let lacking = false;
    for (const target of this.#targets.values()) {
      target.database.admitRead();
      const done = applyTarget(change, target);
      if (done === TORN) return AGAIN;
      if (done === AGAIN) lacking = true;
    }
    return lacking ? AGAIN : true;
  }

  /** @internal No more calls. */
  end(): void {
    this.#ended = true;
  }

  /** What it read and wrote may take as much memory as the pool, or some large values. */
  #refuseTooLarge(): void {
    const bytes = this.#reads.bytes + this.#logBytes;
    const { capacity, blockSize } = this.#engine.pool;
    const allowed = Math.max(capacity * blockSize, TRANSACTION_BYTES_MIN);
    if (bytes <= allowed) return;
    const why = `what it read and wrote takes ${bytes} bytes of memory, ${allowed} are allowed`;
    throw new CohortError("TRANSACTION_TOO_LARGE", `Could not go on with a transaction: ${why}`, {
      bytes,
      allowed,
    });
  }

  /** Looks, ever more rarely, whether a run that goes on reading can still commit. */
  async #stopWhenDoomed(): Promise<void> {
    const { last } = this.#engine.stamps;
    if (last === this.#checkedStamp || this.#reads.size < 2 * this.#checkedAt) return;
    this.#checkedStamp = last;
    this.#checkedAt = this.#reads.size;
    const stands = await this.#engine.readUnacknowledged(
      (step) => this.#reads.stillTrue(step),
      this.#patience,
    );
    if (!stands) throw DOOMED;
  }

  #target(database: DatabaseCore, name: string): Target {
    const id = `${database.volume.index} ${name}`;
    let target = this.#targets.get(id);
    if (target === undefined) {
      target = { database, name, overlay: new Overlay() };
      this.#targets.set(id, target);
    }
    return target;
  }

  #check(): void {
    if (this.#ended) throw new CohortError("CLOSED", "The transaction has ended");
    this.#patience.signal?.throwIfAborted();
  }
}

/** Marks a subtree kill in `write`. */
export const KILL: unique symbol = Symbol("kill");
/** Marks a value removal in `write`. */
export const ZKILL: unique symbol = Symbol("zkill");

function apply(overlay: Overlay, key: string, value: Written | undefined): void {
  if (value === undefined) overlay.kill(key);
  else overlay.put(key, value);
}

function encoded(value: Value): Uint8Array {
  const writer = new ByteWriter(256);
  encodeValue(value, writer);
  return writer.bytes.slice(0, writer.length);
}

/** A value from its encoded bytes. */
export function decoded(bytes: Uint8Array): Value {
  return decodeValue(bytes, 0, bytes.length);
}

/** What was done of a target before it lacked something must not be gone on from. */
const TORN: unique symbol = Symbol("torn");

/**
 * Kills first, then what stands above them. Goes on after a lack, so that one wait fetches all that is
 * missing.
 */
function applyTarget(change: Change, target: Target): undefined | Again | typeof TORN {
  const { database, name, overlay } = target;
  let lacking = false;
  for (const range of overlay.hidden) {
    const { edits } = change;
    if (hideIn(change, database, name, range) !== AGAIN) continue;
    if (isTorn(change, database.volume, edits)) return TORN;
    lacking = true;
  }
  for (const [text, value] of overlay.writes()) {
    const key = keyBytes(text);
    const { edits } = change;
    const done = value === null
      ? removeIn(change, database, name, key)
      : putIn(change, database, name, key, value);
    if (done !== MISS) continue;
    if (isTorn(change, database.volume, edits)) return TORN;
    lacking = true;
  }
  return lacking ? AGAIN : undefined;
}

/** Kills a hidden range, which may be several neighbouring subtrees. */
function hideIn(change: Change, database: DatabaseCore, name: string, range: Hidden): undefined | Again {
  if (range.low === "") return killIn(change, database, name, keyBytes(""));
  const root = findRoot(change, database.volume, name);
  if (root === MISS) return AGAIN;
  if (root === NO_ROOT) return undefined;
  const low = keyBytes(range.low);
  const high = keyBytes(range.high ?? "");
  const highLength = range.high === undefined ? -1 : high.length;
  const bounds = { low, lowLength: low.length, high, highLength };
  return killRange(change, { volume: database.volume, root }, bounds) === MISS ? AGAIN : undefined;
}

function putIn(
  change: Change,
  database: DatabaseCore,
  name: string,
  key: Uint8Array,
  value: Uint8Array,
): number {
  const root = findOrCreateRoot(change, database.volume, name);
  if (root === MISS) return MISS;
  return writeEncoded(change, { volume: database.volume, root }, key, key.length, value, value.length);
}

function removeIn(change: Change, database: DatabaseCore, name: string, key: Uint8Array): number {
  const root = findRoot(change, database.volume, name);
  if (root === MISS || root === NO_ROOT) return root === MISS ? MISS : NO_ROOT;
  return removeValue(change, { volume: database.volume, root }, key, key.length);
}
