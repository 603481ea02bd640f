/** Remote global: a global of a database that another member has mounted (DESIGN §2). */
import { decodeKey, keyOf } from "../ground/key.ts";
import type { Subscript } from "../ground/subscript.ts";
import type { Value } from "../ground/value.ts";
import type { EntriesOptions } from "../global/entries.ts";
import { checkDirection, type DataState, type Global, levelKey } from "../global/global.ts";
import type { Direction } from "../global/navigate.ts";
import type { WaitOptions } from "../global/patience.ts";
import { Reference } from "../global/reference.ts";
import { checkStep } from "../global/writer.ts";
import { decodeResult } from "./remote_answer.ts";
import type { RemoteCall } from "./remote_call.ts";
import { RemoteEntries } from "./remote_entries.ts";

/** Asks the member that has a database. */
export interface RemoteAsk {
  /** Name of that member. */
  readonly member: string;
  /** Resolves to the bytes of its answer. Throws at once what cannot be encoded. */
  readonly ask: (call: RemoteCall, options: WaitOptions | undefined) => Promise<Uint8Array>;
}

/** The calls that a global has alike here and at another member. */
export type GlobalCalls<T> = Pick<
  Global<T>,
  "name" | "get" | "data" | "order" | "query" | "set" | "kill" | "zkill" | "increment" | "ref"
>;

/**
 * One global of a database at another member, with the methods of `Global`. Everything is done there, as if
 * its own programs called it: wrong arguments, errors and durability are the same, and what an answer tells
 * is synced there.
 *
 * Calls of one database are begun in the order in which they are made here, each once at most, however often
 * links break and views change meanwhile. Reads are asked again by themselves. An effect is not: when its
 * member is lost before it has answered, it rejects `OUTCOME_UNKNOWN`, and happened once or not at all.
 * Besides what a `Global` rejects: `UNREACHABLE` when no member has the name, and nothing was done;
 * `NOT_MOUNTED` when it has not mounted the database; `FULL` when calls of more than 64 MiB wait for it. Who
 * gives up waiting (signal, `timeoutMs`) ends the wait there, too. While there are too few members for a
 * quorum, calls wait.
 *
 * Cost: a message there and one back for each call, up to 64 of them under way to a member; more messages
 * where call or answer exceed 512 KiB. Without options effects under way share syncs; one that may be given
 * up is waited for before the next begins.
 */
export class RemoteGlobal<T = Value> implements GlobalCalls<T> {
  /** Its name, without the caret. */
  readonly name: string;
  /** Name of the member that has its database. */
  readonly member: string;
  /** Canonical directory of its database, at that member. */
  readonly directory: string;
  readonly #there: RemoteAsk;

  /** @internal Made by `RemoteDatabase.global`. */
  constructor(there: RemoteAsk, directory: string, name: string) {
    this.#there = there;
    this.member = there.member;
    this.directory = directory;
    this.name = name;
  }

  /** The value at a node, undefined when it has none. One message there and one back. */
  get(subscripts: readonly Subscript[], options?: WaitOptions): Promise<T | undefined> {
    return this.#ask({ what: "get", ...this.#at(subscripts) }, options);
  }

  /** `$DATA`: 0 for nothing, 1 for a value, 10 for descendants, 11 for both. */
  data(subscripts: readonly Subscript[], options?: WaitOptions): Promise<DataState> {
    return this.#ask({ what: "data", ...this.#at(subscripts) }, options);
  }

  /** `$ORDER`: the next (1) or previous (−1) subscript at the level of the last one, undefined at the end. */
  order(
    subscripts: readonly Subscript[],
    direction: Direction = 1,
    options?: WaitOptions,
  ): Promise<Subscript | undefined> {
    return this.#attempt(() => {
      checkDirection(direction);
      levelKey(subscripts);
      return this.#ask({ what: "order", ...this.#at(subscripts), direction }, options);
    });
  }

  /** `$QUERY`: the subscripts of the next (1) or previous (−1) node with a value, undefined at the end. */
  query(
    subscripts: readonly Subscript[],
    direction: Direction = 1,
    options?: WaitOptions,
  ): Promise<Subscript[] | undefined> {
    return this.#attempt(() => {
      checkDirection(direction);
      return this.#ask({ what: "query", ...this.#at(subscripts), direction }, options);
    });
  }

  /**
   * The nodes with a value at and below `subscripts`, in collation order, as `[subscripts, value]`. Streams
   * in batches of some 64 KiB, each as it is when it is reached: a message there and one back for each.
   */
  entries(subscripts: readonly Subscript[] = [], options?: EntriesOptions): RemoteEntries<T> {
    return new RemoteEntries<T>(this.#there, this.#at(subscripts), options);
  }

  /** Sets the value of a node; it is taken as it is at the call. Resolves when it is synced there. */
  set(subscripts: readonly Subscript[], value: T, options?: WaitOptions): Promise<void> {
    return this.#ask({ what: "set", ...this.#at(subscripts), value: value as Value }, options);
  }

  /** `KILL`: removes a node and all below it. */
  kill(subscripts: readonly Subscript[] = [], options?: WaitOptions): Promise<void> {
    return this.#ask({ what: "kill", ...this.#at(subscripts) }, options);
  }

  /** `ZKILL`: removes the value of a node, not what is below it. */
  zkill(subscripts: readonly Subscript[], options?: WaitOptions): Promise<void> {
    return this.#ask({ what: "zkill", ...this.#at(subscripts) }, options);
  }

  /** `$INCREMENT`: adds `by` exactly and answers the new value; atomic, and once at most. */
  increment<N extends number | bigint = number>(
    subscripts: readonly Subscript[],
    by?: N,
    options?: WaitOptions,
  ): Promise<N extends bigint ? bigint : number> {
    const step = by === undefined ? 1 : by;
    return this.#attempt(() => {
      checkStep(step);
      return this.#ask({ what: "increment", ...this.#at(subscripts), by: step }, options);
    });
  }

  /**
   * `MERGE`: copies all nodes at and below `from` of `source` to `to` here, at one instant. The source is a
   * global at the same member, of this database or another one: nothing of it is sent. Else a `TypeError`:
   * what is at two members cannot be copied at one instant.
   */
  merge(
    to: readonly Subscript[],
    source: RemoteGlobal<T>,
    from: readonly Subscript[] = [],
    options?: WaitOptions,
  ): Promise<void> {
    if (!(source instanceof RemoteGlobal) || source.member !== this.member) {
      const text = `Could not merge into ^${this.name}: the source is no global at ${this.member}`;
      return Promise.reject(new TypeError(text));
    }
    const at = this.#at(to);
    return this.#ask({ what: "merge", ...at, from: source.#at(from) }, options);
  }

  /** A reference to a node of this global: what texts name. */
  ref(subscripts: readonly Subscript[] = []): Reference {
    const key = keyOf(subscripts);
    return new Reference(this.directory, this.name, decodeKey(key, 0, key.length), this.member);
  }

  #at(subscripts: readonly Subscript[]): RemotePlace {
    return { directory: this.directory, name: this.name, subscripts };
  }

  #ask<R>(call: RemoteCall, options: WaitOptions | undefined): Promise<R> {
    const { ask, member } = this.#there;
    return this.#attempt(() => ask(call, options).then((body) => decodeResult(body, member) as R));
  }

  #attempt<R>(run: () => Promise<R>): Promise<R> {
    try {
      return run();
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** Names a node of a database at the member that is asked. */
export interface RemotePlace {
  readonly directory: string;
  readonly name: string;
  readonly subscripts: readonly Subscript[];
}
