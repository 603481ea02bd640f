/**
 * One member's calls of the databases here: begun in the order of their sequence, each once, and remembered
 * until their requester is known to have the answer.
 *
 * Calls of one database go through one lane. An effect is begun when the one before it has been applied: that
 * is at once where its block is at hand, for then the journal has grown within the call, whose answer still
 * waits for a sync. So a reader here who sees an effect sees those before it, and calls under way share
 * syncs. Memory is bounded: what is remembered of an effect is a few bytes, of `KNOWN_MAX` calls at most.
 */
import { CohortError } from "../ground/errors.ts";
import type { CourierReply } from "../ports/mod.ts";
import { hasEffect, type RemoteCall, type RemoteMessage } from "./remote_call.ts";
import { encodeFailure } from "./remote_answer.ts";
import type { WaitOptions } from "../global/patience.ts";

/** Calls under way or remembered at most; a requester has fewer. */
const KNOWN_MAX = 256;

/** What a session takes from whoever has the databases. */
export interface SessionWorld {
  /** Carries a call out; begins in the caller's turn, and answers the bytes of its result. */
  readonly run: (call: RemoteCall, options: WaitOptions | undefined) => Promise<Uint8Array>;
  /** Journal position behind all that was done here. */
  readonly position: () => number;
}

/** A call under way, or an effect whose answer may be asked for again. */
interface Known {
  readonly message: RemoteMessage;
  readonly call: RemoteCall;
  readonly controller: AbortController;
  readonly answer: Promise<CourierReply>;
  readonly resolve: (answer: Promise<CourierReply>) => void;
  isOver: boolean;
  /** Its requester waits for it no more. */
  isSettled: boolean;
}

interface Lane {
  readonly waiting: Known[];
  /** True while an effect that is not applied yet keeps the next from beginning. */
  isHeld: boolean;
}

/** The calls of one incarnation. */
export class RemoteSession {
  readonly #world: SessionWorld;
  readonly #known = new Map<number, Known>();
  readonly #lanes = new Map<string, Lane>();
  #floor = 0;

  constructor(world: SessionWorld) {
    this.#world = world;
  }

  /** Calls under way or remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** Whether a call is under way. */
  get isBusy(): boolean {
    return [...this.#known.values()].some((it) => !it.isOver);
  }

  /** Answers a call, from memory when it was asked before; undefined for the end of one. */
  heard(message: RemoteMessage): Promise<CourierReply> | undefined {
    const { sequence, floor, settled, call } = message;
    this.#forget(floor);
    for (const it of settled) this.#settle(it);
    const known = this.#known.get(sequence);
    if (call === undefined) {
      const reason = new CohortError("ABORTED", "Whoever asked has given it up", { sequence });
      if (known !== undefined) this.#giveUp(known, reason);
      return undefined;
    }
    if (known !== undefined) return known.answer;
    if (sequence < this.#floor) {
      throw new CohortError("CORRUPT", `Call ${sequence} came though all below ${this.#floor} are settled`);
    }
    if (this.#known.size >= KNOWN_MAX) {
      const text = `Could not begin call ${sequence}: ${KNOWN_MAX} are under way`;
      return Promise.resolve({ body: encodeFailure(new CohortError("FULL", text)) as Uint8Array });
    }
    return this.#enter(message, call);
  }

  /** Whoever asked is gone: what still waits is given up. */
  end(): void {
    const reason = new CohortError("UNREACHABLE", "Whoever asked is no member any more");
    for (const known of [...this.#known.values()]) this.#giveUp(known, reason);
  }

  /** Nothing of a call need be remembered when it is over. */
  #settle(sequence: number): void {
    const known = this.#known.get(sequence);
    if (known === undefined) return;
    known.isSettled = true;
    if (known.isOver) this.#known.delete(sequence);
  }

  /** What its requester waits for no more, in the order in which it came. */
  #forget(floor: number): void {
    if (floor <= this.#floor) return;
    this.#floor = floor;
    for (const [sequence, { isOver }] of this.#known) {
      if (sequence >= floor) return;
      if (isOver) this.#known.delete(sequence);
    }
  }

  /** Gives a call up: one that has not begun is answered so at once. */
  #giveUp(known: Known, reason: CohortError): void {
    known.controller.abort(reason);
    const { waiting = [] } = this.#lanes.get(known.call.directory) ?? {};
    const at = waiting.indexOf(known);
    if (at < 0) return;
    waiting.splice(at, 1);
    this.#known.delete(known.message.sequence);
    known.resolve(Promise.resolve(failed(known.call, reason)));
  }

  #enter(message: RemoteMessage, call: RemoteCall): Promise<CourierReply> {
    const { promise, resolve } = Promise.withResolvers<CourierReply>();
    const controller = new AbortController();
    const known: Known = {
      message,
      call,
      controller,
      answer: promise,
      resolve,
      isOver: false,
      isSettled: false,
    };
    this.#known.set(message.sequence, known);
    const lane = this.#lanes.get(call.directory) ?? { waiting: [], isHeld: false };
    this.#lanes.set(call.directory, lane);
    lane.waiting.push(known);
    this.#goOn(lane, call.directory);
    return promise;
  }

  #goOn(lane: Lane, directory: string): void {
    while (!lane.isHeld) {
      const next = lane.waiting.shift();
      if (next === undefined) return void this.#lanes.delete(directory);
      this.#begin(next, lane, directory);
    }
  }

  #begin(known: Known, lane: Lane, directory: string): void {
    const { call, message: { mayEnd, timeoutMs }, controller: { signal } } = known;
    const options = !mayEnd ? undefined : { signal, ...(timeoutMs < Infinity ? { timeoutMs } : {}) };
    const { position } = this.#world;
    const before = position();
    const done = this.#world.run(call, options);
    known.resolve(done.then((body) => ({ body, after: position() }), (error) => failed(call, error)));
    const isApplied = !hasEffect(call) || position() > before;
    if (!isApplied) lane.isHeld = true;
    const over = (): void => {
      known.isOver = true;
      const { sequence } = known.message;
      if (!hasEffect(call) || known.isSettled || sequence < this.#floor) this.#known.delete(sequence);
      if (isApplied) return;
      lane.isHeld = false;
      this.#goOn(lane, directory);
    };
    known.answer.then(over, over);
  }
}

/** The answer that an error is; one that is no answer goes on to whoever stops the member. */
function failed(call: RemoteCall, error: unknown): CourierReply {
  const isStopped = error instanceof CohortError && (error.code === "STOPPED" || error.code === "FENCED");
  const told = isStopped && hasEffect(call)
    ? new CohortError("OUTCOME_UNKNOWN", `The member that was asked stopped: ${error.message}`, error.facts)
    : error;
  const body = encodeFailure(told);
  if (body === undefined) throw error;
  return { body };
}
