/** Entropy: the only source of chance. Types only. */

/** What a source of entropy can promise. */
export interface EntropyTraits {
  /** Version of this contract. */
  readonly version: 1;
  /** True when the bytes can be predicted (simulator, tests). */
  readonly seeded: boolean;
}

/** Chance, as the host or a seed gives it. */
export interface Entropy {
  /** What this source can promise. */
  readonly traits: EntropyTraits;
  /** Fills `into` with random bytes and returns it. */
  fill(into: Uint8Array): Uint8Array;
}
