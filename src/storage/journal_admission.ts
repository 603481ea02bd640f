/**
 * JournalAdmission: who may append, before anything is pinned (DESIGN D3: journal space is reserved before
 * the first pin).
 *
 * The usual case is one comparison. Otherwise callers wait in order, for memory, for space ahead of the
 * position, for the next segment, or for an I/O error to pass. What was admitted fits, whenever it comes.
 */
import { CohortError } from "../ground/errors.ts";
import type { Clock, Observer } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import { type JournalFiles, type OpenSegment, SEGMENT_SLACK_BYTES } from "./journal_files.ts";
import { FRAME_ALIGN, FRAME_HEADER_BYTES } from "./journal_frame.ts";
import type { JournalPump } from "./journal_pump.ts";
import type { JournalVolume } from "./journal_segment.ts";
import { backOffMs, Deferred, mayPass } from "./journal_waiters.ts";

/**
 * What an admission takes beside its bytes: it may come to lie in a frame of its own, which an empty one may
 * follow.
 */
const OVERHEAD_BYTES: number = 2 * FRAME_HEADER_BYTES + FRAME_ALIGN;
/** What is kept of a segment's slack for its seal or the end mark. */
const SEAL_BYTES: number = 2 * OVERHEAD_BYTES;

/**
 * What no group may need of a segment, for the small frames that may come first in it: were there room for it
 * in none but an empty one, it could go from segment to segment for ever.
 */
const FIRST_BYTES = 512;

/** What admission needs to know beside files and pump. */
export interface JournalAdmissionOptions {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly bufferBytes: number;
  /** The volume table, which grows. */
  readonly volumes: readonly JournalVolume[];
  /** Highest stamp appended so far. */
  readonly lastStamp: () => number;
  /** Space could not be had; called again at each try. */
  readonly onShort: () => void;
}

interface Waiter {
  readonly need: number;
  readonly stamp: number;
  readonly deferred: Deferred;
  granted: boolean;
}

/** Reserves memory, space and stamps for groups. */
export class JournalAdmission {
  /** Highest stamp that may be admitted without a rotation. */
  ceiling: number;
  readonly #files: JournalFiles;
  readonly #pump: JournalPump;
  readonly #options: JournalAdmissionOptions;
  /** Position up to which admissions go at once; -1 while anybody waits. */
  #openUpTo = -1;
  /** Highest stamp that a segment was asked to admit before somebody needs it. */
  #expected = 0;
  #reserved = 0;
  #waiters: Waiter[] = [];
  #refusal: CohortError | undefined;
  #spaceError: CohortError | undefined;
  #isReported = false;
  #attempts = 0;
  #cancelRetry: (() => void) | undefined;
  #preparing: Promise<void> | undefined;
  #reserving: Promise<void> | undefined;

  constructor(files: JournalFiles, pump: JournalPump, options: JournalAdmissionOptions) {
    this.#files = files;
    this.#pump = pump;
    this.#options = options;
    this.ceiling = files.filling.header.ceiling;
    this.#reopen();
  }

  /** Why those who wait cannot have space, while they cannot. */
  get failure(): CohortError | undefined {
    return this.#waiters.length > 0 ? this.#spaceError : undefined;
  }

  /** True while somebody waits for the next segment. */
  get isWaitingForSegment(): boolean {
    return this.#waiters.length > 0 && (this.#preparing !== undefined || this.#pump.rotating);
  }

  /** Reserves for one group; undefined means at once. */
  admit(bytes: number, stampAtMost: number): undefined | Promise<void> {
    if (this.admitNow(bytes, stampAtMost)) return undefined;
    return this.#admitLater(bytes + OVERHEAD_BYTES, stampAtMost);
  }

  /** Reserves for one group if nobody waits and there is room. */
  admitNow(bytes: number, stampAtMost: number): boolean {
    const need = bytes + OVERHEAD_BYTES;
    if (this.#pump.filling.end + this.#reserved + need > this.#openUpTo) return false;
    if (stampAtMost > this.ceiling) return false;
    this.#reserved += need;
    return true;
  }

  /**
   * Takes for a few bytes from what no group may take, without waiting: for what gives space back. False when
   * even that is used up; else to be released like an admission.
   */
  admitSmall(bytes: number): boolean {
    if (!this.hasSmall(bytes)) return false;
    this.#reserved += bytes + OVERHEAD_BYTES;
    return true;
  }

  /** Whether `admitSmall` would. */
  hasSmall(bytes: number): boolean {
    const { limit, reserved } = this.#files.filling;
    const end = this.#pump.filling.end + this.#reserved + bytes + OVERHEAD_BYTES + SEAL_BYTES;
    return this.#refusal === undefined && end <= Math.min(limit, reserved);
  }

  /** Gives back what `admit(bytes)` reserved: it was used, or is not wanted. */
  release(bytes: number): void {
    this.#reserved -= bytes + OVERHEAD_BYTES;
    if (this.#waiters.length > 0) this.#advance();
  }

  /** Something moved: a frame left, a segment began, a failure came or went. */
  progress(): void {
    this.ceiling = this.#files.filling.header.ceiling;
    if (this.#refusal !== undefined) return;
    this.#advance();
    this.#lookAhead();
    this.#meetExpected();
  }

  /** Groups of higher stamps are to come: a segment for them begins before anybody waits for it. */
  expect(stamp: number): void {
    this.#expected = Math.max(this.#expected, stamp);
    this.#meetExpected();
  }

  #meetExpected(): void {
    if (this.#expected <= this.ceiling || this.#refusal !== undefined || this.#pump.rotating) return;
    if (!this.#files.isNextReady(this.#expected, this.#options.volumes)) this.#prepare(this.#expected);
    else if (this.#reserved <= this.#roomIn(this.#files.next!)) this.#pump.rotate();
  }

  /** Bytes that may be reserved in a segment to which nothing was added yet. */
  #roomIn({ limit, header }: OpenSegment): number {
    return limit - header.base - SEGMENT_SLACK_BYTES - FRAME_HEADER_BYTES;
  }

  /** Refuses everyone from now on. */
  stop(cause: CohortError): void {
    this.#refuse(new CohortError("STOPPED", "Could not append to the journal: it is stopped", {}, cause));
  }

  /** Refuses everyone from now on, because the journal is closing. */
  close(): void {
    this.#refuse(new CohortError("CLOSED", "Could not append to the journal: it is closed"));
  }

  /** Resolves when no call of its own is under way. */
  async settled(): Promise<void> {
    while (this.#preparing !== undefined || this.#reserving !== undefined) {
      await this.#preparing;
      await this.#reserving;
    }
  }

  #refuse(refusal: CohortError): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = refusal;
    this.#openUpTo = -1;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const all = this.#waiters;
    this.#waiters = [];
    for (const waiter of all) waiter.deferred.reject(refusal);
  }

  #admitLater(need: number, stamp: number): undefined | Promise<void> {
    const deferred = new Deferred();
    const { header, limit } = this.#files.filling;
    if (this.#refusal !== undefined) {
      deferred.reject(this.#refusal);
    } else if (need + FRAME_HEADER_BYTES + FIRST_BYTES + SEGMENT_SLACK_BYTES > limit - header.base) {
      deferred.reject(tooLarge(need, limit - header.base));
    } else {
      if (this.#waiters.length === 0) this.#forgetRetry();
      const waiter = { need, stamp, deferred, granted: false };
      this.#waiters.push(waiter);
      this.#advance();
      if (waiter.granted) return undefined;
    }
    return deferred.promise;
  }

  /** Grants in order as far as it goes. */
  #advance(): void {
    while (this.#waiters.length > 0 && this.#pump.failure === undefined) {
      const head = this.#waiters[0]!;
      if (!this.#hasRoom(head)) break;
      this.#waiters.shift();
      this.#reserved += head.need;
      head.granted = true;
      head.deferred.resolve();
    }
    this.#reopen();
  }

  /** Whether there is room for the first in line; if not, does what can be done about it. */
  #hasRoom(head: Waiter): boolean {
    const segment = this.#files.filling;
    const frame = this.#pump.filling;
    const end = frame.end + this.#reserved + head.need;
    if (head.stamp > segment.header.ceiling || end > segment.limit - SEGMENT_SLACK_BYTES) {
      this.#turnSegment(head);
      return false;
    }
    if (end > segment.usable) {
      this.#reserve(end);
      if (end > segment.usable) return false;
    }
    const isAlone = frame.items === 0 && this.#reserved === 0;
    return isAlone || end <= frame.start + this.#options.bufferBytes;
  }

  #turnSegment(head: Waiter): void {
    const { filling, next } = this.#files;
    const frame = this.#pump.filling;
    if (this.#pump.rotating) return;
    const isFresh = frame.start === filling.header.base && frame.items === 0;
    if (isFresh && head.stamp <= filling.header.ceiling) {
      // In a fresh segment only what others have reserved is in the way: they will use it or give it back.
      if (this.#reserved > 0) return;
      this.#waiters.shift();
      head.deferred.reject(tooLarge(head.need, filling.limit - filling.header.base));
      return this.#advance();
    }
    const stamp = Math.max(head.stamp, this.#options.lastStamp());
    if (next === undefined || !this.#files.isNextReady(stamp, this.#options.volumes)) {
      this.#prepare(stamp);
      return;
    }
    const room = this.#roomIn(next);
    // Where there would not be room for both, only what others have reserved is in the way: no segment after
    // the next would be of more use.
    if (this.#reserved === 0 || this.#reserved + head.need <= room) this.#pump.rotate();
  }

  #reopen(): void {
    const isShut = this.#waiters.length > 0 || this.#refusal !== undefined ||
      this.#pump.failure !== undefined;
    const inMemory = this.#pump.filling.start + this.#options.bufferBytes;
    this.#openUpTo = isShut ? -1 : Math.min(this.#files.filling.usable, inMemory);
  }

  /** Takes space and prepares the next segment before anybody has to wait for them. */
  #lookAhead(): void {
    if (this.#cancelRetry !== undefined || this.#refusal !== undefined) return;
    const { filling, next } = this.#files;
    const end = this.#pump.filling.end + this.#reserved;
    if (filling.reserved < filling.limit && this.#files.isSpaceLow(end)) this.#reserve(end);
    const isHalfFull = end - filling.header.base > (filling.limit - filling.header.base) / 2;
    if (isHalfFull && next === undefined) this.#prepare(this.#options.lastStamp());
  }

  #reserve(end: number): void {
    if (this.#reserving !== undefined || this.#cancelRetry !== undefined) return;
    try {
      const answer = this.#files.filling.reserve(this.#files.reserveTarget(end));
      if (!isPending(answer)) return this.#succeeded();
      this.#reserving = answer.then(() => {
        this.#reserving = undefined;
        this.#succeeded();
        this.progress();
      }, (error) => {
        this.#reserving = undefined;
        this.#failed(error);
      });
    } catch (error) {
      this.#failed(error);
    }
  }

  #prepare(stamp: number): void {
    if (this.#preparing !== undefined || this.#cancelRetry !== undefined) return;
    this.#preparing = this.#files.prepare(stamp, this.#options.volumes).then(() => {
      this.#preparing = undefined;
      this.#succeeded();
      this.progress();
    }, (error) => {
      this.#preparing = undefined;
      this.#failed(error);
    });
  }

  #succeeded(): void {
    this.#spaceError = undefined;
    this.#attempts = 0;
    if (this.#isReported) this.#options.observer.event("journal.thawed", "info", {});
    this.#isReported = false;
  }

  #failed(error: unknown): void {
    if (!mayPass(error)) {
      const message = "Could not prepare the journal's next space";
      this.#pump.stop(error instanceof CohortError ? error : new CohortError("STOPPED", message, {}, error));
      return;
    }
    if (this.#refusal !== undefined) return;
    this.#spaceError = error;
    const isFrozen = this.#waiters.length > 0;
    if (isFrozen && !this.#isReported) {
      this.#isReported = true;
      this.#options.observer.event("journal.frozen", "error", {
        path: error.facts["path"],
        code: error.code,
      });
    }
    if (this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#options.clock.after(backOffMs(this.#attempts++), () => {
      this.#cancelRetry = undefined;
      this.progress();
    }, !isFrozen);
    this.#options.onShort();
  }

  /** The first who waits need not wait for the back-off of idle time. */
  #forgetRetry(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }
}

function tooLarge(need: number, most: number): CohortError {
  const message = `Could not append a group of ${need} bytes: a journal segment holds ${most}`;
  return new CohortError("TRANSACTION_TOO_LARGE", message, { bytes: need, most });
}
