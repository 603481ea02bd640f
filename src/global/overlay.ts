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
  /** Keys of `#values` in order; undefined when it must be sorted again. */
  #sorted: string[] | undefined = [];
  #hidden: Hidden[] = [];

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
    for (const range of this.#hidden) {
      if (range.low > key) return undefined;
      if (range.high === undefined || key < range.high) return range;
    }
    return undefined;
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

  #keys(): string[] {
    return this.#sorted ??= [...this.#values.keys()].sort(order);
  }

  /** Keys that come in order are appended; others wait for the next look at the order. */
  #insert(key: string): void {
    const keys = this.#sorted;
    if (keys === undefined) return;
    if (keys.length === 0 || keys[keys.length - 1]! < key) keys.push(key);
    else this.#sorted = undefined;
  }

  #hide(range: Hidden): void {
    let { low, high } = range;
    const rest: Hidden[] = [];
    for (const other of this.#hidden) {
      const apart = (other.high !== undefined && other.high < low) ||
        (high !== undefined && other.low > high);
      if (apart) rest.push(other);
      else {
        if (other.low < low) low = other.low;
        if (high !== undefined && (other.high === undefined || other.high > high)) high = other.high;
      }
    }
    rest.push({ low, high });
    this.#hidden = rest.sort((a, b) => order(a.low, b.low));
  }
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
