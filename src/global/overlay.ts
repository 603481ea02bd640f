/**
 * Overlay: what one transaction has written to one global, over the tree as it is.
 *
 * Kill ranges hide the tree; writes stand above both. Keys are kept as strings of byte values, whose `<` is
 * the order of the keys. Pure: no blocks, no waiting.
 */

/** A written value, or null for a value removed by ZKILL. */
export type Written = Uint8Array | null;

/** A hidden range `[low, high)`; high undefined means to the end. */
export interface Hidden {
  readonly low: string;
  readonly high: string | undefined;
}

/** Bytes of a key as a string, one character a byte. */
export function keyText(key: Uint8Array, length: number = key.length): string {
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(key[i]!);
  return text;
}

/** The key of a `keyText`. */
export function keyBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The end of a key's subtree; undefined for the empty key. */
export function subtreeEndText(key: string): string | undefined {
  return key === "" ? undefined : key.slice(0, -1) + "\x01";
}

/** The place right behind a key: what is at or after it is after the key. */
export function afterText(key: string): string {
  return key + "\0";
}

/** Keys in order. */
class SortedKeys {
  /** In order, but for those of `#fresh`. */
  #sorted: string[] = [];
  /** Keys that came since the last look at the order. */
  readonly #fresh: string[] = [];

  /** Adds a key that is not here. Keys that come in order are appended; others wait for the next look. */
  add(key: string): void {
    const keys = this.#sorted;
    if (this.#fresh.length === 0 && (keys.length === 0 || keys[keys.length - 1]! < key)) keys.push(key);
    else this.#fresh.push(key);
  }

  /** Removes the keys of a range, which are answered. */
  remove(low: string, high: string | undefined): readonly string[] {
    const keys = this.list();
    const from = lowerBound(keys, low);
    const to = high === undefined ? keys.length : lowerBound(keys, high);
    return from === to ? NO_KEYS : this.#sorted.splice(from, to - from);
  }

  /** All of them, until the next change. In a body that writes and looks by turns few are fresh at a look. */
  list(): readonly string[] {
    const fresh = this.#fresh;
    if (fresh.length > FEW_KEYS) this.#sorted = this.#sorted.concat(fresh).sort(order);
    else for (const key of fresh) this.#sorted.splice(lowerBound(this.#sorted, key), 0, key);
    fresh.length = 0;
    return this.#sorted;
  }
}

const NO_KEYS: readonly string[] = [];

/** Writes of a transaction to one global. */
export class Overlay {
  readonly #values = new Map<string, Written>();
  readonly #set = new SortedKeys();
  /** Keys whose value ZKILL removed. */
  readonly #removed = new SortedKeys();
  /** In order and apart, so their upper ends are in order too. */
  readonly #hidden: Hidden[] = [];
  /**
   * Places that a look for the next key, or the previous one, has passed, with where it came to: all that the
   * tree has between them is hidden or removed, and stays so. A body that again and again kills what it finds
   * first would go past all of it at every look.
   */
  readonly passedUp: Map<string, string> = new Map();
  readonly passedDown: Map<string | undefined, string> = new Map();

  /** Hidden ranges, in order and apart. */
  get hidden(): readonly Hidden[] {
    return this.#hidden;
  }

  /** Removed keys with null, then written keys with their values, each in order. */
  *writes(): IterableIterator<[string, Written]> {
    for (const keys of [this.#removed, this.#set]) {
      for (const key of keys.list()) yield [key, this.#values.get(key)!];
    }
  }

  get isEmpty(): boolean {
    return this.#values.size === 0 && this.#hidden.length === 0;
  }

  put(key: string, value: Written): void {
    const before = this.#values.get(key);
    this.#values.set(key, value);
    if (before !== undefined && (before === null) === (value === null)) return;
    const [keys, others] = value === null ? [this.#removed, this.#set] : [this.#set, this.#removed];
    if (before !== undefined) others.remove(key, afterText(key));
    keys.add(key);
  }

  /** Hides a subtree and forgets what was written in it. */
  kill(low: string): void {
    const high = subtreeEndText(low);
    for (const keys of [this.#removed, this.#set]) {
      for (const key of keys.remove(low, high)) this.#values.delete(key);
    }
    this.#hide({ low, high });
  }

  /** The written value, null when removed or hidden, undefined when the tree decides. */
  get(key: string): Written | undefined {
    const written = this.#values.get(key);
    if (written !== undefined) return written;
    return this.hiddenAt(key) === undefined ? undefined : null;
  }

  /** The hidden range a key lies in. */
  hiddenAt(key: string): Hidden | undefined {
    const range = this.#hidden[firstWhere(this.#hidden, (it) => it.low > key) - 1];
    return range === undefined || (range.high !== undefined && key >= range.high) ? undefined : range;
  }

  /** The first key with a written value at or after a place. */
  nextWritten(from: string): string | undefined {
    const keys = this.#set.list();
    return keys[lowerBound(keys, from)];
  }

  /** The last key with a written value before a place; undefined means from the end. */
  previousWritten(before: string | undefined): string | undefined {
    const keys = this.#set.list();
    return keys[(before === undefined ? keys.length : lowerBound(keys, before)) - 1];
  }

  /** Adds a range; those it meets or touches become one with it. */
  #hide({ low, high }: Hidden): void {
    const ranges = this.#hidden;
    const from = firstWhere(ranges, (it) => it.high === undefined || it.high >= low);
    const to = high === undefined ? ranges.length : firstWhere(ranges, (it) => it.low > high);
    const first = from < to ? ranges[from] : undefined;
    const last = from < to ? ranges[to - 1] : undefined;
    ranges.splice(from, to - from, {
      low: first !== undefined && first.low < low ? first.low : low,
      high: last !== undefined && isBeyond(last.high, high) ? last.high : high,
    });
  }
}

/** Whether one upper end lies above another; undefined is above all. */
function isBeyond(a: string | undefined, b: string | undefined): boolean {
  return b !== undefined && (a === undefined || a > b);
}

/** Fresh keys up to here are put in place one by one; more are sorted in. */
const FEW_KEYS = 16;

/** The first index at which `is` holds, which then holds at all after it; the length when it never does. */
function firstWhere(ranges: readonly Hidden[], is: (range: Hidden) => boolean): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(ranges[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
