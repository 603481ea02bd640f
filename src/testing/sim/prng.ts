/**
 * Seeded chance for the simulator: 32-bit integer arithmetic only, so that every runtime draws the same
 * numbers (`Math.exp`, `log` and `sin` differ in their last bits between V8 and JavaScriptCore).
 */

/**
 * A generator of chance (sfc32): four words of state, period about 2^128, one seed and label one sequence for
 * ever.
 */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** Starts from `seed` (a safe integer ≥ 0); `label` gives each use of one seed its own stream. */
  constructor(seed: number, label = "") {
    this.#a = scramble((seed >>> 0) ^ 0x9e3779b9);
    this.#b = scramble(Math.floor(seed / 4294967296) ^ 0x85ebca6b);
    this.#c = hashText(label);
    this.#counter = 1;
    for (let i = 0; i < 15; i++) this.next32();
  }

  /** The next unsigned 32-bit integer. */
  next32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /**
   * An integer in [0, n); n is 1 to 2^32. The bias of the multiplication is below n / 2^32, which no test can
   * see.
   */
  below(n: number): number {
    return Math.floor((this.next32() * n) / 4294967296);
  }

  /** An integer in [low, high], both ends included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True `numerator` times out of `denominator`. */
  chance(numerator: number, denominator: number): boolean {
    return numerator > 0 && this.below(denominator) < numerator;
  }

  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** The index drawn from integer weights, at least one of them above zero. */
  weighted(weights: readonly number[]): number {
    let total = 0;
    for (const weight of weights) total += weight;
    let at = this.below(total);
    for (let i = 0; i < weights.length; i++) {
      at -= weights[i] as number;
      if (at < 0) return i;
    }
    return weights.length - 1;
  }

  /** Puts a list in random order, in place, and returns it. */
  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = list[i] as T;
      list[i] = list[j] as T;
      list[j] = held;
    }
    return list;
  }

  /**
   * Mostly near `typical`, halving in likelihood at each doubling, never above `most`: a long tail in
   * integers.
   */
  tailed(typical: number, most: number): number {
    const doublings = Math.clz32(this.next32() | 1);
    return Math.min(most, this.below(typical + 1) * 2 ** doublings);
  }

  /** Fills `into` with random bytes and returns it. */
  fill(into: Uint8Array): Uint8Array {
    for (let i = 0; i < into.length; i++) into[i] = this.next32() & 0xff;
    return into;
  }

  /** A new generator that shares nothing with this one but its past. */
  fork(label: string): Prng {
    return new Prng(this.next32(), label);
  }
}

/** A 32-bit hash of a text; equal on every runtime. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return scramble(hash);
}

/** Mixes a 32-bit integer so that every bit of it changes about half of the result. */
export function scramble(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
