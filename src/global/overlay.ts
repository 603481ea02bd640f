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

/** Writes of a transaction to one global. */
export class Overlay {
  readonly #values = new Map<string, Written>();
  /** Keys of `#values` in order, but for those of `#fresh`. */
  #sorted: string[] = [];
  /** Keys that came since the last look at the order. */
  readonly #fresh: string[] = [];
  /** In order and apart, so their upper ends are in order too. */
  readonly #hidden: Hidden[] = [];

  /** Hidden ranges, in order and apart. */
  get hidden(): readonly Hidden[] {
    return this.#hidden;
  }

  /** Written keys with their values, in order. */
  *writes(): IterableIterator<[string, Written]> {
    for (const key of this.#keys()) yield [key, this.#values.get(key)!];
  }

  get isEmpty(): boolean {
    return this.#values.size === 0 && this.#hidden.length === 0;
  }

  put(key: string, value: Written): void {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  /** Hides a subtree and forgets what was written in it. */
  kill(low: string): void {
    const high = subtreeEndText(low);
    const keys = this.#keys();
    const from = lowerBound(keys, low);
    const to = high === undefined ? keys.length : lowerBound(keys, high);
    for (let i = from; i < to; i++) this.#values.delete(keys[i]!);
    keys.splice(from, to - from);
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

  /** The first key with a written value at or after (`orEqual`), or after, a key. */
  nextWritten(key: string, orEqual: boolean): string | undefined {
    const keys = this.#keys();
    let at = lowerBound(keys, key);
    while (at < keys.length && ((!orEqual && keys[at] === key) || this.#values.get(keys[at]!) === null)) at++;
    return keys[at];
  }

  /** The last key with a written value before a key; undefined means from the end. */
  previousWritten(key: string | undefined): string | undefined {
    const keys = this.#keys();
    let at = (key === undefined ? keys.length : lowerBound(keys, key)) - 1;
    while (at >= 0 && this.#values.get(keys[at]!) === null) at--;
    return at < 0 ? undefined : keys[at];
  }

  /** In a body that writes and reads by turns few keys are fresh at a look: each is put in its place. */
  #keys(): string[] {
    const fresh = this.#fresh;
    if (fresh.length > FEW_KEYS) this.#sorted = this.#sorted.concat(fresh).sort(order);
    else for (const key of fresh) this.#sorted.splice(lowerBound(this.#sorted, key), 0, key);
    fresh.length = 0;
    return this.#sorted;
  }

  /** Keys that come in order are appended; others wait for the next look at the order. */
  #insert(key: string): void {
    const keys = this.#sorted;
    if (this.#fresh.length === 0 && (keys.length === 0 || keys[keys.length - 1]! < key)) keys.push(key);
    else this.#fresh.push(key);
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
