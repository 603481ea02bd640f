/**
 * JournalPump: carries frames to the file and makes them safe (DESIGN D4c, D5).
 *
 * A write starts at the turn's end, never by a timer, if none runs; what arrives meanwhile is the next frame.
 * Durability `sync`: write, sync, write, sync, one after the other, so that one sync serves all who came
 * during the last one. Durability `relaxed`: writes go on while a sync runs; a sync covers only what was
 * written before it began. A failed write is repeated until it succeeds; a failed sync ends the journal.
 */
import { CohortError, invariant } from "../ground/errors.ts";
import type { Answer, Clock, Observer } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import { FrameBuilder } from "./frame_builder.ts";
import { incarnationTag, ITEM_SEAL } from "./journal_frame.ts";
import type { JournalFiles } from "./journal_files.ts";
import { backOffMs, Deferred, mayPass, SafeWaiters, syncFailed } from "./journal_waiters.ts";

/** What a pump needs, and whom it tells. */
export interface JournalPumpOptions {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly incarnation: string;
  readonly durability: "sync" | "relaxed";
  readonly syncIntervalMs: number;
  /** A frame was handed over, written or synced, or a failure came or went. */
  readonly onProgress: () => void;
  /** The journal can go on no more. Called once, after all who wait were told. */
  readonly onStop: (error: CohortError) => void;
}

/** Counts since the journal was made. */
export interface JournalStats {
  frames: number;
  groups: number;
  bytes: number;
  syncs: number;
  /** Milliseconds spent waiting for syncs. */
  syncMs: number;
  rotations: number;
}

/** The frames of a journal on their way to the file. */
export class JournalPump {
  /** The frame that collects groups now. */
  filling: FrameBuilder = new FrameBuilder();
  /** Position up to which the file was written. */
  written: number;
  /** Position up to which the file was synced. */
  safe: number;
  /** Position up to which operations may be acknowledged. */
  acknowledged: number;
  /** Why writes are frozen, while they are. */
  failure: CohortError | undefined;
  readonly stats: JournalStats = { frames: 0, groups: 0, bytes: 0, syncs: 0, syncMs: 0, rotations: 0 };

  readonly #options: JournalPumpOptions;
  readonly #files: JournalFiles;
  readonly #tag: number;
  readonly #strict: boolean;
  readonly #waiters = new SafeWaiters();
  #spare: FrameBuilder = new FrameBuilder();
  #flying: FrameBuilder | undefined;
  #flyingBytes: Uint8Array = new Uint8Array(0);
  #flyingEnd = 0;
  #flyingSynced = 0;
  #flyingAck: Deferred | undefined;
  #fillingAck: Deferred | undefined;
  /** Highest safe position that a written frame names. */
  #named: number;
  /** End of the last written frame that holds more than a name. */
  #itemEnd: number;
  #syncTarget = 0;
  #syncing = false;
  #lone = false;
  #rotateWanted = false;
  #sealing = false;
  /** End of a sealed segment that must be safe before anything else is written; -1 for none. */
  #barrier = -1;
  #nameWanted = false;
  #finishing = false;
  #scheduled = false;
  #running = false;
  #attempts = 0;
  #stopped: CohortError | undefined;
  #cancelTick: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #settled: Deferred | undefined;

  constructor(files: JournalFiles, options: JournalPumpOptions) {
    const base = files.writing.header.base;
    this.#options = options;
    this.#files = files;
    this.#tag = incarnationTag(options.incarnation);
    this.#strict = options.durability === "sync";
    this.filling.begin(base);
    this.written = base;
    this.safe = base;
    this.acknowledged = base;
    this.#named = base;
    this.#itemEnd = base;
  }

  /** Has what is collected written at the turn's end. */
  schedule(): void {
    if (this.#scheduled || this.#flying !== undefined || (this.#strict && this.#syncing)) return;
    this.#scheduled = true;
    queueMicrotask(this.#turn);
  }

  /** undefined when `position` may be acknowledged, else the one promise of its frame. */
  ackOf(position: number): Promise<void> | undefined {
    if (position <= this.acknowledged) return undefined;
    if (this.#stopped !== undefined) return rejected(this.#lost());
    if (position <= this.#flyingEnd) return (this.#flyingAck ??= new Deferred()).promise;
    return (this.#fillingAck ??= new Deferred()).promise;
  }

  /** Resolves once everything up to `position` (already collected) is synced. */
  makeSafe(position: number): Promise<void> {
    if (position <= this.safe) return Promise.resolve();
    if (this.#stopped !== undefined) return rejected(this.#lost());
    if (position > this.#syncTarget) this.#syncTarget = position;
    this.schedule();
    return this.#waiters.add(position);
  }

  /** Seals the segment with the next frame; `files.next` must be ready. */
  rotate(): void {
    this.#rotateWanted = true;
    this.schedule();
  }

  /** Takes a rotation back that has not begun: `files.next` must be made anew. */
  postpone(): void {
    this.#rotateWanted = false;
  }

  /** Begins no rotation any more, and nothing by itself in idle time: what is appended now is the end. */
  finish(): void {
    this.postpone();
    this.#finishing = true;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  /** True between `rotate` and the moment the old segment is safe. */
  get rotating(): boolean {
    return this.#rotateWanted || this.#sealing || this.#barrier >= 0;
  }

  /** Ends the pump without another port call; who waits is told that the outcome is unknown. */
  stop(error: CohortError): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = error;
    this.#cancelTick?.();
    this.#cancelRetry?.();
    const lost = this.#lost();
    this.#flyingAck?.reject(lost);
    this.#fillingAck?.reject(lost);
    this.#waiters.fail(lost);
    this.#options.onStop(error);
  }

  /** Resolves when no port call is under way. */
  settled(): Promise<void> {
    if (!this.#isBusy()) return Promise.resolve();
    return (this.#settled ??= new Deferred()).promise;
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#run();
  };

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#stopped === undefined && this.#step());
    } catch (error) {
      this.#flying = undefined;
      this.stop(new CohortError("STOPPED", "Could not go on with the journal", {}, error));
    } finally {
      this.#running = false;
    }
    if (this.#settled !== undefined && !this.#isBusy()) this.#settled.resolve();
  }

  #isBusy(): boolean {
    return this.#syncing || (this.#flying !== undefined && this.failure === undefined);
  }

  /** One port call; false when there is none to make, or its answer is awaited. */
  #step(): boolean {
    const target = this.#barrier >= 0 ? this.#barrier : this.#syncTarget;
    if (target > this.safe && this.written >= target && !this.#syncing) return this.#sync();
    if (this.#flying !== undefined || this.#barrier >= 0) return false;
    if (this.#strict && this.#syncing) return false;
    if (this.filling.items > 0 || this.#rotateWanted || this.#nameWanted) return this.#write();
    return false;
  }

  #write(): boolean {
    const frame = this.filling;
    const segment = this.#files.writing;
    let next = 0;
    if (this.#rotateWanted) next = this.#addSeal(frame);
    this.#flyingSynced = this.safe;
    this.#flyingBytes = frame.seal(this.#tag, segment.header.number, this.safe);
    this.#flyingEnd = frame.end;
    invariant(this.#flyingEnd <= segment.limit, "A frame ends within its segment");
    this.#flyingAck = this.#fillingAck;
    this.#fillingAck = undefined;
    this.#flying = frame;
    this.#nameWanted = false;
    this.filling = this.#spare;
    this.filling.begin(this.#sealing ? next : this.#flyingEnd);
    this.#options.onProgress();
    return this.#submit();
  }

  /** Adds the seal item and turns to the next segment; returns its base. */
  #addSeal(frame: FrameBuilder): number {
    this.#rotateWanted = false;
    this.#sealing = true;
    const { header } = this.#files.fillNext();
    const writer = frame.beginItem(ITEM_SEAL);
    writer.u32(header.number);
    writer.u48(header.base);
    frame.endItem();
    return header.base;
  }

  #submit(): boolean {
    const segment = this.#files.writing;
    let answer: Answer<void>;
    try {
      answer = segment.file.write(segment.offset(this.#flying!.start), this.#flyingBytes);
    } catch (error) {
      this.#onWriteFailed(error);
      return false;
    }
    if (isPending(answer)) {
      answer.then(this.#onWritten, this.#onWriteFailed);
      return false;
    }
    this.#finishWrite();
    return true;
  }

  readonly #onWritten = (): void => {
    this.#finishWrite();
    this.#run();
  };

  #finishWrite(): void {
    const frame = this.#flying!;
    this.#flying = undefined;
    this.#spare = frame;
    this.written = this.#flyingEnd;
    this.#named = this.#flyingSynced;
    this.stats.frames++;
    this.stats.groups += frame.groups;
    this.stats.bytes += this.#flyingBytes.length;
    if (frame.items > 0) this.#itemEnd = this.written;
    if (this.#sealing) {
      this.#sealing = false;
      this.#barrier = this.written;
    }
    if (!this.#strict) {
      this.acknowledged = this.written;
      this.#flyingAck?.resolve();
      this.#flyingAck = undefined;
      this.#arm();
    } else if (frame.items > 0) {
      this.#syncTarget = this.written;
      this.#lone = frame.groups === 1;
    }
    if (this.failure !== undefined) this.#thaw();
  }

  readonly #onWriteFailed = (error: unknown): void => {
    if (this.#stopped !== undefined || !mayPass(error)) {
      this.#flying = undefined;
      const message = `Could not write ${this.#files.writing.file.path}`;
      this.stop(error instanceof CohortError ? error : new CohortError("STOPPED", message, {}, error));
      return this.#run();
    }
    const isNews = this.failure === undefined;
    // First: whoever hears of it looks why.
    this.failure = error;
    if (isNews) {
      this.#attempts = 0;
      const { code, facts: { path } } = error;
      this.#options.observer.event("journal.frozen", "error", { path, code });
    }
    this.#cancelRetry = this.#options.clock.after(backOffMs(this.#attempts++), () => {
      this.#cancelRetry = undefined;
      if (this.#stopped === undefined && this.#submit()) this.#run();
    });
    this.#options.onProgress();
    if (this.#settled !== undefined) this.#run();
  };

  #thaw(): void {
    this.failure = undefined;
    this.#options.observer.event("journal.thawed", "info", { attempts: this.#attempts });
    this.#options.onProgress();
  }

  #sync(): boolean {
    const { clock } = this.#options;
    const covered = this.written;
    const file = this.#files.writing.file;
    const lone = this.#lone && this.filling.items === 0 && this.#waiters.size === 0;
    const began = clock.monotonicMs();
    this.#lone = false;
    this.#syncing = true;
    let answer: Answer<void>;
    try {
      answer = file.sync(lone);
    } catch (error) {
      this.#onSyncFailed(error);
      return false;
    }
    if (isPending(answer)) {
      answer.then(() => {
        this.#finishSync(covered, began);
        this.#run();
      }, this.#onSyncFailed);
      return false;
    }
    this.#finishSync(covered, began);
    return true;
  }

  #finishSync(covered: number, began: number): void {
    const tookMs = this.#options.clock.monotonicMs() - began;
    this.#syncing = false;
    this.stats.syncs++;
    this.stats.syncMs += tookMs;
    this.#options.observer.measure("journal_sync_ms", tookMs);
    if (this.#stopped !== undefined) return;
    this.safe = covered;
    if (this.#barrier >= 0 && covered >= this.#barrier) this.#finishRotation();
    if (this.#strict) {
      this.acknowledged = this.safe;
      this.#flyingAck?.resolve();
      this.#flyingAck = undefined;
    }
    this.#waiters.settle(this.safe);
    this.#arm();
  }

  readonly #onSyncFailed = (error: unknown): void => {
    this.#syncing = false;
    this.stop(syncFailed(this.#files.writing.file.path, error));
    this.#run();
  };

  /** The sealed segment is safe: its successor begins, and everything below the successor's base is safe. */
  #finishRotation(): void {
    const end = this.#barrier;
    this.#barrier = -1;
    const closing = this.#files.finishRotation(end);
    if (isPending(closing)) closing.catch(() => {});
    this.safe = this.#files.writing.header.base;
    this.written = this.safe;
    if (!this.#strict) this.acknowledged = this.written;
    this.stats.rotations++;
    this.#options.observer.event("journal.rotated", "info", { segment: this.#files.writing.header.number });
    this.#options.onProgress();
  }

  /**
   * Sees to it that what was written is synced, and that what was synced is named, when nothing else comes.
   */
  #arm(): void {
    if (this.#cancelTick !== undefined || this.#stopped !== undefined || this.#finishing) return;
    if (this.safe >= this.#itemEnd && this.#named >= this.#itemEnd) return;
    this.#cancelTick = this.#options.clock.after(this.#options.syncIntervalMs, this.#tick, true);
  }

  readonly #tick = (): void => {
    this.#cancelTick = undefined;
    if (this.safe < this.#itemEnd) this.#syncTarget = Math.max(this.#syncTarget, this.#itemEnd);
    else if (this.#named < this.#itemEnd) this.#nameWanted = true;
    this.#run();
  };

  #lost(): CohortError {
    const message = "Could not learn whether the journal keeps the last groups";
    return new CohortError("OUTCOME_UNKNOWN", message, { safe: this.safe }, this.#stopped);
  }
}

function rejected(error: CohortError): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}
