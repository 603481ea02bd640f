/**
 * The rule of replay (DESIGN D3): a record applies, is behind, or proves that a journal is missing or two
 * members wrote.
 *
 * Pure: stamps in, verdict out.
 */

/**
 * `apply` the record, `skip` it (the block has it already), or say why the block's journals do not fit
 * together.
 */
export type ReplayVerdict = "apply" | "skip" | { readonly gap: string };

/**
 * Judges a record that takes a block from stamp `before` to `after`, where the block stands at `current` (0
 * for one never written). A format record brings the whole block and applies over any lower stamp.
 */
export function decideReplay(
  before: number,
  after: number,
  current: number,
  isFormat: boolean,
): ReplayVerdict {
  if (after <= before) return { gap: `a record leads from ${before} to ${after}` };
  if (after <= current) return "skip";
  if (isFormat || before === current) return "apply";
  if (before > current) return { gap: `a record needs ${before} and the block stands at ${current}` };
  return { gap: `a record leads from ${before} to ${after} and the block stands between, at ${current}` };
}

/**
 * Finds records of one block that cannot belong to one history: in the order of stamps, each begins at or
 * above the end of the one before. That covers two with the same `before` and two with the same `after`, also
 * where both would be skipped. Remembers a bounded number of blocks; what it has forgotten is left to
 * `decideReplay`.
 */
export class ForkDetector {
  readonly #lastAfter = new Map<number, number>();
  readonly #blocksMax: number;

  constructor(blocksMax: number = 262_144) {
    this.#blocksMax = blocksMax;
  }

  /**
   * Takes the next record in the order of stamps; returns what is wrong, or undefined. `volume` is a number
   * below 2^20.
   */
  check(volume: number, block: number, before: number, after: number, isFormat: boolean): string | undefined {
    const key = volume * 2 ** 32 + block;
    const last = this.#lastAfter.get(key);
    if (last === undefined) this.#makeRoom();
    this.#lastAfter.set(key, after);
    if (last === undefined) return undefined;
    if (isFormat ? after > last : before >= last) return undefined;
    return `two records of block ${block}: one leads to ${last}, another from ${before} to ${after}`;
  }

  #makeRoom(): void {
    if (this.#lastAfter.size < this.#blocksMax) return;
    for (const oldest of this.#lastAfter.keys()) {
      this.#lastAfter.delete(oldest);
      return;
    }
  }
}
