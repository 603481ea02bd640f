/**
 * Subtree reader: the encoded nodes of a subtree, in order, a few at a time.
 *
 * Nothing is held between two reads but what was read: at most a leaf's short values, or one long value. Who
 * wants a whole of one instant sees to it that nobody writes meanwhile.
 */
import { AGAIN, type Again, type Patience } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { entryCount, keyInto, valueOffset } from "../ground/entries.ts";
import { subscriptCount } from "../ground/key.ts";
import { isLarge } from "../ground/large_value.ts";
import { KEY_BYTES_MAX, SUBSCRIPTS_MAX } from "../ground/limits.ts";
import { findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { FOUND, seekAfter, type Spot } from "./seek.ts";
import { readAt } from "./store.ts";

/** A node of a database: where a subtree begins. */
export interface SubtreePlace {
  readonly database: DatabaseCore;
  readonly name: string;
  readonly key: Uint8Array;
}

/** A node with its encoded value, both copies. */
export interface EncodedNode {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Whether a key lies at or below another. */
export function startsWith(key: Uint8Array, keyLength: number, prefix: Uint8Array): boolean {
  if (keyLength < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false;
  return true;
}

/** A key at or below one place as another has it; a `RangeError` when it would be none. */
export function respell(
  from: SubtreePlace,
  to: SubtreePlace,
  key: Uint8Array,
  keyLength: number,
): Uint8Array {
  const tail = key.subarray(from.key.length, keyLength);
  const whole = new Uint8Array(to.key.length + tail.length);
  whole.set(to.key);
  whole.set(tail, to.key.length);
  const levels = subscriptCount(whole, 0, whole.length);
  if (whole.length > KEY_BYTES_MAX || levels > SUBSCRIPTS_MAX) {
    throw new RangeError(
      `Could not merge into ^${to.name}: a node would have ${levels} subscripts in ${whole.length} bytes`,
    );
  }
  return whole;
}

/** Reads the nodes at and below a place. */
export class SubtreeReader {
  readonly #place: SubtreePlace;
  readonly #patience: Patience;
  #nodes: EncodedNode[] = [];
  #at = 0;
  #last: Uint8Array | undefined;
  #isOver = false;

  constructor(place: SubtreePlace, patience: Patience) {
    this.#place = place;
    this.#patience = patience;
  }

  /** The next node, which stays the next; undefined at the end. A promise when it must be read. */
  peek(): EncodedNode | undefined | Promise<EncodedNode | undefined> {
    if (this.#at < this.#nodes.length || this.#isOver) return this.#nodes[this.#at];
    return this.#fill();
  }

  /** Goes on to the node after the next. */
  skip(): void {
    this.#last = this.#nodes[this.#at++]?.key;
  }

  async #fill(): Promise<EncodedNode | undefined> {
    const { engine } = this.#place.database;
    this.#nodes = await engine.readUnacknowledged((step) => this.#leaf(step), this.#patience);
    this.#at = 0;
    this.#isOver = this.#nodes.length === 0;
    return this.#nodes[0];
  }

  /** What the next leaf has: up to a long value, or one long value alone. */
  #leaf(step: Step): EncodedNode[] | Again {
    const { database, name, key: prefix } = this.#place;
    database.admitRead();
    const { volume } = database;
    const root = findRoot(step, volume, name);
    if (root === MISS) return AGAIN;
    if (root === NO_ROOT) return [];
    const spot: Spot = { frame: 0, index: 0 };
    const from = this.#last ?? prefix;
    const found = seekAfter(step, { volume, root }, from, from.length, this.#last === undefined, spot);
    if (found === MISS) return AGAIN;
    if (found !== FOUND) return [];
    const { bytes, blockSize } = step.pool;
    const base = spot.frame * blockSize;
    const nodes: EncodedNode[] = [];
    const key = new Uint8Array(KEY_BYTES_MAX);
    for (let i = spot.index; i < entryCount(bytes, base); i++) {
      const length = keyInto(bytes, base, i, key);
      if (!startsWith(key, length, prefix)) break;
      const isLong = isLarge(bytes, valueOffset(bytes, base, i));
      if (isLong && nodes.length > 0) break;
      const value = readAt(step, volume, base, i);
      if (value === AGAIN) return AGAIN;
      nodes.push({ key: key.slice(0, length), value: value.bytes.slice(value.from, value.to) });
      if (isLong) break;
    }
    return nodes;
  }
}
