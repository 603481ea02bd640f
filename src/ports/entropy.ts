/** Entropy: the only source of chance. Types only. */
export interface EntropyTraits {
  readonly version: 1;
  /** True when the bytes can be predicted (simulator, tests). */
  readonly seeded: boolean;
}

export interface Entropy {
  readonly traits: EntropyTraits;
  /** Fills `into` with random bytes and returns it. */
  fill(into: Uint8Array): Uint8Array;
}
