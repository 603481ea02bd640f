/**
 * The records of every workload: three-level keys ("patient", id, field), four fields an id, texts of 100
 * characters.
 *
 * Keys, values and the scattered order are those of reference/peers.md, so that figures can be laid beside
 * it.
 */

/** The third subscript, in collation order. */
export const FIELDS: readonly string[] = ["addr", "dob", "name", "sex"];

/** Number of records must stay below this: the scattered order is a permutation of so many. */
export const RECORDS_END: number = 1 << 20;

const VALUES: readonly string[] = Array.from({ length: 1024 }, (_, i) => {
  const filler = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(3);
  return `val-${String(i).padStart(4, "0")}-${filler}`.slice(0, 100);
});

/** Subscripts of record `i`; records in number order are in collation order. */
export function subscripts(i: number): [string, number, string] {
  return ["patient", i >>> 2, FIELDS[i & 3]!];
}

/** The same as one text that orders alike, for engines with one flat key. */
export function flatKey(i: number): string {
  return `patient/${10_000_000 + (i >>> 2)}/${FIELDS[i & 3]}`;
}

/** A value: 100 characters of ASCII. */
export function value(i: number): string {
  return VALUES[i & 1023]!;
}

/** Every record number once, ascending. */
export function* ascending(count: number): IterableIterator<number> {
  for (let i = 0; i < count; i++) yield i;
}

/** Every record number once, in the scattered order that all subjects share. */
export function* scattered(count: number): IterableIterator<number> {
  let x = 12_345;
  for (let turn = 0; turn < RECORDS_END; turn++) {
    x = (x * 663_608_941 + 907_633_385) % RECORDS_END;
    if (x < count) yield x;
  }
}

/** A source of record numbers in no order, the same in every process; another one for another seed. */
export class Draw {
  #state: number;

  constructor(seed: number = 0) {
    this.#state = 0x2545_f491 ^ Math.imul(seed, 0x9e37_79b1);
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % count;
  }
}
