/**
 * Engine: runs steps and changes over the pool, the volumes and one journal.
 *
 * The one loop of DESIGN D1: attempt, obtain what was lacking, attempt again from the root. Reads answer when
 * all they saw may be acknowledged; changes answer with the position their acknowledgement waits for. Knows
 * no trees.
 */
import { CohortError, InvariantError } from "../ground/errors.ts";
import type { Volume } from "../storage/volume.ts";
import { Change } from "./change.ts";
import type { Coherence } from "./coherence.ts";
import { Freezes } from "./freezes.ts";
import type { GroupSink } from "./group_sink.ts";
import { answeredBy, type Leave } from "./leave.ts";
import { Loader } from "./loader.ts";
import { Permits } from "./permits.ts";
import { NO_FRAME, type Pool } from "./pool.ts";
import type { Stamps } from "./stamps.ts";
import { byPlace, type Need, Step } from "./step.ts";
import { unlessAborted } from "./waiting.ts";

/** What an attempt returns to be run again once its step has what it asked for. */
export const AGAIN: unique symbol = Symbol("again");
/** Type of `AGAIN`. */
export type Again = typeof AGAIN;

/** What `changeNow` answers when a change lacks nothing but space, in the journal or on the volume. */
export const NO_SPACE: unique symbol = Symbol("no space");
/** Frames a step reserves at first; more when it shows that it needs more. */
const BUDGET_FIRST = 24;
/** How far the stamps may rise between the grant of space and its use: others publish meanwhile. */
const STAMPS_AHEAD: number = 2 ** 20;
/** Frames never promised to steps, so that loads of others go on. */
const FRAMES_SPARE = 4;

/** What the engine needs of a journal. */
export interface EngineJournal extends GroupSink {
  /** Reserves space for a group; undefined when at once. */
  admit(bytes: number, stampAtMost: number): Promise<void> | undefined;
  /** The same for who will not wait: true when it is reserved. */
  admitNow(bytes: number, stampAtMost: number): boolean;
  /** Highest stamp a group may have now. */
  readonly ceiling: number;
  /** Gives a reservation back. */
  withdraw(bytes: number): void;
  /** When operations up to `position` may be acknowledged; undefined when they may now. */
  ackOf(position: number): Promise<void> | undefined;
  /** The I/O error by which its writes are frozen, while they are. */
  readonly frozenBy: CohortError | undefined;
}

/** What the engine needs of the write daemon. */
export interface RoomMaker {
  /** Resolves when clean frames have been made, or at once when some can be taken. */
  makeRoom(frames: number): Promise<void>;
  /** Something became dirty or the journal grew. */
  nudge(): void;
}

/** How long and for whom an operation waits. */
export interface Patience {
  readonly signal?: AbortSignal | undefined;
}

/** Runs attempts. */
export class Engine {
  readonly pool: Pool;
  readonly journal: EngineJournal;
  readonly stamps: Stamps;
  readonly loader: Loader;
  readonly permits: Permits;
  /** A step for attempts that only look at what is resident. */
  readonly light: Step;
  /** Set when the member stopped: every operation is refused with it. */
  stopped: Error | undefined;
  /** Told of a broken invariant: the member must stop. */
  onBroken: ((error: InvariantError) => void) | undefined;
  /** Blocks of volumes that other members use, too; before there is one no volume is shared. */
  coherence: Coherence | undefined;
  /** Whether this member may answer by what it holds; undefined for one that shares nothing. */
  leave: Leave | undefined;
  /** Why writes wait: by the write daemon, or by another member. */
  readonly freezes: Freezes = new Freezes();
  #room: RoomMaker | undefined;
  /** The change that attempts in the caller's turn share; undefined while one of them runs. */
  #quick: Change | undefined;

  constructor(pool: Pool, journal: EngineJournal, stamps: Stamps) {
    this.pool = pool;
    this.journal = journal;
    this.stamps = stamps;
    this.loader = new Loader(pool, stamps);
    this.permits = new Permits(pool.capacity - FRAMES_SPARE);
    this.light = new Step(pool, true);
    this.#quick = new Change(pool, false);
  }

  /** The write daemon, made after the engine it writes for. */
  attach(room: RoomMaker): void {
    this.#room = room;
  }

  /** The I/O error by which writes are frozen, while they are. */
  get frozenBy(): CohortError | undefined {
    return this.freezes.now?.cause ?? this.journal.frozenBy;
  }

  /** When what lies before a position may be acknowledged; undefined when it may now. */
  ackOf(position: number): Promise<void> | undefined {
    const wait = this.journal.ackOf(position);
    const { leave } = this;
    return leave === undefined ? wait : answeredBy(leave, wait);
  }

  /** Says that frames became dirty. */
  nudge(): void {
    this.#room?.nudge();
  }

  /** Runs a reading attempt until it has all it needs; answers when what it saw may be acknowledged. */
  async read<T>(attempt: (step: Step) => T | Again, patience: Patience = {}): Promise<T> {
    const step = new Step(this.pool, false);
    const result = await this.#run(step, () => attempt(step), patience);
    const wait = this.ackOf(step.seen);
    if (wait !== undefined) await unlessAborted(wait, patience.signal);
    return result;
  }

  /** The same without waiting for the acknowledgement: for reads inside transactions, whose commit waits. */
  readUnacknowledged<T>(attempt: (step: Step) => T | Again, patience: Patience = {}): Promise<T> {
    const step = new Step(this.pool, false);
    return this.#run(step, () => attempt(step), patience);
  }

  /**
   * Runs a changing attempt and publishes its change as one group; answers with the position to acknowledge.
   */
  change<T>(attempt: (change: Change) => T | Again, patience: Patience = {}): Promise<Published<T>> {
    try {
      this.#refuse(patience);
      const published = this.changeNow(attempt);
      if (published !== undefined && published !== NO_SPACE) return Promise.resolve(published);
    } catch (error) {
      return Promise.reject(error);
    }
    const change = new Change(this.pool, false);
    change.onRelease = () => this.#giveSpace(change);
    return this.#run(change, () => this.#tryChange(change, attempt), patience);
  }

  /**
   * The same in the caller's turn, when nothing is lacking and nobody waits in front; else `NO_SPACE` or
   * undefined.
   */
  changeNow<T>(attempt: (change: Change) => T | Again): Published<T> | typeof NO_SPACE | undefined {
    const change = this.#quick;
    if (change === undefined || this.stopped !== undefined || this.freezes.now !== undefined) {
      return undefined;
    }
    if (!this.permits.takeNow(BUDGET_FIRST)) return undefined;
    this.#quick = undefined;
    try {
      const value = this.#guarded(() => attempt(change));
      if (value === AGAIN) return change.waits.length > 0 ? NO_SPACE : undefined;
      if (change.touchedCount === 0) return { value, position: change.seenAll() };
      const bytes = change.groupBytesMax;
      if (!this.admitNow(bytes)) return NO_SPACE;
      change.admitted = bytes;
      const position = change.publish(this.journal, this.stamps.next());
      this.nudge();
      return { value, position: Math.max(position, change.seen) };
    } finally {
      change.clear();
      change.release();
      this.permits.give(BUDGET_FIRST);
      this.#quick = change;
    }
  }

  /** Reserves space for a group of at most `bytes` if there is some now; for what can be done another way. */
  admitNow(bytes: number): boolean {
    return this.freezes.now === undefined && this.journal.admitNow(bytes, this.stamps.peek);
  }

  #tryChange<T>(change: Change, attempt: (change: Change) => T | Again): Published<T> | Again {
    const value = attempt(change);
    if (value === AGAIN) {
      // Space is never held while something else is waited for: whoever frees that may need space itself.
      this.#giveSpace(change);
      return AGAIN;
    }
    if (change.touchedCount === 0) return { value, position: change.seenAll() };
    if (!this.#takeSpace(change, change.groupBytesMax)) return AGAIN;
    const position = change.publish(this.journal, this.stamps.next());
    this.nudge();
    return { value, position: Math.max(position, change.seen) };
  }

  /** Reserves space for the group of a change; false: it waits for that once it has all else. */
  #takeSpace(change: Change, bytes: number): boolean {
    const frozen = this.freezes.now;
    // A volume mounted meanwhile may have made stamps jump above what was granted.
    const isEnough = change.admitted >= bytes && this.stamps.peek <= this.journal.ceiling;
    if (frozen === undefined && isEnough) return true;
    this.#giveSpace(change);
    if (frozen !== undefined) {
      change.waits.push(() => frozen.thawed);
      return false;
    }
    const isAtOnce = this.journal.admitNow(bytes, this.stamps.peek + STAMPS_AHEAD);
    if (isAtOnce) change.admitted = bytes;
    else change.lastWait = () => this.#awaitSpace(change, bytes);
    return isAtOnce;
  }

  /**
   * Waits for space. It is the change's own in the next attempt: if it had to ask again, many who wait could
   * take turns for ever without one of them publishing.
   */
  #awaitSpace(change: Change, bytes: number): Promise<void> | undefined {
    const wait = this.journal.admit(bytes, this.stamps.peek + STAMPS_AHEAD);
    if (wait === undefined) {
      change.admitted = bytes;
      return undefined;
    }
    const { turn } = change;
    const granted = wait.then(() => {
      if (change.turn === turn) change.admitted = bytes;
      else this.journal.withdraw(bytes);
    });
    // Whoever does not wait for it has another way to learn of the failure.
    granted.catch(() => {});
    return granted;
  }

  #giveSpace(change: Change): void {
    if (change.admitted === 0) return;
    this.journal.withdraw(change.admitted);
    change.admitted = 0;
  }

  async #run<T>(step: Step, attempt: () => T | Again, patience: Patience): Promise<T> {
    let budget = Math.min(BUDGET_FIRST, this.permits.total);
    step.pinsMost = this.permits.total;
    for (;;) {
      const permit = this.permits.take(budget);
      if (permit !== undefined) await this.#admitted(permit, budget, patience);
      let result: { value: T } | number;
      try {
        result = await this.#attempts(step, attempt, budget, patience);
      } finally {
        step.release();
        this.#letGrips(step.grips.splice(0));
        this.permits.give(budget);
      }
      if (typeof result !== "number") return result.value;
      // Taking more than there ever are throws TRANSACTION_TOO_LARGE.
      budget = result > this.permits.total
        ? result
        : Math.min(this.permits.total, Math.max(result, budget * 4));
    }
  }

  async #attempts<T>(
    step: Step,
    attempt: () => T | Again,
    budget: number,
    patience: Patience,
  ): Promise<{ value: T } | number> {
    for (;;) {
      this.#refuse(patience);
      step.clear();
      const value = this.#guarded(attempt);
      if (value !== AGAIN) return { value };
      if (step.framesNeeded > budget) this.#letGrips(step.letGoUnused());
      const needed = step.framesNeeded;
      step.rest();
      if (needed > budget) return needed;
      await this.#obtain(step, patience);
    }
  }

  #guarded<T>(attempt: () => T): T {
    try {
      return attempt();
    } catch (error) {
      throw this.noted(error);
    }
  }

  /** The same error, after the member was told if it is a broken invariant. */
  noted(error: unknown): unknown {
    if (error instanceof InvariantError) this.onBroken?.(error);
    return error;
  }

  #refuse(patience: Patience): void {
    if (this.stopped !== undefined) {
      throw new CohortError("STOPPED", "Could not go on: the member stopped", {}, this.stopped);
    }
    patience.signal?.throwIfAborted();
  }

  async #admitted(permit: Promise<void>, budget: number, patience: Patience): Promise<void> {
    try {
      await unlessAborted(permit, patience.signal);
    } catch (error) {
      permit.then(() => this.permits.give(budget));
      throw error;
    }
  }

  async #obtain(step: Step, patience: Patience): Promise<void> {
    if (step.framesWanted > 0) await this.#makeRoom(step.framesWanted, patience);
    if (step.letsGripsGo) this.#letGrips(step.grips.splice(0));
    for (const wait of step.waits) await unlessAborted(wait(), patience.signal);
    if (step.isContended) await this.#gripInOrder(step, patience);
    const loads: Array<Promise<void>> = [];
    for (const need of step.needs) {
      // What is shared has been brought already, and may be wanted elsewhere by now.
      if (!(step.isContended && need.volume.isShared)) loads.push(this.#bring(step, need, patience));
    }
    if (loads.length > 0) await settleAll(loads);
    const last = step.lastWait?.();
    if (last !== undefined) await unlessAborted(last, patience.signal);
  }

  async #bring(step: Step, need: Need, patience: Patience): Promise<void> {
    const { volume, block } = need;
    if (volume.quarantine !== undefined) throw quarantined(volume);
    if (volume.isShared) {
      step.inherit(await this.coherence!.obtain(need, patience.signal));
      return step.wasBrought(need);
    }
    for (;;) {
      const answer = this.loader.load(volume, block);
      const frame = typeof answer === "number" ? answer : await answer;
      if (frame !== NO_FRAME) return step.inherit(frame);
      await this.#makeRoom(1, patience);
    }
  }

  /**
   * Takes what the last attempt used and lacked of shared volumes, one after another in the order of all
   * members, and keeps each: so nobody who waits for a block is waited for by its holder.
   */
  async #gripInOrder(step: Step, patience: Patience): Promise<void> {
    const coherence = this.coherence!;
    const wanted = step.sharedInOrder();
    const last = step.grips.at(-1);
    const isLater = (need: Need): boolean => last === undefined || byPlace(need, last) > 0;
    const isGripped = (need: Need): boolean =>
      step.grips.some((it) => byPlace(it, need) === 0 && (it.mode === "EX" || need.mode === "PR"));
    // What must come before something that is kept already: all is given back, and taken anew in order.
    if (!wanted.every((need) => isGripped(need) || isLater(need))) this.#letGrips(step.grips.splice(0));
    for (const need of wanted) {
      if (isGripped(need)) continue;
      do await this.#bring(step, need, patience); while (!coherence.grip(need));
      step.grips.push(need);
    }
  }

  #letGrips(grips: readonly Need[]): void {
    for (const need of grips) this.coherence!.letGrip(need);
  }

  async #makeRoom(frames: number, patience: Patience): Promise<void> {
    if (this.#room === undefined) {
      throw new CohortError("FULL", "Could not find a clean buffer: nothing cleans them");
    }
    await unlessAborted(this.#room.makeRoom(frames), patience.signal);
  }
}

/** What a change answered, and the journal position that makes it acknowledged. */
export interface Published<T> {
  readonly value: T;
  readonly position: number;
}

/** The error for any access to a quarantined volume. */
export function quarantined(volume: Volume): CohortError {
  return new CohortError(
    "QUARANTINED",
    `Could not use ${volume.path}: it is quarantined`,
    { path: volume.path },
    volume.quarantine,
  );
}

/**
 * Waits for all, then throws the first error: no load may still be running into a frame when the step gives
 * up.
 */
async function settleAll(loads: ReadonlyArray<Promise<void>>): Promise<void> {
  const results = await Promise.allSettled(loads);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
