/**
 * Loader: brings blocks from their volumes into frames, each block once however many wait for it.
 *
 * The frame is marked loading while the read runs; a failed read gives it back and fails everyone who waited.
 * Stamps hear what was read, so that no change of a block falls below it, whatever the volume's header says.
 */
import { blockStamp } from "../ground/block.ts";
import { CohortError } from "../ground/errors.ts";
import type { Answer } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import type { Volume } from "../storage/volume.ts";
import { MODE_PR, NO_FRAME, type Pool } from "./pool.ts";
import type { Stamps } from "./stamps.ts";

/** Reads blocks into a pool. */
export class Loader {
  readonly #pool: Pool;
  readonly #stamps: Stamps;
  readonly #running = new Map<number, Promise<void>>();
  /** Blocks read since the node opened. */
  reads = 0;

  constructor(pool: Pool, stamps: Stamps) {
    this.#pool = pool;
    this.#stamps = stamps;
  }

  /**
   * Brings a block in and pins it once for the caller: its frame, or `NO_FRAME` when no frame is clean now.
   * `blankAllowed` is for replay and growth; elsewhere a block never written is `CORRUPT`.
   */
  load(volume: Volume, block: number, blankAllowed = false): Answer<number> {
    const resident = this.#pool.findAny(volume.index, block);
    if (resident !== NO_FRAME) {
      this.#pool.pin(resident);
      const running = this.#running.get(resident);
      if (running === undefined) return resident;
      return running.then(() => resident, (error) => {
        this.#pool.unpin(resident);
        this.#dropFailed(resident);
        throw error;
      });
    }
    const frame = this.#pool.take(volume.index, block);
    if (frame === NO_FRAME) return NO_FRAME;
    if (volume.isShared) this.#pool.modeOf[frame] = MODE_PR;
    this.reads++;
    try {
      const base = frame * this.#pool.blockSize;
      const answer = volume.read(block, this.#pool.bytes, base);
      if (isPending(answer)) return this.#wait(answer, volume, block, frame, blankAllowed);
      this.#settle(volume, block, frame, answer, blankAllowed);
      return frame;
    } catch (error) {
      this.#pool.unpin(frame);
      this.#pool.drop(frame);
      throw error;
    }
  }

  #wait(
    answer: Promise<"block" | "blank">,
    volume: Volume,
    block: number,
    frame: number,
    blankAllowed: boolean,
  ): Promise<number> {
    const done = answer.then((found) => this.#settle(volume, block, frame, found, blankAllowed)).then(
      () => void this.#running.delete(frame),
      (error) => {
        this.#running.delete(frame);
        this.#pool.abandon(frame);
        throw error;
      },
    );
    this.#running.set(frame, done);
    return done.then(() => frame, (error) => {
      this.#pool.unpin(frame);
      this.#dropFailed(frame);
      throw error;
    });
  }

  #settle(
    volume: Volume,
    block: number,
    frame: number,
    found: "block" | "blank",
    blankAllowed: boolean,
  ): void {
    if (found === "blank" && !blankAllowed) throw neverWritten(volume.path, block);
    this.#stamps.hear(blockStamp(this.#pool.bytes, frame * this.#pool.blockSize));
    this.#pool.loaded(frame);
  }

  /** The last of those who waited for a failed read gives the frame back. */
  #dropFailed(frame: number): void {
    if (this.#pool.pinsOf(frame) === 0) this.#pool.releaseScratch(frame);
  }
}

/** The error for a block that a tree names and nobody wrote. */
export function neverWritten(path: string, block: number): CohortError {
  const text = `Could not read block ${block} of ${path}: it was never written`;
  return new CohortError("CORRUPT", text, { path, block, found: "blank" });
}

/** The error for a block of a volume that was let go. */
export function notMounted(path: string): CohortError {
  return new CohortError("NOT_MOUNTED", `Could not use ${path}: it is not mounted any more`, { path });
}
