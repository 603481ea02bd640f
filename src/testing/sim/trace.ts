/**
 * The trace: everything that happens in a simulated world, folded into one hash as it happens.
 *
 * Two runs of one seed are the same run exactly when their hashes are equal; printing is for people.
 */
import { crc32 } from "node:zlib";
import { hashText, scramble } from "./prng.ts";

/** One fact of a trace line. Bytes count by their checksum. */
export type TraceFact = string | number | boolean | bigint | Uint8Array | undefined | null;

/** A rolling 64-bit hash over all that was noted, in order. */
export class Trace {
  #low = 0x243f6a88;
  #high = 0x13198a2e;
  #count = 0;
  #words = new Map<string, number>();
  readonly #print: ((line: string) => void) | undefined;

  /** `print` gets each line as text when given; it costs nothing when not. */
  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  /** Number of lines noted so far. */
  get count(): number {
    return this.#count;
  }

  /** True when lines are printed, so that callers may add facts that are for people only. */
  get printing(): boolean {
    return this.#print !== undefined;
  }

  /** Notes that `what` happened, with its facts. */
  note(what: string, ...facts: readonly TraceFact[]): void {
    this.#count++;
    this.#mix(this.#word(what));
    for (const fact of facts) this.#fact(fact);
    this.#print?.(`${this.#count} ${what} ${facts.map(textOfFact).join(" ")}`);
  }

  /** Prints a line that is no part of the hash. */
  say(text: string): void {
    this.#print?.(`${this.#count} # ${text}`);
  }

  /** The hash so far: 16 hexadecimal digits. */
  hash(): string {
    return hex(scramble(this.#high ^ this.#count)) + hex(scramble(this.#low));
  }

  #fact(fact: TraceFact): void {
    if (typeof fact === "number") {
      if (fact === (fact | 0)) return this.#mix(fact);
      this.#mix(hashText(String(fact)));
    } else if (typeof fact === "string") {
      this.#mix(fact.length < 24 ? this.#word(fact) : crc32(fact));
    } else if (fact instanceof Uint8Array) {
      this.#mix(fact.length);
      this.#mix(crc32(fact));
    } else {
      this.#mix(hashText(String(fact)));
    }
  }

  #word(text: string): number {
    let hash = this.#words.get(text);
    if (hash === undefined) {
      hash = hashText(text);
      if (this.#words.size < 4096) this.#words.set(text, hash);
    }
    return hash;
  }

  #mix(value: number): void {
    this.#low = (Math.imul(this.#low ^ value, 0x9e3779b1) + 0x7f4a7c15) | 0;
    this.#high = (Math.imul(this.#high ^ (this.#low >>> 13) ^ value, 0x85ebca77) + 0x27d4eb2f) | 0;
  }
}

function textOfFact(fact: TraceFact): string {
  if (fact instanceof Uint8Array) return `<${fact.length}b ${hex(crc32(fact))}>`;
  return typeof fact === "string" ? fact : String(fact);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
