/**
 * Step: one synchronous attempt over resident blocks (DESIGN D1).
 *
 * What the attempt lacks it asks of the step, gets `MISS`, and returns; the driver obtains all that was asked
 * and runs the attempt again *from the root*. What a step met while waiting stays pinned until it ends, so
 * every wait brings it nearer; nothing but pins, and copies that are proven anew, survives a wait. A step
 * that may not wait (`light`) neither pins nor asks.
 */
import type { Volume } from "../storage/volume.ts";
import type { GrantMode } from "./block_keeper.ts";
import { NO_FRAME, type Pool } from "./pool.ts";

/** What an attempt returns when something was not at hand. */
export const MISS = -1;

/** A block to bring in. */
export interface Need {
  readonly volume: Volume;
  readonly block: number;
  /** What it is to be used for; where nobody shares the volume all is allowed. */
  readonly mode: GrantMode;
  /** Whether it may never have been written: who asks formats it. */
  readonly isFresh: boolean;
}

/** Times that a step may lose a block it had been brought before it takes all it needs in one order. */
const LOSSES_MAX = 2;

/** Blocks pinned and asked for by one attempt. */
export class Step {
  readonly pool: Pool;
  readonly light: boolean;
  /** Blocks asked for in this attempt, each once. */
  readonly needs: Need[] = [];
  /** Answers to wait for besides blocks: space in the volume, or the end of a freeze. */
  readonly waits: Array<() => Promise<void>> = [];
  /**
   * What is waited for when all else is there: space in the journal. Whoever had it while it waited for a
   * block could wait for a member that waits for somebody here who wants that space.
   */
  lastWait: (() => Promise<void> | undefined) | undefined;
  /** Whether one of them needs a block that comes before others: then nothing is kept meanwhile. */
  letsGripsGo = false;
  /**
   * Clean frames that must be there at once before the next attempt, because one could not be had. What the
   * attempt gives back while it rests counts too, or the next would find just as many and fail again.
   */
  framesWanted = 0;
  /** Highest journal position that what was read depends on. */
  seen = 0;
  /** Most pins it may ever hold. */
  pinsMost: number = Infinity;
  /** What an attempt leaves to the next, by name; that one must prove that it still holds. */
  readonly kept: Map<string, unknown> = new Map<string, unknown>();
  /** Frames pinned, each with the attempt that used it last. */
  readonly #pinned = new Map<number, number>();
  /** In which mode leaves that are lacking are asked for: who will change one asks once, not twice. */
  leafMode: GrantMode = "PR";
  #isLeaf = false;
  readonly #asked = new Set<number>();
  /** Shared blocks that this attempt has used or asked for, each with the highest mode. */
  readonly #shared = new Map<number, Need>();
  /** Shared blocks that were brought to it. */
  readonly #brought = new Set<number>();
  #losses = 0;
  /** Shared blocks that are kept until it ends, in the order of all members. */
  readonly grips: Need[] = [];
  /** Blocks that were given back before the step ended. */
  readonly #letGone = new Set<number>();
  #attempt = 0;

  constructor(pool: Pool, light: boolean) {
    this.pool = pool;
    this.light = light;
  }

  /** Pins held. */
  get pinnedCount(): number {
    return this.#pinned.size;
  }

  /** The frame of a block, or `MISS` and the block is asked for. */
  find(volume: Volume, block: number): number {
    const frame = this.pool.find(volume.index, block);
    if (this.light) return frame;
    if (frame === NO_FRAME) {
      const isLeaf = this.#isLeaf || volume.leafRoots.has(block);
      return this.ask(volume, block, isLeaf ? this.leafMode : "PR");
    }
    if (volume.isShared) this.noteShared(volume, block, "PR");
    this.hold(frame);
    return frame;
  }

  /** The same of a block that is a leaf: when it is lacking, it is asked for in `leafMode`. */
  findLeaf(volume: Volume, block: number): number {
    this.#isLeaf = true;
    const frame = this.find(volume, block);
    this.#isLeaf = false;
    return frame;
  }

  /** Asks for a block, which answers `MISS`. */
  protected ask(volume: Volume, block: number, mode: GrantMode = "PR", isFresh: boolean = false): number {
    const key = volume.index * 2 ** 32 + block;
    if (this.#asked.has(key)) return MISS;
    this.#asked.add(key);
    this.needs.push({ volume, block, mode, isFresh });
    if (volume.isShared) {
      this.noteShared(volume, block, mode, isFresh);
      if (this.#brought.has(key)) this.#losses++;
    }
    return MISS;
  }

  /** Notes what this attempt uses of a volume that others use, too. */
  protected noteShared(volume: Volume, block: number, mode: GrantMode, isFresh: boolean = false): void {
    const key = volume.index * 2 ** 32 + block;
    const known = this.#shared.get(key);
    if (known === undefined || (mode === "EX" && known.mode === "PR")) {
      this.#shared.set(key, { volume, block, mode, isFresh });
    }
  }

  /** Notes that a block it asked for was brought. */
  wasBrought(need: Need): void {
    if (need.volume.isShared) this.#brought.add(keyOf(need));
  }

  /**
   * Whether other members have taken from it what it waited for so often that it has to take its blocks in
   * the order of all members and keep each until it has the rest (design attack D2).
   */
  get isContended(): boolean {
    return this.#losses >= LOSSES_MAX;
  }

  /** Shared blocks of the last attempt, used or lacking, in the order of all members. */
  sharedInOrder(): Need[] {
    return [...this.#shared.values()].sort(byPlace);
  }

  /** Notes that a value was read from this frame: its change must be safe before the answer leaves. */
  observe(frame: number): void {
    const position = this.pool.changedAt[frame]!;
    if (position > this.seen) this.seen = position;
  }

  /**
   * `seen` of an attempt to change that found nothing to do: that, too, is an answer, and every block it
   * looked at is a part of it.
   */
  seenAll(): number {
    for (const [frame, attempt] of this.#pinned) if (attempt === this.#attempt) this.observe(frame);
    return this.seen;
  }

  /** Keeps a frame until the step ends. */
  hold(frame: number): void {
    if (!this.#pinned.has(frame)) this.pool.pin(frame);
    this.#pinned.set(frame, this.#attempt);
  }

  /** Gives one frame back before the step ends: all that was wanted of it is copied. */
  letGo(frame: number): void {
    if (this.#pinned.delete(frame)) this.pool.unpin(frame);
  }

  /**
   * Gives back what the last attempt had no use for: the tree has changed since it was pinned, or the attempt
   * did not come so far. Each block once: what is asked for again is needed, and a step that gave it back
   * whenever frames are short would fetch it for ever. Answers what of it was kept for the step: that keeps
   * the frames, too.
   */
  letGoUnused(): Need[] {
    const letGo: Need[] = [];
    for (const [frame, attempt] of this.#pinned) {
      const key = this.pool.volumeOf[frame]! * 2 ** 32 + this.pool.blockOf[frame]!;
      if (attempt === this.#attempt || this.#letGone.has(key)) continue;
      this.#letGone.add(key);
      this.letGo(frame);
      const at = this.grips.findIndex((it) => keyOf(it) === key);
      if (at >= 0) letGo.push(...this.grips.splice(at, 1));
    }
    return letGo;
  }

  /** Takes over a pin that the loader holds for this step. */
  inherit(frame: number): void {
    if (this.#pinned.has(frame)) this.pool.unpin(frame);
    else this.#pinned.set(frame, this.#attempt);
  }

  /** Frames the next attempt will hold, as far as this one could see. */
  get framesNeeded(): number {
    return this.#pinned.size + this.needs.length + this.framesWanted;
  }

  /** True when the last attempt lacked something. */
  get lacks(): boolean {
    return this.needs.length > 0 || this.waits.length > 0 || this.framesWanted > 0;
  }

  /** Gives back what is of no use while waiting. */
  rest(): void {}

  /** Forgets what was asked, before the next attempt. */
  clear(): void {
    this.#attempt++;
    if (this.#asked.size > 0) {
      this.needs.length = 0;
      this.#asked.clear();
    }
    if (this.#shared.size > 0) this.#shared.clear();
    this.waits.length = 0;
    this.lastWait = undefined;
    this.letsGripsGo = false;
    this.framesWanted = 0;
    this.seen = 0;
  }

  /** Gives all pins back. */
  release(): void {
    if (this.kept.size > 0) this.kept.clear();
    if (this.#letGone.size > 0) this.#letGone.clear();
    if (this.#brought.size > 0) this.#brought.clear();
    if (this.#pinned.size === 0) return;
    for (const frame of this.#pinned.keys()) this.pool.unpin(frame);
    this.#pinned.clear();
  }
}

function keyOf({ volume, block }: Need): number {
  return volume.index * 2 ** 32 + block;
}

/** The order in which every member takes blocks that it keeps while it waits for others. */
export function byPlace(a: Need, b: Need): number {
  if (a.volume === b.volume) return a.block - b.block;
  return a.volume.facts.incarnation < b.volume.facts.incarnation ? -1 : 1;
}
