/**
 * The chain of views on the shared storage: `view.N` beside each other, write-once, one after the other
 * (DESIGN D7).
 *
 * Who creates view N+1 has decided it; numbers are never used again. Old ones are removed, all but the newest
 * two: somebody who slept before it created a number that is gone would win a view long over, so whoever wins
 * looks again and acts only if nothing newer is there.
 */
import { CohortError } from "../ground/errors.ts";
import type { View } from "../ground/view.ts";
import type { Storage } from "../ports/mod.ts";
import { decodeView, encodeView, viewName, viewNumber } from "./view_record.ts";

/** How often the newest is looked for when it is removed between the list and the read. */
const TRIES = 8;

/** The views of one PIJ directory. */
export class ViewChain {
  readonly directory: string;
  readonly #storage: Storage;

  constructor(storage: Storage, directory: string) {
    this.#storage = storage;
    this.directory = directory;
  }

  /** The newest view; undefined when there never was one. Durable when answered. One list and one read. */
  async newest(): Promise<View | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const [number] = await this.#numbers();
      if (number === undefined) return undefined;
      const path = `${this.directory}/${viewName(number)}`;
      const bytes = await this.#storage.readRegister(path);
      if (bytes !== undefined) return decodeView(bytes, path, number);
    }
    throw new CohortError("IO", `Read views in ${this.directory}: the newest is gone each time`, {
      path: this.directory,
    });
  }

  /** Whether there is a view above a number. One list. */
  async isLater(number: number): Promise<boolean> {
    const [newest = 0] = await this.#numbers();
    return newest > number;
  }

  /**
   * Decides a view: true when it is this one that now is the newest. False when somebody else was first, or
   * the number was in use long ago.
   */
  async decide(view: View): Promise<boolean> {
    const [newest = 0] = await this.#numbers();
    if (newest >= view.number) return false;
    const path = `${this.directory}/${viewName(view.number)}`;
    if (!(await this.#storage.createRegister(path, encodeView(view)))) return false;
    return !(await this.isLater(view.number));
  }

  /** Removes all views but the newest two. */
  async purge(): Promise<void> {
    const old = (await this.#numbers()).slice(2);
    // The oldest first: what is left is a chain without holes.
    for (const number of old.reverse()) await this.#storage.remove(`${this.directory}/${viewName(number)}`);
  }

  /** Numbers of all views there are, falling. */
  async #numbers(): Promise<number[]> {
    const names = await this.#storage.list(this.directory);
    return names.map(viewNumber).filter((it) => it !== undefined).sort((a, b) => b - a);
  }
}
