/**
 * Merges the journals of several incarnations into the one order of commits: by stamp, then by incarnation
 * (DESIGN D3).
 */
import type { ScannedGroup } from "./journal_items.ts";

/** One journal of a merge. */
export interface MergeSource {
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  readonly groups: AsyncIterable<ScannedGroup>;
}

/** A group and where it comes from. */
export interface MergedGroup {
  /** Index of its source. */
  readonly source: number;
  readonly group: ScannedGroup;
}

interface Head {
  readonly source: number;
  readonly incarnation: string;
  readonly iterator: AsyncIterator<ScannedGroup>;
  group: ScannedGroup;
}

/**
 * Yields the groups of all sources in order, holding one of each. A group lives until the next is asked for.
 */
export async function* mergeGroups(sources: readonly MergeSource[]): AsyncGenerator<MergedGroup> {
  const heads: Head[] = [];
  const iterators = sources.map(({ groups }) => groups[Symbol.asyncIterator]());
  try {
    for (const [source, iterator] of iterators.entries()) {
      const first = await iterator.next();
      if (first.done === true) continue;
      heads.push({ source, incarnation: sources[source]!.incarnation, iterator, group: first.value });
    }
    while (heads.length > 0) {
      const head = heads.reduce((a, b) => isBefore(b, a) ? b : a);
      yield { source: head.source, group: head.group };
      const next = await head.iterator.next();
      if (next.done === true) heads.splice(heads.indexOf(head), 1);
      else head.group = next.value;
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}

function isBefore(a: Head, b: Head): boolean {
  if (a.group.stamp !== b.group.stamp) return a.group.stamp < b.group.stamp;
  return a.incarnation < b.incarnation;
}
