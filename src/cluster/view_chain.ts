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
import { overIn, overName } from "./over.ts";
import { decodeView, encodeView, viewName, viewNumber } from "./view_record.ts";

/** How often the newest is looked for when it is removed between the list and the read. */
const TRIES = 8;

/** The views of one PIJ directory. */
export class ViewChain {
  readonly directory: string;
  readonly #storage: Storage;
  #over: ReadonlySet<string> = new Set();

  constructor(storage: Storage, directory: string) {
    this.#storage = storage;
    this.directory = directory;
  }

  /** Incarnations that their processes say are over (`over.ts`), by the last list. */
  get over(): ReadonlySet<string> {
    return this.#over;
  }

  /**
   * The newest view; undefined when there is none above a number. Durable when answered. One list, and one
   * read.
   */
  async newest(above: number = 0): Promise<View | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const [number = 0] = await this.#numbers();
      if (number <= above) return undefined;
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

  /** Removes all views but the newest two, and what is said of those whom the newest does not name. */
  async purge({ members, pending }: View): Promise<void> {
    const old = (await this.#numbers()).slice(2);
    for (const incarnation of this.#over) {
      if ([...members, ...pending].some((it) => it.incarnation === incarnation)) continue;
      await this.#storage.remove(`${this.directory}/${overName(incarnation)}`);
    }
    // The oldest first: what is left is a chain without holes.
    for (const number of old.reverse()) await this.#storage.remove(`${this.directory}/${viewName(number)}`);
  }

  /** Numbers of all views there are, falling. */
  async #numbers(): Promise<number[]> {
    const names = await this.#storage.list(this.directory);
    this.#over = new Set(names.map(overIn).filter((it) => it !== undefined));
    return names.map(viewNumber).filter((it) => it !== undefined).sort((a, b) => b - a);
  }
}
