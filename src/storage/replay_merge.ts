/**
 * Merges the journals of several incarnations into the one order of commits: by stamp, then by incarnation
 * (DESIGN D3).
 */
import type { ScannedGroup } from "./journal_items.ts";

/** One journal of a merge. */
export interface MergeSource {
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Its groups, as many at once as were read; they live until the next are asked for. */
  readonly batches: AsyncIterable<readonly ScannedGroup[]>;
}

/** A group and where it comes from. */
export interface MergedGroup {
  /** Index of its source. */
  readonly source: number;
  readonly group: ScannedGroup;
}

/** Batches of which the first are being read already; `end` closes what that opened. */
export class BegunBatches implements AsyncIterable<readonly ScannedGroup[]> {
  readonly #iterator: AsyncIterator<readonly ScannedGroup[]>;
  #first: Promise<IteratorResult<readonly ScannedGroup[]>> | undefined;

  constructor(batches: AsyncIterable<readonly ScannedGroup[]>) {
    this.#iterator = batches[Symbol.asyncIterator]();
    this.#first = this.#iterator.next();
    // Whoever reads them is told.
    this.#first.catch(() => {});
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly ScannedGroup[]> {
    return {
      next: () => {
        const first = this.#first ?? this.#iterator.next();
        this.#first = undefined;
        return first;
      },
      return: async () => {
        await this.end();
        return { done: true, value: undefined };
      },
    };
  }

  async end(): Promise<void> {
    await this.#iterator.return?.();
  }
}

interface Head {
  readonly source: number;
  readonly incarnation: string;
  readonly iterator: AsyncIterator<readonly ScannedGroup[]>;
  batch: readonly ScannedGroup[];
  at: number;
}

/**
 * Yields the groups of all sources in order, as many at once as can be told without reading more. They live
 * until the next are asked for.
 */
export async function* mergeGroups(sources: readonly MergeSource[]): AsyncGenerator<readonly MergedGroup[]> {
  const heads: Head[] = [];
  const iterators = sources.map(({ batches }) => batches[Symbol.asyncIterator]());
  try {
    const all = iterators.map((iterator, source): Head => {
      return { source, incarnation: sources[source]!.incarnation, iterator, batch: [], at: 0 };
    });
    // All begin at once: most of a small journal's time is that of opening it.
    const begun = await Promise.allSettled(all.map(advance));
    for (const [source, found] of begun.entries()) {
      if (found.status === "rejected") throw found.reason;
      if (found.value) heads.push(all[source]!);
    }
    while (heads.length > 0) {
      const { merged, spent } = mergeNow(heads);
      yield merged;
      if (!await advance(spent)) heads.splice(heads.indexOf(spent), 1);
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}

/** Reads on; false at the end. */
async function advance(head: Head): Promise<boolean> {
  head.at = 0;
  do {
    const next = await head.iterator.next();
    if (next.done === true) return false;
    head.batch = next.value;
  } while (head.batch.length === 0);
  return true;
}

/** Merges until one source has no more in memory: that one. */
function mergeNow(heads: readonly Head[]): { readonly merged: MergedGroup[]; readonly spent: Head } {
  const merged: MergedGroup[] = [];
  for (;;) {
    let first = heads[0]!;
    for (let i = 1; i < heads.length; i++) if (isBefore(heads[i]!, first)) first = heads[i]!;
    merged.push({ source: first.source, group: first.batch[first.at]! });
    if (++first.at === first.batch.length) return { merged, spent: first };
  }
}

function isBefore(a: Head, b: Head): boolean {
  const left = a.batch[a.at]!.stamp, right = b.batch[b.at]!.stamp;
  return left !== right ? left < right : a.incarnation < b.incarnation;
}
