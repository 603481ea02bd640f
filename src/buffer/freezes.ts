/**
 * Freezes: why writes wait, and until when. One of this member's own, and one of each other member of its
 * cluster whose writes fail: they share a storage, so nobody writes until all can (DESIGN D4).
 */
import type { CohortError } from "../ground/errors.ts";

/** Writes wait for an I/O error to end. */
export interface Freeze {
  readonly cause: CohortError;
  /** Resolves when this one ends. */
  readonly thawed: Promise<void>;
}

/** Who froze writes by an error of this very member. */
export const OWN = "";

/** Those in force. */
export class Freezes {
  /** The one that writes wait for; undefined while they go on. */
  now: Freeze | undefined;
  readonly #by = new Map<string, { readonly freeze: Freeze; readonly end: () => void }>();

  /** The cause of one, by who froze. */
  causeOf(by: string): CohortError | undefined {
    return this.#by.get(by)?.freeze.cause;
  }

  /** Writes wait from now on; the first cause of each counts. */
  freeze(by: string, cause: CohortError): void {
    if (this.#by.has(by)) return;
    let end = (): void => {};
    const freeze = { cause, thawed: new Promise<void>((done) => end = done) };
    this.#by.set(by, { freeze, end });
    this.now ??= freeze;
  }

  /** One has ended. */
  thaw(by: string): void {
    const ended = this.#by.get(by);
    if (ended === undefined) return;
    this.#by.delete(by);
    [this.now] = [...this.#by.values()].map(({ freeze }) => freeze);
    ended.end();
  }

  /** All of others have ended. */
  thawOthers(): void {
    for (const by of [...this.#by.keys()]) if (by !== OWN) this.thaw(by);
  }
}
