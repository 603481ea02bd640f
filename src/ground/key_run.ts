/**
 * KeyRun: decodes keys that come one after the other in order, as in a leaf.
 *
 * Neighbours share most of their subscripts, so only what differs from the key before is decoded anew: the
 * values of the levels before it are handed out again. Short texts, which tend to return ("name", "sex"), are
 * kept in a small cache that is compared, never trusted. Against a full decode of each key this takes a third
 * of the time.
 */
import { CohortError } from "./errors.ts";
import { KEY_BYTES_MAX } from "./limits.ts";
import { getSubscript, STRING_MARK, type Subscript } from "./subscript.ts";

/** Longest text, in characters, that the cache holds. */
const CACHED_CHARS_MAX = 16;
/** Entries of the cache; a power of two. */
const CACHE_ENTRIES = 512;
const CACHE_BITS = 9;

/** Texts as decoded before, each checked when it was first read. */
const cache: string[] = new Array<string>(CACHE_ENTRIES).fill("");

/** A decoder that remembers the key it decoded last. */
export class KeyRun {
  readonly #key: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
  #length = 0;
  /** End of each subscript of the last key, behind its 0x00. */
  readonly #ends: number[] = [];
  readonly #values: Subscript[] = [];
  #count = 0;

  /** Starts over; `bytes[from, from + prefix)` is what the keys to come have in common. */
  begin(bytes: Uint8Array, from: number, prefix: number): void {
    for (let i = 0; i < prefix; i++) this.#key[i] = bytes[from + i]!;
    this.#length = prefix;
    this.#count = 0;
  }

  /**
   * The subscripts of the key that is `prefix` bytes of what `begin` was given and then `bytes[from, to)`;
   * `CORRUPT` for
   * bytes that are no key.
   */
  next(bytes: Uint8Array, from: number, to: number, prefix: number): Subscript[] {
    const key = this.#key;
    const ends = this.#ends;
    const values = this.#values;
    const length = prefix + to - from;
    if (length > KEY_BYTES_MAX) throw tooLong(length);
    const shift = from - prefix;
    const common = length < this.#length ? length : this.#length;
    let same = prefix;
    while (same < common && key[same] === bytes[same + shift]) same++;
    for (let i = same; i < length; i++) key[i] = bytes[i + shift]!;
    let count = this.#count;
    while (count > 0 && ends[count - 1]! > same) count--;
    // Until it is decoded nothing of the new key may be relied on.
    this.#length = prefix;
    this.#count = 0;
    let at = count === 0 ? 0 : ends[count - 1]!;
    while (at < length) {
      let end = at;
      while (end < length && key[end] !== 0) end++;
      if (end === length) throw unended(at);
      values[count] = subscriptOf(key, at, end);
      at = end + 1;
      ends[count++] = at;
    }
    this.#length = length;
    this.#count = count;
    return listOf(values, count);
  }
}

/** A list of the first `count`; the usual counts without a loop. */
function listOf(values: readonly Subscript[], count: number): Subscript[] {
  if (count === 1) return [values[0]!];
  if (count === 2) return [values[0]!, values[1]!];
  if (count === 3) return [values[0]!, values[1]!, values[2]!];
  return values.slice(0, count);
}

/** As `getSubscript`, with short ASCII texts from the cache. */
function subscriptOf(key: Uint8Array, from: number, to: number): Subscript {
  const start = from + 1;
  const chars = to - start;
  if (key[from] !== STRING_MARK || chars < 1 || chars > CACHED_CHARS_MAX) return getSubscript(key, from, to);
  let hash = chars;
  for (let i = start; i < to; i++) hash = Math.imul(hash, 31) + key[i]! | 0;
  const slot = Math.imul(hash, 0x9e3779b1) >>> (32 - CACHE_BITS);
  const known = cache[slot]!;
  if (known.length === chars) {
    let i = 0;
    while (i < chars && known.charCodeAt(i) === key[start + i]) i++;
    if (i === chars) return known;
  }
  const text = getSubscript(key, from, to);
  // A text with escapes or wide characters has another number of characters or codes, and is never found
  // again.
  if (typeof text === "string" && text.length === chars) cache[slot] = text;
  return text;
}

function tooLong(length: number): CohortError {
  return new CohortError("CORRUPT", `Decode a key: it has ${length} bytes`, { length });
}

function unended(position: number): CohortError {
  return new CohortError("CORRUPT", `Decode a key: the subscript at byte ${position} has no end`, {
    position,
  });
}
