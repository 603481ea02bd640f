/**
 * Increment server: increments that this member does for others, whose leaves it has (DESIGN D11).
 *
 * Each at once, in the turn in which it is asked for, or not at all: whatever stands in the way, the one who
 * asks does it in the ordinary way, and meets that there. A leaf that nobody here changes is given away.
 */
import type { Coherence } from "../buffer/coherence.ts";
import type { Held } from "../buffer/held_block.ts";
import type { HeldTable } from "../buffer/held_table.ts";
import type { KeptResult, KeptResults } from "../buffer/kept_results.ts";
import { CohortError } from "../ground/errors.ts";
import { ID_BYTES, putId } from "../ground/hex.ts";
import type { DatabaseCore } from "../global/database.ts";
import type { Outcome } from "../global/elsewhere.ts";
import { GlobalWriter } from "../global/writer.ts";
import type { Answer, CourierReply } from "../ports/mod.ts";
import { type AskedIncrement, encodeOutcomes, type IncrementMessage } from "./increment_message.ts";

/** Messages that change a block which nobody else does, until whoever asks may have it. */
const QUIET_MAX = 8;
/** Changes of a leaf on its way here that are waited for: granted, and read from its volume. */
const WAITS_MAX = 4;
/** Answers kept for one member, beyond which it is refused. */
const KEPT_MAX = 8192;
/** Most blocks of which it is known when they were served, and writers of one database. */
const SERVED_MAX = 1024;
const WRITERS_MAX = 256;

const REFUSED: Outcome = { kind: "refused", holder: undefined };

type Asked = IncrementMessage & { readonly kind: "asked" };

interface Served {
  /** Stamp that the block had then. */
  stamp: number;
  /** Messages since anybody else changed it. */
  quiet: number;
  /** The message that was served last. */
  message: number;
}

interface Shared {
  readonly core: DatabaseCore;
  readonly writers: Map<string, GlobalWriter>;
  readonly served: Map<number, Served>;
}

/** Serves all members. */
export class IncrementServer {
  readonly #results: KeptResults;
  readonly #held: HeldTable;
  /** Number of the view. */
  readonly #view: () => number;
  /** By tag of the volume. */
  readonly #shared = new Map<number, Shared>();
  #messages = 0;
  /** Increments done. */
  served = 0;

  constructor({ owed, held }: Coherence, view: () => number) {
    this.#results = owed.results;
    this.#held = held;
    this.#view = view;
  }

  /** Serves a database from now on. */
  share(core: DatabaseCore): void {
    this.#shared.set(core.volume.facts.tag, { core, writers: new Map(), served: new Map() });
  }

  /** No more. */
  unshare(core: DatabaseCore): void {
    this.#shared.delete(core.volume.facts.tag);
  }

  /**
   * Does what it can, in order; the reply leaves once all that was done is safe. What waits for a leaf that
   * is on its way here is tried again when that has come, in the same view: in another it is asked for anew.
   */
  asked(from: string, message: Asked): Answer<CourierReply> {
    this.#results.acknowledge(from, message.settled);
    this.#messages++;
    const coming = this.#comingFor(message.increments);
    return coming === undefined ? this.#doAll(from, message) : this.#askedLater(from, message, coming);
  }

  async #askedLater(from: string, message: Asked, first: Held): Promise<CourierReply> {
    const view = this.#view();
    let coming: Held | undefined = first;
    for (let wait = 0; wait < WAITS_MAX && coming !== undefined; wait++) {
      await coming.changed(undefined);
      this.#held.forget(coming);
      if (this.#view() !== view) throw new CohortError("VIEW_CHANGED", "Another view has begun");
      coming = this.#comingFor(message.increments);
    }
    return this.#doAll(from, message);
  }

  /** A leaf of these that is on its way here. */
  #comingFor(increments: readonly AskedIncrement[]): Held | undefined {
    for (const { tag, name, key } of increments) {
      const shared = this.#shared.get(tag);
      if (shared === undefined || shared.core.writeGate !== 0) continue;
      const coming = writerOf(shared, name).comingOf(key);
      if (coming !== undefined) return coming;
    }
    return undefined;
  }

  #doAll(from: string, { increments }: Asked): CourierReply {
    const id = new Uint8Array(ID_BYTES);
    putId(id, 0, from);
    let after = 0;
    const outcomes = increments.map((increment): Outcome => {
      const done = this.#results.find(from, increment.sequence) ?? this.#do(from, id, increment);
      if (done === undefined) return this.#refusal(increment);
      after = Math.max(after, done.after);
      return { kind: "done", value: done.value };
    });
    return { body: encodeOutcomes(outcomes), after };
  }

  #do(from: string, id: Uint8Array, increment: AskedIncrement): KeptResult | undefined {
    const shared = this.#shared.get(increment.tag);
    if (shared === undefined || this.#results.countOf(from) >= KEPT_MAX) return undefined;
    const { engine } = shared.core;
    let served: Served | undefined;
    const request = { requester: from, id, sequence: increment.sequence };
    try {
      const done = writerOf(shared, increment.name).incrementFor(request, increment, (block, stamp) => {
        served = this.#served(shared, block, stamp);
        return served !== undefined;
      });
      if (done === undefined) return undefined;
      served!.stamp = engine.stamps.last;
      this.served++;
      this.#results.keep(from, increment.sequence, done);
      return done;
    } catch (error) {
      // Whoever asked finds the same when it looks for itself.
      if (error instanceof CohortError) return undefined;
      throw engine.noted(error);
    }
  }

  /** Takes note that a block is to be changed for another; undefined when it should rather be given away. */
  #served({ served }: Shared, block: number, stamp: number): Served | undefined {
    let known = served.get(block);
    if (known === undefined) {
      if (served.size >= SERVED_MAX) served.clear();
      served.set(block, known = { stamp: -1, quiet: 0, message: 0 });
    }
    if (known.message !== this.#messages) {
      known.message = this.#messages;
      known.quiet = known.stamp === stamp ? known.quiet + 1 : 0;
    }
    if (known.quiet <= QUIET_MAX) return known;
    served.delete(block);
    return undefined;
  }

  /** Refused; by whoever has given the leaf on, with the name of the one who took it. */
  #refusal({ tag, name, key }: AskedIncrement): Outcome {
    const shared = this.#shared.get(tag);
    if (shared === undefined || shared.core.readGate !== 0) return REFUSED;
    const holder = writerOf(shared, name).takerOf(key);
    return holder === undefined ? REFUSED : { kind: "refused", holder };
  }
}

function writerOf({ core, writers }: Shared, name: string): GlobalWriter {
  let writer = writers.get(name);
  if (writer !== undefined) return writer;
  if (writers.size >= WRITERS_MAX) writers.clear();
  writers.set(name, writer = new GlobalWriter(core, name));
  return writer;
}
