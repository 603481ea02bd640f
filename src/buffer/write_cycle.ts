/**
 * Write cycle: the parts of one cycle that keep no state: copies, home writes, syncs, and which failures may
 * pass.
 */
import { sealBlock } from "../ground/block.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import type { BlockWrite } from "../ports/mod.ts";
import type { Volume } from "../storage/volume.ts";
import type { Pool } from "./pool.ts";

/** One image of a cycle. */
export interface CycleImage {
  readonly volume: Volume;
  readonly block: number;
  readonly bytes: Uint8Array;
}

/** An image and the frame it was copied from. */
export interface FramedImage extends CycleImage {
  readonly frame: number;
}

/** A home write that was issued. */
interface OpenWrite {
  readonly over: Promise<void>;
  readonly end: () => void;
}

/**
 * The images of one cycle, until they are home: a block that leaves the member meanwhile is taken out. Not
 * while its home write runs, nor after that failed: what stands on the volume may be half of it then, and
 * whoever recovers after the next holder reads no images of the living.
 */
export class CycleImages {
  readonly list: FramedImage[];
  /** Volumes that took theirs, which are not written again. */
  readonly #home = new Set<Volume>();
  /** Volumes to which a home write was issued and has not succeeded yet. */
  readonly #open = new Map<Volume, OpenWrite>();

  constructor(list: FramedImage[]) {
    this.list = list;
  }

  /**
   * Writes them in place, all volumes side by side; answers the volumes that took theirs, now or before. Not
   * durable yet. May be called again after a failure.
   */
  async writeHome(): Promise<Set<Volume>> {
    const sets = new Map<Volume, BlockWrite[]>();
    for (const image of this.list) {
      if (this.#home.has(image.volume)) continue;
      const set = sets.get(image.volume);
      if (set === undefined) sets.set(image.volume, [image]);
      else set.push(image);
    }
    await settle([...sets].map(([volume, set]) => this.#write(volume, set)));
    return new Set(this.#home);
  }

  async #write(volume: Volume, set: readonly BlockWrite[]): Promise<void> {
    const open = this.#open.get(volume) ?? openWrite();
    this.#open.set(volume, open);
    if (await writeSet(volume, set)) this.#home.add(volume);
    this.#open.delete(volume);
    open.end();
  }

  /** Takes a block out; what to wait for when its home write was issued: until it has succeeded. */
  letGo(volume: Volume, block: number): Promise<void> | undefined {
    const at = this.list.findIndex((it) => it.block === block && it.volume === volume);
    if (at < 0) return undefined;
    const open = this.#open.get(volume);
    if (open !== undefined) return open.over;
    this.list.splice(at, 1);
    return undefined;
  }
}

function openWrite(): OpenWrite {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { over: promise, end: resolve };
}

/** Copies of the blocks as they are in this turn, sealed, in the order of their places. */
export function copyFrames(
  pool: Pool,
  frames: readonly number[],
  volumeAt: (index: number) => Volume | undefined,
): FramedImage[] {
  const size = pool.blockSize;
  const memory = new Uint8Array(frames.length * size);
  const sorted = [...frames].sort((a, b) =>
    pool.volumeOf[a]! - pool.volumeOf[b]! || pool.blockOf[a]! - pool.blockOf[b]!
  );
  return sorted.map((frame, i) => {
    const bytes = memory.subarray(i * size, (i + 1) * size);
    bytes.set(pool.bytes.subarray(frame * size, (frame + 1) * size));
    sealBlock(bytes, 0, size);
    return { volume: volumeAt(pool.volumeOf[frame]!)!, block: pool.blockOf[frame]!, bytes, frame };
  });
}

/**
 * Whether the volume took them. One that was taken over, or closed, is no longer this member's to write: its
 * blocks are left to the next owner.
 */
async function writeSet(volume: Volume, set: readonly BlockWrite[]): Promise<boolean> {
  try {
    await volume.write(set);
    return true;
  } catch (error) {
    if (!isCode(error, "FENCED") && !isCode(error, "CLOSED")) throw error;
    return false;
  }
}

/** Syncs a volume: false when it was closed meanwhile. Rejects `SYNC_FAILED`, which ends the member. */
export async function syncVolume(volume: Volume): Promise<boolean> {
  try {
    await volume.sync();
    return true;
  } catch (error) {
    if (isCode(error, "CLOSED")) return false;
    throw error;
  }
}

/**
 * Whether a failed cycle is tried again: a write that found no space or an I/O error. Anything else ends the
 * member.
 */
export function mayPass(error: unknown): error is CohortError {
  return isCode(error, "IO") || isCode(error, "FULL") || isCode(error, "PERMISSION");
}

/** The error a member ends with. */
export function endOf(error: unknown): CohortError {
  if (error instanceof CohortError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CohortError("STOPPED", `The write daemon failed: ${message}`, {}, error);
}

/** Waits for all, then throws the first error: no write may still run when the cycle is given up. */
async function settle(answers: ReadonlyArray<void | Promise<void>>): Promise<void> {
  for (const result of await Promise.allSettled(answers)) {
    if (result.status === "rejected") throw result.reason;
  }
}
