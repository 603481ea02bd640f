/**
 * Change: all block changes of one commit, worked out on copies and published at once.
 *
 * Invariants: nothing in the pool is touched before `publish`; a change that lacks a block, a frame or
 * journal space is simply thrown away and tried again; what `publish` journals is one group, and every block
 * of it gets the group's stamp (DESIGN D3). Ops are logged as they are applied, so life and replay run the
 * same functions.
 */
import { blockStamp, blockTree } from "../ground/block.ts";
import { opMapClear, opMapSet, opPut, opRemove, opRemoveRange, opTruncate } from "../ground/block_op.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { truncate } from "../ground/entries_split.ts";
import { formatEntries, putAt, removeAt, removeRange } from "../ground/entries_write.ts";
import { CohortError, invariant } from "../ground/errors.ts";
import { formatMap, mapClear, mapSet } from "../ground/space_map.ts";
import { formatValue } from "../ground/value_block.ts";
import { GROUP_RECORDS_MAX } from "../storage/journal_frame.ts";
import type { Volume } from "../storage/volume.ts";
import type { GroupSink } from "./group_sink.ts";
import { installTouched, journalTouched, mayFormat, type Touched } from "./publish.ts";
import { MODE_EX, NO_FRAME } from "./pool.ts";
import { MISS, Step } from "./step.ts";

/** Bytes a record needs besides its ops, with room to spare. */
const RECORD_OVERHEAD = 32;
/** Bytes a group needs besides its records, with room to spare. */
const GROUP_OVERHEAD = 64;
/** Bytes a block's ops get at first; larger writers than the second are not kept. */
const OPS_BYTES = 512;
const OPS_BYTES_KEPT = 8192;
/** Writers a change keeps for its next attempt. */
const WRITERS_KEPT = 8;
/** What a block has that is journaled as a whole. */
const NO_OPS: ByteWriter = new ByteWriter(0);
/** A step that may write. */
export class Change extends Step {
  override leafMode: "PR" | "EX" = "EX";
  readonly #copyOf = new Map<number, Touched>();
  readonly #fresh = new Map<number, Touched>();
  readonly #byCopy = new Map<number, Touched>();
  readonly #order: Touched[] = [];
  /** Empty writers for the ops of blocks to come. */
  readonly #writers: ByteWriter[] = [];
  /** Scratch frames taken and not given back. */
  #held = 0;
  /** Scratch frames that could not be had. */
  #missed = 0;
  #reveals = false;
  /** Rises with each edit: what lacks something after some of its own has left the tree half changed. */
  edits = 0;
  /** Bytes of journal space reserved for this change's group. */
  admitted = 0;
  /** Rises when its pins are released: a reservation granted later belongs to nobody. */
  turn = 0;
  /** Called when its pins are released: gives back what was reserved and not used. */
  onRelease: (() => void) | undefined;

  /** Blocks touched so far. */
  get touchedCount(): number {
    return this.#order.length;
  }

  override get framesNeeded(): number {
    return super.framesNeeded + Math.max(0, this.#order.length - this.framesWanted);
  }

  override find(volume: Volume, block: number): number {
    const fresh = this.#fresh.get(volume.index * 2 ** 32 + block);
    if (fresh !== undefined) return fresh.copy;
    const frame = super.find(volume, block);
    if (frame === MISS) return MISS;
    return this.#copyOf.get(frame)?.copy ?? frame;
  }

  /** The copy of a block that this change formatted, or `MISS`; asks for nothing. */
  findFresh(volume: Volume, block: number): number {
    return this.#fresh.get(volume.index * 2 ** 32 + block)?.copy ?? MISS;
  }

  /**
   * The frame of a block if it is resident, for work that is not owed; `MISS` otherwise, and nothing is asked
   * for.
   */
  peek(volume: Volume, block: number): number {
    const fresh = this.findFresh(volume, block);
    if (fresh !== MISS) return fresh;
    const frame = this.pool.find(volume.index, block);
    if (frame === NO_FRAME) return MISS;
    this.hold(frame);
    return this.#copyOf.get(frame)?.copy ?? frame;
  }

  /** A frame to build a block in; give it back before the attempt ends. */
  spare(): number {
    return this.#scratch();
  }

  giveSpare(frame: number): void {
    this.pool.releaseScratch(frame);
    this.#held--;
  }

  /** The copy of a found frame to write on, made at the first call; `MISS` when no frame is to be had. */
  own(volume: Volume, frame: number): number {
    if (this.#byCopy.has(frame)) return frame;
    const pool = this.pool;
    if (volume.isShared) {
      const place = pool.blockOf[frame]!;
      if (pool.modeOf[frame] !== MODE_EX) return this.ask(volume, place, "EX");
      this.noteShared(volume, place, "EX");
    }
    const copy = this.#scratch();
    if (copy === MISS) return MISS;
    const size = pool.blockSize;
    pool.bytes.copyWithin(copy * size, frame * size, (frame + 1) * size);
    const block = pool.blockOf[frame]!;
    this.#add({
      volume,
      block,
      copy,
      source: frame,
      before: blockStamp(pool.bytes, frame * size),
      ops: this.#writers.pop() ?? new ByteWriter(OPS_BYTES),
      fresh: false,
    });
    return copy;
  }

  /** A new leaf or branch over `[low, high)` in a block just taken from the space map. */
  createEntries(
    volume: Volume,
    block: number,
    kind: number,
    level: number,
    tree: number,
    low: Uint8Array,
    lowLength: number,
    high: Uint8Array | undefined,
    highLength: number,
  ): number {
    const copy = this.#create(volume, block);
    if (copy === MISS) return MISS;
    const { bytes, blockSize } = this.pool;
    const base = copy * blockSize;
    formatEntries(
      bytes,
      base,
      blockSize,
      kind,
      level,
      block,
      tree,
      volume.facts.tag,
      low,
      lowLength,
      high,
      highLength,
    );
    return copy;
  }

  /** Formats a block that is already owned as an empty leaf or branch; the record becomes a full image. */
  reformat(
    frame: number,
    kind: number,
    level: number,
    low: Uint8Array,
    lowLength: number,
    high: Uint8Array | undefined,
    highLength: number,
  ): void {
    const touched = this.#touched(frame);
    const { bytes, blockSize } = this.pool;
    const base = frame * blockSize;
    const tree = blockTree(bytes, base);
    const { volume, block } = touched;
    formatEntries(
      bytes,
      base,
      blockSize,
      kind,
      level,
      block,
      tree,
      volume.facts.tag,
      low,
      lowLength,
      high,
      highLength,
    );
    touched.fresh = true;
  }

  /** A new value block holding `bytes[from, to)`. */
  createValue(
    volume: Volume,
    block: number,
    tree: number,
    value: Uint8Array,
    from: number,
    to: number,
  ): number {
    const copy = this.#create(volume, block);
    if (copy === MISS) return MISS;
    const { bytes, blockSize } = this.pool;
    formatValue(bytes, copy * blockSize, blockSize, block, tree, volume.facts.tag, value, from, to - from);
    return copy;
  }

  /** A new space map block. */
  createMap(volume: Volume, block: number): number {
    const copy = this.#create(volume, block);
    if (copy === MISS) return MISS;
    const { bytes, blockSize } = this.pool;
    formatMap(bytes, copy * blockSize, blockSize, block, volume.facts.tag);
    return copy;
  }

  put(
    frame: number,
    found: number,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    from: number,
    length: number,
  ): void {
    const { bytes, blockSize } = this.pool;
    putAt(bytes, frame * blockSize, blockSize, found, key, keyLength, value, from, length);
    const touched = this.#touched(frame);
    if (!touched.fresh) opPut(touched.ops, key, keyLength, value, from, length);
  }

  remove(frame: number, index: number, key: Uint8Array, keyLength: number): void {
    removeAt(this.pool.bytes, frame * this.pool.blockSize, index);
    const touched = this.#touched(frame);
    if (!touched.fresh) opRemove(touched.ops, key, keyLength);
  }

  /** Removes the entries `[fromIndex, toIndex)`, which are those in `[low, high)`. */
  removeRange(
    frame: number,
    fromIndex: number,
    toIndex: number,
    low: Uint8Array,
    lowLength: number,
    high: Uint8Array | undefined,
    highLength: number,
  ): void {
    removeRange(this.pool.bytes, frame * this.pool.blockSize, fromIndex, toIndex);
    const touched = this.#touched(frame);
    if (!touched.fresh) opRemoveRange(touched.ops, low, lowLength, high, highLength);
  }

  truncate(frame: number, high: Uint8Array, highLength: number): void {
    const { bytes, blockSize } = this.pool;
    truncate(bytes, frame * blockSize, blockSize, high, highLength);
    const touched = this.#touched(frame);
    if (!touched.fresh) opTruncate(touched.ops, high, highLength);
  }

  /** Says that the owned frame's bytes were rewritten by the caller: it is journaled as a full image. */
  rewritten(frame: number): void {
    this.#touched(frame).fresh = true;
  }

  /** Says that it makes blocks part of a tree which earlier groups wrote aside. */
  reveals(): void {
    this.#reveals = true;
  }

  mapSet(frame: number, start: number, count: number): void {
    mapSet(this.pool.bytes, frame * this.pool.blockSize, start, count);
    const touched = this.#touched(frame);
    if (!touched.fresh) opMapSet(touched.ops, start, count);
  }

  mapClear(frame: number, start: number, count: number): void {
    mapClear(this.pool.bytes, frame * this.pool.blockSize, start, count);
    const touched = this.#touched(frame);
    if (!touched.fresh) opMapClear(touched.ops, start, count);
  }

  /**
   * Most bytes the group of this change can take in the journal. Throws `TRANSACTION_TOO_LARGE` when it has
   * more blocks than a group can name.
   */
  get groupBytesMax(): number {
    const blocks = this.#order.length;
    if (blocks > GROUP_RECORDS_MAX) {
      const message = `Could not change ${blocks} blocks at once: a group has at most ${GROUP_RECORDS_MAX}`;
      throw new CohortError("TRANSACTION_TOO_LARGE", message, { needed: blocks, allowed: GROUP_RECORDS_MAX });
    }
    let total = GROUP_OVERHEAD;
    for (const touched of this.#order) {
      const ops = touched.ops.length;
      total += RECORD_OVERHEAD + (touched.fresh ? this.pool.blockSize + RECORD_OVERHEAD : ops);
    }
    return total;
  }

  /**
   * Makes the change real: one journal group, every block with `stamp`. `admitted` is at least
   * `groupBytesMax`, and is used up.
   * Returns the journal position after the group; `start` is the position before it.
   */
  publish(sink: GroupSink, stamp: number): number {
    const start = sink.position;
    const { admitted } = this;
    this.admitted = 0;
    sink.beginGroup(stamp, admitted);
    for (const touched of this.#order) journalTouched(sink, this.pool, touched, stamp);
    const end = sink.endGroup();
    for (const touched of this.#order) installTouched(this.pool, touched, start, end);
    if (this.#reveals) this.pool.reveal(end);
    this.#forget();
    return end;
  }

  override rest(): void {
    this.discard();
  }

  /** Throws the copies away; the pool is as it was. */
  discard(): void {
    for (const touched of this.#order) this.pool.releaseScratch(touched.copy);
    this.#forget();
  }

  override clear(): void {
    this.discard();
    super.clear();
  }

  override release(): void {
    this.discard();
    this.turn++;
    this.onRelease?.();
    super.release();
  }

  #create(volume: Volume, block: number): number {
    const resident = this.pool.findAny(volume.index, block);
    if (!mayFormat(this.pool, volume, resident)) return this.ask(volume, block, "EX", true);
    if (volume.isShared) this.noteShared(volume, block, "EX", true);
    if (resident !== NO_FRAME) this.hold(resident); // or the copy may take its frame, and give it up
    const copy = this.#scratch();
    if (copy === MISS) return MISS;
    const { bytes, blockSize } = this.pool;
    const before = resident === NO_FRAME ? 0 : blockStamp(bytes, resident * blockSize);
    bytes.fill(0, copy * blockSize, (copy + 1) * blockSize);
    this.#add({ volume, block, copy, source: NO_FRAME, before, ops: NO_OPS, fresh: true });
    return copy;
  }

  #scratch(): number {
    const copy = this.pool.takeScratch();
    if (copy === NO_FRAME) {
      this.#missed++;
      this.framesWanted = Math.max(this.framesWanted, this.#held + this.#missed);
      return MISS;
    }
    this.#held++;
    return copy;
  }

  #add(touched: Touched): void {
    this.#order.push(touched);
    this.#byCopy.set(touched.copy, touched);
    if (touched.source !== NO_FRAME) this.#copyOf.set(touched.source, touched);
    else this.#fresh.set(touched.volume.index * 2 ** 32 + touched.block, touched);
  }

  #touched(frame: number): Touched {
    this.edits++;
    const touched = this.#byCopy.get(frame);
    invariant(touched !== undefined, "A block was changed that the change does not own");
    return touched;
  }

  #forget(): void {
    this.#held = 0;
    this.#missed = 0;
    this.#reveals = false;
    if (this.#order.length === 0) return;
    for (const { ops } of this.#order) {
      if (ops === NO_OPS || ops.bytes.length > OPS_BYTES_KEPT || this.#writers.length === WRITERS_KEPT) {
        continue;
      }
      ops.length = 0;
      this.#writers.push(ops);
    }
    this.#order.length = 0;
    this.#byCopy.clear();
    // Clearing an empty map costs as much as making one.
    if (this.#copyOf.size > 0) this.#copyOf.clear();
    if (this.#fresh.size > 0) this.#fresh.clear();
  }
}
