/** A global as a sorted list: the plainest thing that means what M says. */
import { type Atom, type AtomKey, compareAtoms, compareKeys, isWithin } from "./collation.ts";
import { type SimValue, textOfValue } from "./values.ts";

/** One node with a value. */
export class ModelEntry {
  readonly key: AtomKey;
  readonly value: SimValue;
  #text: string | undefined;

  constructor(key: AtomKey, value: SimValue) {
    this.key = key;
    this.value = value;
  }

  /** The value as text, made once. */
  get text(): string {
    return this.#text ??= textOfValue(this.value);
  }
}

/** The nodes of one global, in collation order. */
export class GlobalModel {
  #entries: ModelEntry[] = [];

  /** Nodes with a value. */
  get size(): number {
    return this.#entries.length;
  }

  /** All nodes, in order. Not to be changed. */
  get all(): readonly ModelEntry[] {
    return this.#entries;
  }

  /** Value of a node. */
  get(key: AtomKey): SimValue | undefined {
    return this.#find(key)?.value;
  }

  /** Value of a node as text. */
  text(key: AtomKey): string {
    return this.#find(key)?.text ?? "undefined";
  }

  #find(key: AtomKey): ModelEntry | undefined {
    const entry = this.#entries[this.#firstAtOrAfter(key)];
    return entry !== undefined && compareKeys(entry.key, key) === 0 ? entry : undefined;
  }

  /** Sets a node; answers the keys that changed. */
  set(key: AtomKey, value: SimValue): AtomKey[] {
    const at = this.#firstAtOrAfter(key);
    const entry = this.#entries[at];
    const there = entry !== undefined && compareKeys(entry.key, key) === 0;
    this.#entries.splice(at, there ? 1 : 0, new ModelEntry(key, value));
    return [key];
  }

  /** Removes a node and all below it; answers the keys that changed. */
  kill(key: AtomKey): AtomKey[] {
    const from = this.#firstAtOrAfter(key);
    return this.#entries.splice(from, this.#endOf(key, from) - from).map((entry) => entry.key);
  }

  /** Removes a node's own value; answers the keys that changed. */
  zkill(key: AtomKey): AtomKey[] {
    const at = this.#firstAtOrAfter(key);
    const entry = this.#entries[at];
    if (entry === undefined || compareKeys(entry.key, key) !== 0) return [];
    this.#entries.splice(at, 1);
    return [key];
  }

  /** 0 nothing, 1 a value, 10 descendants, 11 both. */
  data(key: AtomKey): number {
    const from = this.#firstAtOrAfter(key);
    const entry = this.#entries[from];
    if (entry === undefined || !isWithin(entry.key, key)) return 0;
    if (entry.key.length > key.length) return 10;
    const next = this.#entries[from + 1];
    return next !== undefined && isWithin(next.key, key) ? 11 : 1;
  }

  /**
   * The next or previous subscript at the level of the last one, which may be the empty string for "from the
   * end".
   */
  order(key: AtomKey, direction: 1 | -1): Atom | undefined {
    const parent = key.slice(0, -1);
    const last = key[key.length - 1] as Atom;
    const open = !last.numeric && last.text === "";
    const level = key.length - 1;
    if (direction === 1) {
      let at = open ? this.#firstAtOrAfter(parent) : this.#endOf(key, this.#firstAtOrAfter(key));
      while (this.#entries[at] !== undefined && (this.#entries[at] as ModelEntry).key.length <= level) at++;
      const entry = this.#entries[at];
      return entry !== undefined && isWithin(entry.key, parent) ? entry.key[level] : undefined;
    }
    const end = open ? this.#endOf(parent, this.#firstAtOrAfter(parent)) : this.#firstAtOrAfter(key);
    const entry = this.#entries[end - 1];
    return entry !== undefined && entry.key.length > level && isWithin(entry.key, parent)
      ? entry.key[level]
      : undefined;
  }

  /**
   * The next or previous node with a value, depth first; "" as the last subscript begins at an end of its
   * level.
   */
  query(key: AtomKey, direction: 1 | -1): ModelEntry | undefined {
    const last = key[key.length - 1];
    if (last !== undefined && !last.numeric && last.text === "") {
      const parent = key.slice(0, -1);
      if (direction === 1) return this.query(parent, 1);
      return this.#entries[this.#endOf(parent, this.#firstAtOrAfter(parent)) - 1];
    }
    const at = this.#firstAtOrAfter(key);
    const entry = this.#entries[at];
    const here = entry !== undefined && compareKeys(entry.key, key) === 0;
    return direction === 1 ? this.#entries[here ? at + 1 : at] : this.#entries[at - 1];
  }

  /** A node and all below it, in order. */
  within(key: AtomKey): ModelEntry[] {
    const from = this.#firstAtOrAfter(key);
    return this.#entries.slice(from, this.#endOf(key, from));
  }

  /** Copies the subtree of `from` at `source` to `key` of this global; answers the keys that changed. */
  merge(key: AtomKey, from: GlobalModel, source: AtomKey): AtomKey[] {
    return from.within(source).map((entry) => {
      const target = [...key, ...entry.key.slice(source.length)];
      this.set(target, entry.value);
      return target;
    });
  }

  /** A copy that goes its own way. */
  clone(): GlobalModel {
    const copy = new GlobalModel();
    copy.#entries = this.#entries.slice();
    return copy;
  }

  #firstAtOrAfter(key: AtomKey): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys((this.#entries[middle] as ModelEntry).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** End of the run of entries within `key` that begins at `from`. */
  #endOf(key: AtomKey, from: number): number {
    let low = from;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isWithin((this.#entries[middle] as ModelEntry).key, key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** True when two subscripts are the same node. */
export function sameAtom(a: Atom | undefined, b: Atom | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return compareAtoms(a, b) === 0;
}
