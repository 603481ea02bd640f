/**
 * Storage watch: what a member knows of its own way to the shared storage, so that it stands back by itself
 * before the others act (rule 92 as seen by the one who is cut off). Pure.
 */

/** Which part of the silence that others allow a member allows itself. */
const OWN_PART = 2 / 3;

/** One member's own rounds over the storage. */
export class StorageWatch {
  readonly #limitMs: number;
  #goodAt: number;
  #step = "reach the storage";
  #failure: { readonly step: string; readonly why: string } | undefined;

  /** `storageMs` is how long others bear a slot that stands still. */
  constructor(storageMs: number, now: number) {
    this.#limitMs = storageMs * OWN_PART;
    this.#goodAt = now;
  }

  /** It begins to do this: what a problem is called while no answer comes. */
  doing(step: string): void {
    this.#step = step;
  }

  /** What it was doing was refused. */
  failed(why: string): void {
    this.#failure = { step: this.#step, why };
  }

  /** A whole round that began then has gone well. */
  good(begunAt: number): void {
    this.#goodAt = Math.max(this.#goodAt, begunAt);
    this.#failure = undefined;
  }

  /** This member itself did nothing for so long, which says nothing of the storage. */
  excuse(ms: number): void {
    this.#goodAt += ms;
  }

  /** What is wrong, when it has been for too long. */
  problem(now: number): string | undefined {
    const ms = now - this.#goodAt;
    if (ms <= this.#limitMs) return undefined;
    const { step, why } = this.#failure ?? { step: this.#step, why: "no answer" };
    return `it could not ${step} for ${Math.round(ms)} ms: ${why}`;
  }
}
