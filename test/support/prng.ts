/**
 * A small seeded generator for property tests (mulberry32): the same seed gives the same numbers everywhere.
 */
export class Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** An unsigned 32-bit integer. */
  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A number of [0, 1). */
  unit(): number {
    return this.u32() / 4_294_967_296;
  }

  /** An integer of [from, to). */
  below(to: number, from: number = 0): number {
    return from + Math.floor(this.unit() * (to - from));
  }

  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  /** Digits, the first not zero. */
  digits(count: number): string {
    let text = String(this.below(10, 1));
    while (text.length < count) text += String(this.below(10));
    return text;
  }

  /** Puts a list into a random order. */
  shuffle(items: unknown[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
  }

  /** `count` random bytes. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
