/**
 * Stamps: the Lamport counter that orders commits (DESIGN D3).
 *
 * A group takes one more than every stamp this member has given, read or heard. Stamps are never re-used: the
 * journal admits none above the ceiling its segment header promised, and recovery starts above every ceiling
 * found.
 */
import { CohortError } from "../ground/errors.ts";
import { STAMP_MAX } from "../ground/limits.ts";

/** A counter that only rises. */
export class Stamps {
  #last: number;

  constructor(last: number) {
    this.#last = last;
  }

  /** The last stamp given or heard. */
  get last(): number {
    return this.#last;
  }

  /** The stamp the next group would get. */
  get peek(): number {
    return this.#last + 1;
  }

  /** Gives the next stamp. */
  next(): number {
    if (this.#last >= STAMP_MAX) {
      throw new CohortError("FULL", "Could not give a commit stamp: all 48 bits are used");
    }
    return ++this.#last;
  }

  /** Notes a stamp that was read or heard. */
  hear(stamp: number): void {
    if (stamp > this.#last) this.#last = stamp;
  }
}
