/** What clients wrote and read of keys that each are one register: who saw what can never have been there. */

interface Write {
  readonly value: unknown;
  readonly begun: number;
  ended: number;
}

interface Read {
  readonly value: unknown;
  readonly begun: number;
  readonly ended: number;
  readonly by: string;
}

/** Histories by key; values are unique, but for undefined. */
export class Histories {
  readonly #writes = new Map<number, Write[]>();
  readonly #reads: Array<[number, Read]> = [];
  readonly #numbers = new Set<string>();
  readonly #problems: string[] = [];

  write(key: number, value: unknown, run: () => Promise<unknown>, now: () => number): Promise<void> {
    return this.writeAll([key], value, run, now);
  }

  /** One write of several keys at once. */
  async writeAll(
    keys: readonly number[],
    value: unknown,
    run: () => Promise<unknown>,
    now: () => number,
  ): Promise<void> {
    const write: Write = { value, begun: now(), ended: Infinity };
    for (const key of keys) this.#of(key).push(write);
    await run();
    write.ended = now();
  }

  read(key: number, value: unknown, begun: number, ended: number, by: string): void {
    this.#of(key);
    this.#reads.push([key, { value, begun, ended, by }]);
  }

  /** A number that an increment of a counter gave: no two get the same. */
  count(counter: number, number: unknown, by: string): void {
    const text = `${counter} ${number}`;
    if (this.#numbers.has(text)) this.#problems.push(`${by} got ${number} of counter ${counter} again`);
    this.#numbers.add(text);
  }

  /** Reads that no order of the writes explains. */
  problems(): string[] {
    for (const [key, read] of this.#reads.splice(0)) {
      const writes = this.#of(key);
      if (!writes.some((write) => write.value === read.value && mayBeSeen(write, read, writes))) {
        const shown = String(read.value).slice(0, 12);
        this.#problems.push(`${read.by} read ${shown} of ${key} at ${read.begun}`);
      }
    }
    return this.#problems.splice(0);
  }

  #of(key: number): Write[] {
    let writes = this.#writes.get(key);
    if (writes === undefined) {
      this.#writes.set(key, writes = [{ value: undefined, begun: -Infinity, ended: -Infinity }]);
    }
    return writes;
  }
}

/** Whether a read may answer a write: it had begun, and no other lies wholly between the two. */
function mayBeSeen(write: Write, read: Read, writes: readonly Write[]): boolean {
  if (write.begun > read.ended) return false;
  return !writes.some((other) => other !== write && other.begun > write.ended && other.ended < read.begun);
}
