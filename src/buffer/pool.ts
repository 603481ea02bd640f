/**
 * Buffer pool: a fixed number of frames in one buffer, and which block each holds.
 *
 * Bounded in bytes for ever (I10). A frame is free, loading, clean, dirty or scratch; only clean frames
 * without a pin are given to another block. Knows nothing of trees, journals or files: positions and stamps
 * are numbers to it.
 */
import { invariant } from "../ground/errors.ts";

/** No frame: the block is not resident, or none can be had now. */
export const NO_FRAME = -1;

const FREE = 0;
const LOADING = 1;
const CLEAN = 2;
const DIRTY = 3;
const SCRATCH = 4;
/** Holds a block that is this member's no more; free once nobody has it pinned. */
const DOOMED = 5;
/** Mode of a frame whose volume nobody shares: its block may be read and changed. */
export const UNSHARED = 0;
/** Mode of a shared block that may be read. */
export const MODE_PR = 1;
/** Mode of a shared block that may be changed. */
export const MODE_EX = 2;

/** Gives so many zeroed bytes. */
export type PoolMemory = (bytes: number) => Uint8Array;

function plainMemory(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** Frames over one buffer. Frame `f` is `bytes[f * blockSize, (f + 1) * blockSize)`. */
export class Pool {
  readonly blockSize: number;
  /** Number of frames. */
  readonly capacity: number;
  readonly bytes: Uint8Array;
  /** Block held by each frame; meaningful unless free. */
  readonly blockOf: Uint32Array;
  /** Volume (index in the node's table) of each frame. */
  readonly volumeOf: Int32Array;
  /** Journal position after the last change of each frame; at least the last `reveal`. */
  readonly changedAt: Float64Array;
  /** Dirty frames: position from which the journal is needed to redo what its volume does not have. */
  readonly neededFrom: Float64Array;
  /** `UNSHARED`, `MODE_PR` or `MODE_EX` of each frame that holds a block. */
  readonly modeOf: Uint8Array;
  /** Told of each shared block whose frame is given to another. */
  onEvict: ((volume: number, block: number, frame: number) => void) | undefined;

  readonly #state: Uint8Array;
  readonly #referenced: Uint8Array;
  readonly #pins: Int32Array;
  readonly #table: Int32Array;
  readonly #mask: number;
  readonly #free: number[] = [];
  /** Dirty frames in the order they became dirty: a ring in which each frame stands at most once. */
  readonly #queue: Int32Array;
  readonly #queued: Uint8Array;
  #queueHead = 0;
  #queueLength = 0;
  #hand = 0;
  #dirtyCount = 0;
  #pinnedCount = 0;
  #revealedAt = 0;

  /** `memory` gives zeroed bytes. */
  constructor(poolBytes: number, blockSize: number, memory: PoolMemory = plainMemory) {
    const capacity = Math.floor(poolBytes / blockSize);
    if (capacity < 16) {
      throw new RangeError(`A pool needs at least 16 blocks of ${blockSize} bytes, got ${poolBytes} bytes`);
    }
    this.blockSize = blockSize;
    this.capacity = capacity;
    this.bytes = memory(capacity * blockSize);
    this.blockOf = new Uint32Array(capacity);
    this.volumeOf = new Int32Array(capacity);
    this.changedAt = new Float64Array(capacity);
    this.neededFrom = new Float64Array(capacity);
    this.modeOf = new Uint8Array(capacity);
    this.#state = new Uint8Array(capacity);
    this.#referenced = new Uint8Array(capacity);
    this.#pins = new Int32Array(capacity);
    this.#queue = new Int32Array(capacity);
    this.#queued = new Uint8Array(capacity);
    let slots = 64;
    while (slots < capacity * 2) slots *= 2;
    this.#table = new Int32Array(slots).fill(NO_FRAME);
    this.#mask = slots - 1;
    for (let frame = capacity - 1; frame >= 0; frame--) this.#free.push(frame);
  }

  /** Frames whose blocks are newer than their volume's copy. */
  get dirtyCount(): number {
    return this.#dirtyCount;
  }

  /** Frames that hold a block now. */
  get residentCount(): number {
    return this.capacity - this.#free.length;
  }

  /** Frames that may not be given away now because someone holds them. */
  get pinnedCount(): number {
    return this.#pinnedCount;
  }

  /** The frame that holds this block and may be read, or `NO_FRAME`. */
  find(volume: number, block: number): number {
    const table = this.#table;
    let slot = (Math.imul(block ^ (volume << 24), 0x9e3779b1) >>> 8) & this.#mask;
    for (;;) {
      const frame = table[slot]!;
      if (frame === NO_FRAME) return NO_FRAME;
      if (this.blockOf[frame] === block && this.volumeOf[frame] === volume) {
        if (this.#state[frame] === LOADING) return NO_FRAME;
        this.#referenced[frame] = 1;
        return frame;
      }
      slot = (slot + 1) & this.#mask;
    }
  }

  /** The frame that holds or is loading this block. */
  findAny(volume: number, block: number): number {
    let slot = (Math.imul(block ^ (volume << 24), 0x9e3779b1) >>> 8) & this.#mask;
    for (;;) {
      const frame = this.#table[slot]!;
      if (frame === NO_FRAME) return NO_FRAME;
      if (this.blockOf[frame] === block && this.volumeOf[frame] === volume) return frame;
      slot = (slot + 1) & this.#mask;
    }
  }

  isDirty(frame: number): boolean {
    return this.#state[frame] === DIRTY;
  }

  isLoading(frame: number): boolean {
    return this.#state[frame] === LOADING;
  }

  isHeld(frame: number): boolean {
    return this.#state[frame] !== FREE;
  }

  pin(frame: number): void {
    if (this.#pins[frame]!++ === 0) this.#pinnedCount++;
  }

  unpin(frame: number): void {
    const left = --this.#pins[frame]!;
    invariant(left >= 0, "A frame was unpinned more often than pinned");
    if (left > 0) return;
    this.#pinnedCount--;
    if (this.#state[frame] === DOOMED) this.#release(frame);
  }

  /** Pins on a frame. */
  pinsOf(frame: number): number {
    return this.#pins[frame]!;
  }

  /**
   * Takes a frame for a block not in the pool: loading and pinned once; `NO_FRAME` when none is to be had.
   */
  take(volume: number, block: number): number {
    const frame = this.#free.pop() ?? this.#evict();
    if (frame === NO_FRAME) return NO_FRAME;
    this.blockOf[frame] = block;
    this.volumeOf[frame] = volume;
    this.changedAt[frame] = this.#revealedAt;
    this.modeOf[frame] = UNSHARED;
    this.#state[frame] = LOADING;
    this.#referenced[frame] = 1;
    this.#insert(frame);
    this.pin(frame);
    return frame;
  }

  /** Takes a frame without a block, for the copy a change works on; `NO_FRAME` when none is to be had. */
  takeScratch(): number {
    const frame = this.#free.pop() ?? this.#evict();
    if (frame !== NO_FRAME) this.#state[frame] = SCRATCH;
    return frame;
  }

  /** Gives a scratch frame back. */
  releaseScratch(frame: number): void {
    invariant(this.#state[frame] === SCRATCH, "A frame was released that is not scratch");
    this.#release(frame);
  }

  /** Makes a scratch frame the home of a block that is not in the pool; it is clean until `changed`. */
  adopt(frame: number, volume: number, block: number): void {
    invariant(this.#state[frame] === SCRATCH, "A frame was adopted that is not scratch");
    this.blockOf[frame] = block;
    this.volumeOf[frame] = volume;
    this.changedAt[frame] = this.#revealedAt;
    this.modeOf[frame] = UNSHARED;
    this.#state[frame] = CLEAN;
    this.#referenced[frame] = 1;
    this.#insert(frame);
  }

  /** The block of a loading frame has arrived. */
  loaded(frame: number): void {
    invariant(this.#state[frame] === LOADING, "A frame was loaded twice");
    this.#state[frame] = CLEAN;
  }

  /**
   * The load of a frame failed: no search finds it any more; the last who holds it releases it as scratch.
   */
  abandon(frame: number): void {
    invariant(this.#state[frame] === LOADING, "A frame was abandoned that is not loading");
    this.#remove(frame);
    this.#state[frame] = SCRATCH;
  }

  /** Gives a frame back: its load failed, or its volume is gone. It must not be pinned by others. */
  drop(frame: number): void {
    if (this.#state[frame] === DIRTY) this.#dirtyCount--;
    this.#remove(frame);
    this.#state[frame] = FREE;
    this.#free.push(frame);
  }

  /**
   * The block of a frame is another member's now: no search finds it any more. Its bytes stay as long as
   * somebody has it pinned.
   */
  doom(frame: number): void {
    const state = this.#state[frame];
    invariant(state === CLEAN || state === DIRTY, "A frame was doomed that holds no block");
    if (state === DIRTY) this.#dirtyCount--;
    this.#remove(frame);
    this.#state[frame] = DOOMED;
    if (this.#pins[frame] === 0) this.#release(frame);
  }

  /** Notes that a frame was changed by the group that ends at `end` and began at `start`. */
  changed(frame: number, start: number, end: number): void {
    this.changedAt[frame] = end;
    if (this.#state[frame] === DIRTY) return;
    this.#state[frame] = DIRTY;
    this.neededFrom[frame] = start;
    this.#dirtyCount++;
    this.#enqueue(frame);
  }

  /**
   * Notes that the group that ends at `end` put blocks in sight which earlier groups had changed, resident or
   * not: whoever reads one of them reads of that group. Which they are nobody knows without looking at all of
   * them, so from now on every block counts as changed there.
   */
  reveal(end: number): void {
    this.#revealedAt = end;
    this.changedAt.fill(end);
  }

  /** Notes that the volume has the frame's block as it is now. */
  cleaned(frame: number): void {
    invariant(this.#state[frame] === DIRTY, "A frame was cleaned that is not dirty");
    this.#state[frame] = CLEAN;
    this.#dirtyCount--;
  }

  /**
   * Notes that the volume has a dirty frame's block as it was at journal position `position`; it stays dirty.
   */
  partlyCleaned(frame: number, position: number): void {
    this.neededFrom[frame] = position;
    this.#enqueue(frame);
  }

  /** Puts a dirty frame back whose home write did not happen. */
  requeue(frame: number): void {
    if (this.#state[frame] === DIRTY) this.#enqueue(frame);
  }

  /**
   * Takes up to `max` dirty frames, those dirty for longest first; each must come back by one of the three
   * calls above.
   */
  takeDirty(max: number): number[] {
    const taken: number[] = [];
    while (this.#queueLength > 0 && taken.length < max) {
      const frame = this.#queue[this.#queueHead]!;
      this.#queueHead = this.#queueHead + 1 === this.capacity ? 0 : this.#queueHead + 1;
      this.#queueLength--;
      this.#queued[frame] = 0;
      if (this.#state[frame] === DIRTY) taken.push(frame);
    }
    return taken;
  }

  /** Lowest journal position that some dirty frame needs; `otherwise` when none is dirty. */
  oldestNeeded(otherwise: number): number {
    let oldest = otherwise;
    if (this.#dirtyCount === 0) return oldest;
    for (let frame = 0; frame < this.capacity; frame++) {
      if (this.#state[frame] === DIRTY && this.neededFrom[frame]! < oldest) oldest = this.neededFrom[frame]!;
    }
    return oldest;
  }

  /** Clean frames nobody holds, and free ones: how many could be taken now. Looks at every frame. */
  takeableCount(): number {
    let count = this.#free.length;
    for (let frame = 0; frame < this.capacity; frame++) {
      if (this.#state[frame] === CLEAN && this.#pins[frame] === 0) count++;
    }
    return count;
  }

  /** Makes sure that `count` frames can be taken without waiting; false when too many are pinned or dirty. */
  ensureFree(count: number): boolean {
    while (this.#free.length < count) {
      const frame = this.#evict();
      if (frame === NO_FRAME) return false;
      this.#free.push(frame);
    }
    return true;
  }

  /** Frames holding blocks of a volume, in frame order. */
  *framesOf(volume: number): IterableIterator<number> {
    for (let frame = 0; frame < this.capacity; frame++) {
      const state = this.#state[frame];
      if (state !== FREE && state !== SCRATCH && state !== DOOMED && this.volumeOf[frame] === volume) {
        yield frame;
      }
    }
  }

  /** Second-chance search for a clean frame without a pin; it leaves the table and is nobody's. */
  #evict(): number {
    for (let looked = 0; looked < this.capacity * 2; looked++) {
      const frame = this.#hand;
      this.#hand = frame + 1 === this.capacity ? 0 : frame + 1;
      if (this.#state[frame] !== CLEAN || this.#pins[frame] !== 0) continue;
      if (this.#referenced[frame] === 1) {
        this.#referenced[frame] = 0;
        continue;
      }
      this.#remove(frame);
      this.#state[frame] = FREE;
      if (this.modeOf[frame] !== UNSHARED) {
        this.onEvict?.(this.volumeOf[frame]!, this.blockOf[frame]!, frame);
      }
      return frame;
    }
    return NO_FRAME;
  }

  #release(frame: number): void {
    this.#state[frame] = FREE;
    this.#free.push(frame);
  }

  #enqueue(frame: number): void {
    if (this.#queued[frame] === 1) return;
    this.#queued[frame] = 1;
    const at = this.#queueHead + this.#queueLength++;
    this.#queue[at >= this.capacity ? at - this.capacity : at] = frame;
  }

  #insert(frame: number): void {
    let slot = this.#home(frame);
    while (this.#table[slot] !== NO_FRAME) slot = (slot + 1) & this.#mask;
    this.#table[slot] = frame;
  }

  /** Removes by shifting later entries back, so that searches never need tombstones. */
  #remove(frame: number): void {
    const table = this.#table;
    let hole = this.#home(frame);
    while (table[hole] !== frame) hole = (hole + 1) & this.#mask;
    let slot = hole;
    for (;;) {
      slot = (slot + 1) & this.#mask;
      const other = table[slot]!;
      if (other === NO_FRAME) break;
      if (((slot - this.#home(other)) & this.#mask) >= ((slot - hole) & this.#mask)) {
        table[hole] = other;
        hole = slot;
      }
    }
    table[hole] = NO_FRAME;
  }

  #home(frame: number): number {
    const key = this.blockOf[frame]! ^ (this.volumeOf[frame]! << 24);
    return (Math.imul(key, 0x9e3779b1) >>> 8) & this.#mask;
  }
}
