/**
 * Status feed: hands each change of a node's state to whoever iterates, the latest only: a slow reader misses
 * steps.
 */

/** Wakes iterations when something changed. */
export class StatusFeed {
  #version = 0;
  #ended = false;
  #wake: () => void = () => {};
  #changed: Promise<void> = new Promise((wake) => this.#wake = wake);

  /** The last change has come. */
  get isOver(): boolean {
    return this.#ended;
  }

  /** Something changed. */
  notify(): void {
    this.#version++;
    const wake = this.#wake;
    this.#changed = new Promise((next) => this.#wake = next);
    wake();
  }

  /** The last change: iterations give it and end. */
  end(): void {
    this.#ended = true;
    this.notify();
  }

  /** What `look` says now, and again after each change. */
  async *follow<T>(look: () => T): AsyncIterableIterator<T> {
    for (;;) {
      const version = this.#version;
      yield look();
      if (this.#ended && version === this.#version) return;
      while (version === this.#version) await this.#changed;
    }
  }
}
