/**
 * Remote line: the calls of this member to one incarnation of another, in the order in which they were made
 * (DESIGN §2).
 *
 * What is under way when a view ends goes again in the next, in the same order and under the same sequence:
 * whoever was asked knows what it has done already. When it is in no view any more, what may have been done
 * and was to have an effect is `OUTCOME_UNKNOWN`; all else is `UNREACHABLE`, and can be asked of another.
 */
import { abortReason } from "../buffer/waiting.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import type { Clock, Courier } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import { CANCEL_CALL, encodeMessage, type RemoteHead, SETTLED_MAX } from "./remote_call.ts";
import { Assembly, isPart, partsOf, sequenceOf } from "./remote_part.ts";
import { REMOTE_TOPIC } from "./remote_server.ts";

/** Calls under way at once: a quarter of the messages that a member has in service for another. */
const FLIGHT_MAX = 64;
/** Bytes of them, beyond which one more waits. */
const FLIGHT_BYTES = 4 * 1024 * 1024;
/** Bytes of calls that wait, beyond which one more is refused. */
const WAITING_BYTES = 64 * 1024 * 1024;

/** How long a caller waits. */
export interface RemotePatience {
  readonly signal: AbortSignal | undefined;
  /** When it gives up, by the monotonic clock; `Infinity` for never. */
  readonly deadlineMs: number;
}

/** What a line takes from its member. */
export interface LineWorld {
  readonly courier: Courier;
  readonly clock: Clock;
  /** Name of the member at the other end. */
  readonly name: string;
}

interface Asked {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly hasEffect: boolean;
  readonly patience: RemotePatience;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
  /** Views in which it went first and last; 0 for none. */
  firstView: number;
  view: number;
  /** It is under way in the line's view. */
  isUnderWay: boolean;
  /** Its caller waits for it no more. */
  isGivenUp: boolean;
}

/** Calls to one incarnation. */
export class RemoteLine {
  readonly to: string;
  readonly #world: LineWorld;
  /** In order: those under way, then those that wait. */
  readonly #asked: Asked[] = [];
  /** Answers that come in parts. */
  readonly #parts = new Assembly(FLIGHT_MAX);
  /** Effects above the floor that are settled, and are not known to be forgotten at the other end. */
  #settledThere: number[] = [];
  /** Told when nothing is open any more. */
  readonly #waiters: Array<() => void> = [];
  #view = 0;
  #last = 0;
  #underWay = 0;
  #flightBytes = 0;
  #keptBytes = 0;

  constructor(to: string, world: LineWorld) {
    this.to = to;
    this.#world = world;
  }

  /** Calls that are not settled. */
  get size(): number {
    return this.#asked.length;
  }

  /** Resolves when all that was asked is settled. */
  settled(): Promise<void> {
    if (this.#asked.length === 0) return Promise.resolve();
    return new Promise((go) => this.#waiters.push(go));
  }

  /** Asks, after all that was asked before; resolves to the bytes of the answer. */
  call(bytes: Uint8Array, hasEffect: boolean, patience: RemotePatience): Promise<Uint8Array> {
    const { signal } = patience;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.#keptBytes > 0 && this.#keptBytes + bytes.length > WAITING_BYTES) {
      const text = `Could not ask ${this.#world.name}: ${this.#keptBytes} bytes of calls wait for it`;
      return Promise.reject(new CohortError("FULL", text, { member: this.#world.name }));
    }
    return new Promise<Uint8Array>((resolve, reject) => {
      const asked: Asked = {
        sequence: ++this.#last,
        bytes,
        hasEffect,
        patience,
        resolve,
        reject,
        firstView: 0,
        view: 0,
        isUnderWay: false,
        isGivenUp: false,
      };
      this.#asked.push(asked);
      this.#keptBytes += bytes.length;
      if (signal !== undefined) this.#heed(asked, signal);
      this.#pump();
    });
  }

  /** A part of an answer came, not the last. */
  heardPart(part: Uint8Array): void {
    const sequence = sequenceOf(part);
    if (this.#asked.some((it) => it.isUnderWay && it.sequence === sequence)) this.#parts.take(part);
  }

  #heed(asked: Asked, signal: AbortSignal): void {
    const onAbort = (): void => this.#giveUp(asked, abortReason(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    const { resolve, reject } = asked;
    const over = <T>(settle: (value: T) => void) => (value: T): void => {
      signal.removeEventListener("abort", onAbort);
      settle(value);
    };
    Object.assign(asked, { resolve: over(resolve), reject: over(reject) });
  }

  /** Sends what may go; first again what an ended view left open. */
  #pump(): void {
    const { view } = this.#world.courier;
    if (view !== this.#view) this.#enter(view);
    for (let at = this.#underWay; at < this.#asked.length; at++) {
      const asked = this.#asked[at]!;
      const isFull = this.#underWay > 0 && this.#flightBytes + asked.bytes.length > FLIGHT_BYTES;
      if (this.#underWay >= FLIGHT_MAX || isFull) return;
      this.#send(asked);
    }
  }

  #enter(view: number): void {
    this.#view = view;
    for (const asked of [...this.#asked]) {
      asked.isUnderWay = false;
      if (asked.isGivenUp) this.#remove(asked);
    }
    this.#underWay = 0;
    this.#flightBytes = 0;
  }

  #send(asked: Asked): void {
    const { courier } = this.#world;
    const { sequence, bytes, patience: { signal, deadlineMs } } = asked;
    asked.view = this.#view;
    asked.firstView ||= asked.view;
    asked.isUnderWay = true;
    this.#underWay++;
    this.#flightBytes += bytes.length;
    const timeoutMs = deadlineMs - this.#world.clock.monotonicMs();
    const head = this.#head(sequence, signal !== undefined, timeoutMs);
    const parts = partsOf(sequence, encodeMessage(head, bytes));
    for (const part of parts.slice(0, -1)) this.#tell(part);
    const view = this.#view;
    courier.request(this.to, REMOTE_TOPIC, parts.at(-1) as Uint8Array).then(
      (body) => {
        this.#forgotten(head.settled);
        this.#answered(asked, view, body);
      },
      (error) => this.#failed(asked, view, error),
    );
  }

  #head(sequence: number, mayEnd: boolean, timeoutMs: number): RemoteHead {
    const floor = this.#floor();
    if (this.#settledThere.length > 0) this.#settledThere = this.#settledThere.filter((it) => it > floor);
    return { sequence, floor, settled: this.#settledThere.slice(0, SETTLED_MAX), mayEnd, timeoutMs };
  }

  /** The other end has forgotten these. */
  #forgotten(settled: readonly number[]): void {
    if (settled.length === 0) return;
    const gone = new Set(settled);
    this.#settledThere = this.#settledThere.filter((it) => !gone.has(it));
  }

  /** The first sequence whose caller waits. */
  #floor(): number {
    return this.#asked.find((it) => !it.isGivenUp)?.sequence ?? this.#last + 1;
  }

  #tell(bytes: Uint8Array): void {
    const told = this.#world.courier.tell(this.to, REMOTE_TOPIC, bytes);
    // What becomes of it, the request that follows tells.
    if (isPending(told)) told.catch(() => {});
  }

  #giveUp(asked: Asked, reason: unknown): void {
    if (!this.#asked.includes(asked)) return;
    asked.isGivenUp = true;
    asked.reject(reason);
    if (!asked.isUnderWay) return this.#remove(asked);
    this.#tell(encodeMessage(this.#head(asked.sequence, false, Infinity), CANCEL_CALL));
  }

  #remove(asked: Asked): void {
    const at = this.#asked.indexOf(asked);
    if (at < 0) return;
    this.#asked.splice(at, 1);
    this.#keptBytes -= asked.bytes.length;
    this.#parts.forget(asked.sequence);
    if (asked.hasEffect && asked.view > 0) this.#settledThere.push(asked.sequence);
    if (this.#asked.length === 0) { for (const go of this.#waiters.splice(0)) go(); }
    if (!asked.isUnderWay) return;
    this.#underWay--;
    this.#flightBytes -= asked.bytes.length;
  }

  #answered(asked: Asked, view: number, body: Uint8Array): void {
    // Asked again already, it is answered again from memory, or anew: each answer is as good.
    if (!this.#asked.includes(asked)) return;
    try {
      const whole = isPart(body) ? this.#parts.take(body) : body;
      if (whole === undefined) throw new CohortError("CORRUPT", "An answer ended before its last part");
      this.#remove(asked);
      asked.resolve(whole);
    } catch (error) {
      if (asked.view === view) this.#settle(asked, error);
    }
    this.#pump();
  }

  #failed(asked: Asked, view: number, error: unknown): void {
    const isOpen = this.#asked.includes(asked) && asked.view === view;
    const goesAgain = isCode(error, "VIEW_CHANGED") && this.#world.courier.view !== view;
    if (isOpen && !goesAgain) this.#settle(asked, this.#lost(asked, error));
    this.#pump();
  }

  #settle(asked: Asked, error: unknown): void {
    this.#remove(asked);
    asked.reject(error);
  }

  /** The error of a call that got no answer. */
  #lost(asked: Asked, error: unknown): unknown {
    const { name } = this.#world;
    // Refused before it was looked at.
    if (isCode(error, "NOT_FOUND") || isCode(error, "CORRUPT")) return error;
    const isFirst = asked.firstView === asked.view;
    const isGone = isCode(error, "UNREACHABLE");
    if (!asked.hasEffect && !isGone) return error;
    if (!asked.hasEffect || (isGone && isFirst)) {
      return new CohortError("UNREACHABLE", `${name} is no member any more`, { member: name }, error);
    }
    const text = `Could not learn whether ${name} has done what it was asked before it was lost`;
    return new CohortError("OUTCOME_UNKNOWN", text, { member: name }, error);
  }
}
