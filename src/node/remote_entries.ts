/** Remote entries: the nodes of a subtree of another member's database, streamed in batches. */
import { keyOf } from "../ground/key.ts";
import { checkOptions, checkType, type OptionNames } from "../ground/options.ts";
import type { EntriesOptions, Entry } from "../global/entries.ts";
import { checkWait, WAIT_OPTIONS, type WaitOptions } from "../global/patience.ts";
import { decodeBatch } from "./remote_answer.ts";
import type { RemoteAsk, RemotePlace } from "./remote_global.ts";

const ENTRIES_OPTIONS: OptionNames<EntriesOptions> = { ...WAIT_OPTIONS, reverse: true, limit: true };
/** Most entries asked for at once. */
const ENTRIES_MAX = 100_000;

/**
 * An async iterable of nodes; each iteration starts anew. Between two batches nothing is kept at the other
 * member, so iteration goes on over changed views, and at a member that came back.
 */
export class RemoteEntries<T> implements AsyncIterable<Entry<T>> {
  readonly #there: RemoteAsk;
  readonly #place: RemotePlace;
  readonly #options: EntriesOptions;

  /** @internal Made by `RemoteGlobal.entries`. */
  constructor(there: RemoteAsk, place: RemotePlace, options: EntriesOptions = {}) {
    checkOptions(options, ENTRIES_OPTIONS);
    checkWait(options);
    checkType("reverse", options.reverse, "boolean");
    const { limit } = options;
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
      throw new RangeError(`A limit is a whole number from 0 on, got ${limit}`);
    }
    keyOf(place.subscripts);
    this.#there = there;
    this.#place = { ...place, subscripts: [...place.subscripts] };
    this.#options = options;
  }

  /** One by one. */
  async *[Symbol.asyncIterator](): AsyncIterator<Entry<T>> {
    for await (const batch of this.batches()) yield* batch;
  }

  /** The same in batches: arrays of entries, none empty. A message there and one back for each. */
  async *batches(): AsyncIterableIterator<Array<Entry<T>>> {
    const { member, ask } = this.#there;
    const { signal, timeoutMs, reverse = false, limit = Infinity } = this.#options;
    const waits: WaitOptions = {
      ...(signal === undefined ? {} : { signal }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    const options = signal === undefined && timeoutMs === undefined ? undefined : waits;
    let next: Uint8Array | undefined;
    let left = limit;
    while (left > 0) {
      const most = Math.min(left, ENTRIES_MAX);
      const call = { what: "entries", ...this.#place, next, isReverse: reverse, most } as const;
      const batch = decodeBatch(await ask(call, options), member);
      left -= batch.entries.length;
      if (batch.entries.length > 0) yield batch.entries as Array<Entry<T>>;
      if (batch.next === undefined) return;
      next = batch.next;
    }
  }
}
