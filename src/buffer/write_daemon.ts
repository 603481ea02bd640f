/**
 * Write daemon: brings changed blocks home, always through the image journal (DESIGN D4; cache-cluster-rules
 * W1-W10).
 *
 * A cycle: copy some dirty blocks in one turn, make the journal safe up to their changes, write and sync
 * their images, write them home, sync the volumes, release the images. Updaters are held only while the
 * copies are made. A failed write freezes writes until it succeeds; a failed sync ends the member.
 */
import { atEnd } from "../ground/at_end.ts";
import { blockStamp } from "../ground/block.ts";
import type { CohortError } from "../ground/errors.ts";
import type { Volume } from "../storage/volume.ts";
import type { RoomMaker } from "./engine.ts";
import { OWN } from "./freezes.ts";
import { LeftBehind } from "./left_behind.ts";
import { Truncation } from "./truncation.ts";
import { isAllClean, oldestDirty } from "./unplaced.ts";
import { copyFrames, CycleImages, endOf, type FramedImage, mayPass, syncVolume } from "./write_cycle.ts";
import { WantedHome } from "./wanted_home.ts";
import type { WriteDaemonOptions, WriteDaemonWorld } from "./write_daemon_world.ts";
import { type CycleRecord, PHASE, type Phase, type WriteDaemonStatus } from "./write_phase.ts";

/** A cycle between its images and its home writes. */
interface SealedCycle {
  readonly images: CycleImages;
  /** Journal position when the copies were made. */
  readonly formedAt: number;
  readonly sealedMs: number;
  readonly journalMs: number;
  readonly imagesMs: number;
}

const CYCLES_KEPT = 20;
const BACKOFF_MS_FIRST = 50;
const BACKOFF_MS_MAX = 2_000;

/** Writes blocks home, one cycle at a time. */
export class WriteDaemon implements RoomMaker {
  /** Volumes that were let go of as they were: the journal stays for them. */
  readonly left: LeftBehind = new LeftBehind();
  readonly #world: WriteDaemonWorld;
  readonly #options: WriteDaemonOptions;
  #phase: Phase = PHASE.idle;
  #cycle = 0;
  #running: Promise<void> | undefined;
  #roomWanted = false;
  /** Everything dirty before this position is wanted home. */
  #homeWanted = 0;
  #homeReached = 0;
  #waiters: Array<
    { readonly position: number; readonly done: () => void; readonly fail: (e: unknown) => void }
  > = [];
  /** Blocks that are wanted home by themselves. */
  readonly #wanted: WantedHome;
  #roomWaiters: Array<{ readonly done: () => void; readonly fail: (error: unknown) => void }> = [];
  #cancelIdle: (() => void) | undefined;
  #stopped: CohortError | undefined;
  #written = 0;
  #redirtied = 0;
  /** A cycle whose images are durable and whose blocks are not home yet. */
  #sealed: SealedCycle | undefined;
  /** The images of the cycle that runs. */
  #images: CycleImages | undefined;
  readonly #recent: CycleRecord[] = [];
  readonly #truncation: Truncation;

  constructor(world: WriteDaemonWorld, options: WriteDaemonOptions) {
    this.#world = world;
    this.#options = options;
    this.#wanted = new WantedHome(world.engine.pool);
    const { clock, onHome } = world;
    this.#truncation = new Truncation({
      clock,
      left: this.left,
      onHome,
      coherence: () => world.engine.coherence,
      onFailed: (error) => this.#end(endOf(error)),
    });
  }

  /** What it is doing, for status pages and tests. */
  get status(): WriteDaemonStatus {
    return {
      phase: this.#phase,
      cycle: this.#cycle,
      dirty: this.#world.engine.pool.dirtyCount,
      blocksWritten: this.#written,
      blocksRedirtied: this.#redirtied,
      recent: [...this.#recent],
      updatersHeld: this.#phase === PHASE.forming,
      frozen: this.#frozen,
    };
  }

  nudge(): void {
    const { engine, journal } = this.#world;
    if (engine.pool.dirtyCount > this.#options.dirtyTarget) this.#start();
    else if (journal.position - this.#homeReached > this.#options.checkpointBytes) {
      this.#wantHome(journal.position);
    } else if (this.#cancelIdle === undefined) this.#armIdle();
  }

  makeRoom(frames: number): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    if (this.#world.engine.pool.ensureFree(frames)) return Promise.resolve();
    this.#roomWanted = true;
    const room = new Promise<void>((done, fail) => this.#roomWaiters.push({ done, fail }));
    this.#start();
    return room;
  }

  /**
   * Resolves when everything changed before now is home and synced, and the journal was truncated
   * accordingly.
   */
  checkpoint(): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    const { position } = this.#world.journal;
    const home = new Promise<void>((done, fail) => this.#waiters.push({ position, done, fail }));
    this.#wantHome(position);
    return home;
  }

  /**
   * A block is about to leave this member, which writes it home no more (DESIGN D6). What to wait for, when
   * its home write was issued already: until one has succeeded. Never, when the member stops.
   */
  letGo(volume: Volume, block: number): Promise<void> | undefined {
    return this.#images?.letGo(volume, block);
  }

  /**
   * Brings one dirty block home with the cycles that begin now, alone where nothing else is to go. Resolves
   * when a cycle took it, or failed: who waits for it holds others up. Never, when the member stops.
   */
  bringHome(volume: Volume, block: number): Promise<void> {
    const home = this.#wanted.add(volume, block);
    this.#start();
    return home;
  }

  /** What was sent on has been seen at home: the journal may be needed from later on. */
  noteOwed(): void {
    this.#truncation.reached(this.#homeReached).catch(() => {});
  }

  /** Ends it: nothing more is written; who waits is told why. */
  stop(cause: CohortError): void {
    this.#stopped ??= cause;
    this.#truncation.stop();
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    this.#thaw();
    for (const waiter of this.#waiters.splice(0)) waiter.fail(this.#stopped);
    for (const waiter of this.#roomWaiters.splice(0)) waiter.fail(this.#stopped);
    this.#wanted.stop();
  }

  /** Resolves when no cycle runs. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Everything goes home once the journal has stood still for `idleMs`. */
  #armIdle(): void {
    const { clock, journal, engine } = this.#world;
    const { position } = journal;
    this.#cancelIdle = clock.after(this.#options.idleMs, () => {
      this.#cancelIdle = undefined;
      if (this.#stopped !== undefined || isAllClean(engine)) return;
      if (journal.position !== position) this.#armIdle();
      else if (position > this.#homeReached) this.#wantHome(position);
      // What others changed was dirty here before anything was journaled here.
      else this.checkpoint().catch(() => {});
    }, true);
  }

  #wantHome(position: number): void {
    if (position > this.#homeWanted) this.#homeWanted = position;
    this.#start();
  }

  #start(): void {
    if (this.#running !== undefined || this.#stopped !== undefined) return;
    this.#running = atEnd(this.#run(), () => {
      this.#running = undefined;
      if (this.#moreToDo()) this.#start();
    });
  }

  #moreToDo(): boolean {
    if (this.#stopped !== undefined) return false;
    // Who froze writes must go on until it can let them go, whatever else there is to do.
    return this.#frozen !== undefined || this.#sealed !== undefined || this.#wanted.size > 0 ||
      this.#isMoreWanted();
  }

  /** Whether more than single blocks is to go home. */
  #isMoreWanted(): boolean {
    const { dirtyCount } = this.#world.engine.pool;
    return this.#waiters.length > 0 || this.#roomWaiters.length > 0 || this.#roomWanted ||
      dirtyCount > this.#options.dirtyTarget || this.#homeWanted > this.#homeReached;
  }

  /** Frames of a cycle: those somebody waits for, and, where more is to go home, those dirty for longest. */
  #takeFrames(most: number, isMoreWanted: boolean): number[] {
    const isMounted = (frame: number): boolean => this.#isMounted(frame);
    const wanted = this.#wanted.frames(most, isMounted);
    if (wanted.length > 0 && !isMoreWanted) return wanted;
    const others = this.#world.engine.pool.takeDirty(most - wanted.length);
    return [...new Set([...wanted, ...others])].filter(isMounted);
  }

  async #run(): Promise<void> {
    let backoff = BACKOFF_MS_FIRST;
    while (this.#moreToDo()) {
      try {
        await this.#runCycle();
        await this.#noteHome();
        this.#wanted.answerClean();
        backoff = BACKOFF_MS_FIRST;
        this.#thaw();
      } catch (error) {
        if (this.#stopped !== undefined) return;
        if (!mayPass(error)) return this.#end(endOf(error));
        this.#wanted.failed();
        this.#freeze(error);
        await new Promise<void>((done) => void this.#world.clock.after(backoff, done));
        backoff = Math.min(BACKOFF_MS_MAX, backoff * 2);
      }
    }
  }

  async #runCycle(): Promise<void> {
    this.#sealed ??= await this.#formAndSeal();
    if (this.#sealed === undefined) return;
    // Some home writes may be half done when one fails: the same blocks go home before another cycle's images
    // overwrite theirs.
    await this.#bringHome(this.#sealed);
    this.#sealed = undefined;
    this.#answerRoom();
  }

  /** Copies dirty blocks and makes their images durable; undefined when there was nothing to write. */
  async #formAndSeal(): Promise<SealedCycle | undefined> {
    const { engine, journal, images } = this.#world;
    const { pool } = engine;
    const isMoreWanted = this.#isMoreWanted();
    this.#roomWanted = false;
    const most = await images.makeRoom(Math.min(this.#options.cycleBlocks, pool.dirtyCount));
    this.#phase = PHASE.forming;
    const frames = this.#takeFrames(most, isMoreWanted);
    if (frames.length === 0) {
      this.#phase = PHASE.idle;
      await this.#answerLater();
      return undefined;
    }
    this.#cycle++;
    const formedAt = journal.position;
    const cycle = new CycleImages(copyFrames(pool, frames, this.#world.volumeAt));
    this.#images = cycle;
    const formedMs = this.#world.clock.monotonicMs();
    try {
      this.#phase = PHASE.journal;
      await journal.makeSafe(formedAt);
      const journaledMs = this.#world.clock.monotonicMs();
      this.#phase = PHASE.images;
      const facts = { position: formedAt, stamp: engine.stamps.last, segment: this.#world.segmentAt() };
      await images.writeCycle(this.#cycle, [...cycle.list], facts);
      const sealedMs = this.#world.clock.monotonicMs();
      return {
        images: cycle,
        formedAt,
        sealedMs,
        journalMs: journaledMs - formedMs,
        imagesMs: sealedMs - journaledMs,
      };
    } catch (error) {
      for (const frame of frames) pool.requeue(frame);
      throw error;
    }
  }

  /** Writes a sealed cycle in place and syncs it; may be done again after a failure. */
  async #bringHome(cycle: SealedCycle): Promise<void> {
    this.#phase = PHASE.home;
    const volumes = await cycle.images.writeHome();
    this.#phase = PHASE.syncing;
    for (const volume of volumes) if (!await syncVolume(volume)) volumes.delete(volume);
    this.#phase = PHASE.clearing;
    // Images that did not come home stay as they are: whoever recovers their volume may need them.
    if (cycle.images.list.every(({ volume }) => volumes.has(volume))) {
      await this.#world.images.release(this.#cycle);
    } else await this.#rest();
    const redirtiedBefore = this.#redirtied;
    for (const image of cycle.images.list) {
      if (volumes.has(image.volume)) this.#settle(image, cycle.formedAt);
      else this.#world.engine.pool.requeue(image.frame);
    }
    this.#wanted.took(cycle.images.list);
    this.#written += cycle.images.list.length;
    this.#images = undefined;
    this.#phase = PHASE.idle;
    this.#remember(cycle, this.#redirtied - redirtiedBefore);
  }

  #remember({ images, sealedMs, journalMs, imagesMs }: SealedCycle, redirtied: number): void {
    const { clock, observer } = this.#world;
    const homeMs = clock.monotonicMs() - sealedMs;
    const blocks = images.list.length;
    this.#recent.push({ cycle: this.#cycle, blocks, redirtied, journalMs, imagesMs, homeMs });
    if (this.#recent.length > CYCLES_KEPT) this.#recent.shift();
    observer.measure("write_cycle_blocks", blocks);
    observer.measure("write_cycle_images_ms", imagesMs);
    observer.measure("write_cycle_home_ms", homeMs);
  }

  /**
   * A frame of a volume that was lost is no one's to write: its content is for whoever took over to recover.
   */
  #isMounted(frame: number): boolean {
    const { pool } = this.#world.engine;
    if (this.#world.volumeAt(pool.volumeOf[frame]!) !== undefined) return true;
    if (pool.pinsOf(frame) === 0) pool.drop(frame);
    else pool.requeue(frame);
    return false;
  }

  /**
   * A block is home as it was copied: clean, unless it was changed since (its stamp tells) or its volume is
   * gone.
   */
  #settle(image: FramedImage, formedAt: number): void {
    const { pool } = this.#world.engine;
    const { frame } = image;
    const same = pool.isDirty(frame) && pool.blockOf[frame] === image.block &&
      pool.volumeOf[frame] === image.volume.index;
    if (!same) return;
    if (blockStamp(pool.bytes, frame * pool.blockSize) === blockStamp(image.bytes, 0)) pool.cleaned(frame);
    else {
      this.#redirtied++;
      pool.partlyCleaned(frame, formedAt);
    }
  }

  #end(cause: CohortError): void {
    this.#world.onStop(cause);
    this.stop(cause);
  }

  /**
   * Tells who waits that blocks are home, and lets the journal be truncated. A block changed at the very
   * position that is waited for counts as before it: replay changes blocks while the position stands still.
   */
  async #noteHome(): Promise<void> {
    const { engine, journal } = this.#world;
    const oldest = oldestDirty(engine);
    const reached = Math.min(oldest, journal.position);
    if (reached <= this.#homeReached && this.#waiters.length === 0) return;
    // Who comes while the journal is truncated waits for what is dirty by then: that is the next round's to
    // tell.
    const done = this.#waiters.filter((waiter) => waiter.position < oldest);
    this.#homeReached = Math.max(this.#homeReached, reached);
    await this.#truncation.reached(this.#homeReached);
    this.#waiters = this.#waiters.filter((waiter) => !done.includes(waiter));
    for (const waiter of done) waiter.done();
  }

  /** Nothing could be written. When what is wanted is held by others, they must get a turn first. */
  async #answerLater(): Promise<void> {
    this.#phase = PHASE.idle;
    if (!isAllClean(this.#world.engine) || this.#roomWaiters.length > 0) await this.#rest();
    this.#answerRoom();
  }

  #rest(): Promise<void> {
    return new Promise<void>((done) => void this.#world.clock.after(1, done));
  }

  #answerRoom(): void {
    for (const waiter of this.#roomWaiters.splice(0)) waiter.done();
  }

  get #frozen(): CohortError | undefined {
    return this.#world.engine.freezes.causeOf(OWN);
  }

  #freeze(cause: CohortError): void {
    if (this.#frozen !== undefined) return;
    this.#world.engine.freezes.freeze(OWN, cause);
    this.#world.observer.event("writes.frozen", "error", { code: cause.code, cause: cause.message });
  }

  #thaw(): void {
    if (this.#frozen === undefined) return;
    this.#world.engine.freezes.thaw(OWN);
    this.#world.observer.event("writes.thawed", "info", {});
  }
}
