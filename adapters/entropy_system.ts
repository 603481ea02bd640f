/**
 * Chance from the operating system, through `node:crypto`: fit for secrets and names that must never repeat.
 */
import { randomFillSync } from "node:crypto";
import type { Entropy, EntropyTraits } from "../src/ports/entropy.ts";

/** Makes the host's source of chance. It holds nothing. */
export function createSystemEntropy(): Entropy {
  return new SystemEntropy();
}

class SystemEntropy implements Entropy {
  readonly traits: EntropyTraits = { version: 1, seeded: false };

  fill(into: Uint8Array): Uint8Array {
    return randomFillSync(into);
  }
}
