/** Held block: one shared block as the coherence of a member has it: its state, its bytes, who waits. */
import { type BlockFault, blockStamp, isBlank, sealBlock, verifyBlock } from "../ground/block.ts";
import { invariant } from "../ground/errors.ts";
import type { Volume } from "../storage/volume.ts";
import { type HeldBlock, holderStep, renewed, UNKNOWN, unsent } from "./block_holder.ts";
import type { ReportedBlock } from "./block_report.ts";
import { MODE_EX, MODE_PR, NO_FRAME, type Pool } from "./pool.ts";
import { outdate } from "./shared_shape.ts";
import { unlessAborted } from "./waiting.ts";

/** A shared block. */
export class Held {
  readonly volume: Volume;
  readonly block: number;
  state: HeldBlock = UNKNOWN;
  /** Where its bytes are; `NO_FRAME` while they are not in the pool. */
  frame: number = NO_FRAME;
  /** Its bytes, when they came by image and no frame was to be had, or may not be used yet. */
  bytes: Uint8Array | undefined;
  /** Position in this member's journal that made them what they are; 0 when another sent them, synced. */
  bytesAt = 0;
  /** Position of this member's journal when they came. */
  bytesFrom = 0;
  /** Local work that keeps it until it has the rest of what it needs. */
  grips = 0;
  /** Whether what the keeper ordered is to be done as soon as it can be. */
  isDue = false;
  /** True while its home write is waited for: then it leaves. */
  isLeaving = false;
  /** True while it goes home to be left there: nobody here changes it any more. */
  isGoingHome = false;
  /** Whether it is to go home before it is sent on: another's journal waits for that. */
  isHomeWanted = false;
  /** Local work that brings it in from its volume. */
  loads = 0;
  /** What was sent and is not known to have arrived, by turn: its pinned frame, or its bytes. */
  readonly sent: Map<number, number | Uint8Array> = new Map<number, number | Uint8Array>();
  /** Pinned because its frame must not be given to another: something about it is under way. */
  #pinned = NO_FRAME;
  #waiters: Array<() => void> = [];

  constructor(volume: Volume, block: number) {
    this.volume = volume;
    this.block = block;
  }

  /** Whether it is to leave before new work of this member may use it. */
  get isClosed(): boolean {
    return this.isDue && this.state.order !== undefined;
  }

  /** Whether somebody here waits for it, brings it in or keeps it. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0 || this.grips > 0 || this.loads > 0;
  }

  /** Whether this member answers for it, and no frame was to be had for its bytes yet. */
  get isUnplaced(): boolean {
    return this.bytes !== undefined && (this.state.isDirty || this.state.early?.isDirty === true);
  }

  /** Whether it is on its way here, or work of this member is about to use it. */
  get isComing(): boolean {
    return this.state.wants !== undefined || this.grips > 0 || this.loads > 0;
  }

  /** Whether there is nothing to remember of it. */
  get isForgotten(): boolean {
    const { mode, wants, early, granted, order, sent } = this.state;
    return mode === "NL" && wants === undefined && early === undefined && granted === undefined &&
      order === undefined && sent.length === 0 && !this.isAwaited;
  }

  /** How it may be given up: it is held, clean, and nothing is under way about it; undefined if not. */
  get parting(): "evict" | "unload" | undefined {
    const { mode, wants, order, isDirty, isHere, sent } = this.state;
    const isIdle = wants === undefined && order === undefined && !isDirty && sent.length === 0 &&
      this.grips === 0 && this.loads === 0 && !this.isLeaving;
    if (mode === "NL" || !isIdle) return undefined;
    return isHere ? "evict" : "unload";
  }

  /** Takes note of what happened to its frame since its table was asked last. */
  note(pool: Pool): void {
    if (this.frame === NO_FRAME || !this.state.isHere) return;
    const isDirty = pool.isDirty(this.frame);
    if (isDirty === this.state.isDirty) return;
    this.state = holderStep(this.state, { kind: isDirty ? "changed" : "home" }).block;
  }

  /** Resolves at the next change of its state. Whoever gives up waiting is waited for by nobody. */
  async changed(signal: AbortSignal | undefined): Promise<void> {
    let waiter: (() => void) | undefined;
    const change = new Promise<void>((go) => this.#waiters.push(waiter = go));
    try {
      await unlessAborted(change, signal);
    } finally {
      this.#waiters = this.#waiters.filter((it) => it !== waiter);
    }
  }

  /** Lets those look again who wait for a change. */
  wake(): void {
    for (const go of this.#waiters.splice(0)) go();
  }

  /** Its frame, with its bytes in it, pinned for the caller; `NO_FRAME` when none is to be had now. */
  placed(pool: Pool, position: number): number {
    if (!this.place(pool, position)) return NO_FRAME;
    pool.pin(this.frame);
    return this.frame;
  }

  /** Takes bytes that came by image into a frame; false when none is to be had now. */
  place(pool: Pool, position: number): boolean {
    if (this.bytes === undefined) return true;
    const frame = pool.takeScratch();
    if (frame === NO_FRAME) return false;
    pool.bytes.set(this.bytes, frame * pool.blockSize);
    pool.adopt(frame, this.volume.index, this.block);
    pool.changedAt[frame] = Math.max(pool.changedAt[frame]!, this.bytesAt);
    this.bytes = undefined;
    this.frame = frame;
    this.settle(pool, Math.min(position, this.bytesFrom));
    return true;
  }

  /**
   * Makes its frame what the state says. What another member changed was synced there before it came: here
   * it waits for nothing but what this member revealed, and needs nothing of its journal before `position`.
   */
  settle(pool: Pool, position: number): void {
    if (this.frame === NO_FRAME) return;
    if (this.state.isDirty && !pool.isDirty(this.frame)) {
      pool.changed(this.frame, position, pool.changedAt[this.frame]!);
    }
    const { mode, wants, order } = this.state;
    const mayChange = mode === "EX" && !(this.isGoingHome && order !== undefined);
    pool.modeOf[this.frame] = mayChange ? MODE_EX : MODE_PR;
    const isBusy = wants !== undefined || order !== undefined || this.grips > 0;
    if (isBusy && this.#pinned === NO_FRAME) {
      pool.pin(this.frame);
      this.#pinned = this.frame;
    } else if (!isBusy) this.unpin(pool);
  }

  /** Position up to which this member's journal must be safe before its bytes, as they are, may leave. */
  after(pool: Pool): number {
    return this.frame === NO_FRAME ? this.bytesAt : pool.changedAt[this.frame]!;
  }

  /** Another's journal waits for it: it goes home now, and, if it still has to, before it is sent on. */
  goHome(bringHome: (volume: Volume, block: number) => Promise<void>): void {
    this.isHomeWanted = true;
    if (!this.state.isDirty || this.frame === NO_FRAME) return;
    void bringHome(this.volume, this.block).then(() => this.isHomeWanted = false);
  }

  /** What to wait for before it is sent on; once, for what comes to nothing must not hold others up. */
  homeFirst(bringHome: (volume: Volume, block: number) => Promise<void>): Promise<void> | undefined {
    if (!this.isHomeWanted) return undefined;
    this.isHomeWanted = false;
    return this.state.isDirty ? bringHome(this.volume, this.block) : undefined;
  }

  /** Keeps its bytes until it is known that they arrived by the image of this turn. */
  keepSent(pool: Pool, turn: number): void {
    if (this.frame === NO_FRAME) return void this.sent.set(turn, this.bytes!);
    pool.pin(this.frame);
    this.sent.set(turn, this.frame);
  }

  /** A copy of the bytes that were sent by the image of this turn. */
  sentBytes(pool: Pool, turn: number): Uint8Array {
    const kept = this.sent.get(turn)!;
    const size = pool.blockSize;
    return typeof kept === "number" ? pool.bytes.slice(kept * size, (kept + 1) * size) : kept.slice();
  }

  /**
   * Forgets what was sent to members that are lost: whether they got it and changed it the journals of all
   * tell, not what is kept here.
   */
  letSentToOthers(pool: Pool, members: readonly string[]): void {
    for (const { to, turn } of this.state.sent) {
      if (members.includes(to)) continue;
      this.state = unsent(this.state, turn);
      this.letSent(pool, turn);
    }
  }

  /** They arrived. */
  letSent(pool: Pool, turn: number): void {
    const kept = this.sent.get(turn);
    this.sent.delete(turn);
    if (typeof kept === "number") pool.unpin(kept);
  }

  /**
   * Others may change it now: what was known of the trees is looked up again, and its frame is given up. The
   * bytes stay where they are while somebody has it pinned.
   */
  leave(pool: Pool): void {
    const { frame } = this;
    this.bytes = undefined;
    if (frame === NO_FRAME) return;
    outdate(pool, this.volume, frame);
    this.frame = NO_FRAME;
    pool.doom(frame);
    this.unpin(pool);
  }

  /** Forgets it with all that is under way about it. */
  drop(pool: Pool): void {
    for (const turn of [...this.sent.keys()]) this.letSent(pool, turn);
    this.state = UNKNOWN;
    this.isLeaving = this.isGoingHome = this.isDue = false;
    this.leave(pool);
    this.wake();
  }

  /** Gives back the pin of what was under way. */
  unpin(pool: Pool): void {
    if (this.#pinned === NO_FRAME) return;
    pool.unpin(this.#pinned);
    this.#pinned = NO_FRAME;
  }

  /** Whether nobody ever wrote it. */
  isBlank(pool: Pool): boolean {
    const base = this.frame * pool.blockSize;
    return blockStamp(pool.bytes, base) === 0 && isBlank(pool.bytes, base, pool.blockSize);
  }

  /** A copy of its bytes as they may leave the member, or, of what was sent by this turn, once more. */
  image(pool: Pool, turn: number): Uint8Array {
    const size = pool.blockSize;
    const bytes = this.sent.has(turn)
      ? this.sentBytes(pool, turn)
      : this.bytes?.slice() ?? pool.bytes.slice(this.frame * size, (this.frame + 1) * size);
    if (isBlank(bytes, 0, size)) return bytes;
    sealBlock(bytes, 0, size);
    // Whoever gets what it cannot be asks for it again: from a memory that is broken that never ends.
    const fault = this.faultIn(bytes, pool.blockSize);
    invariant(fault === undefined, `Block ${this.block} of ${this.volume.path} is not what it was: ${fault}`);
    return bytes;
  }

  /** What is wrong with an image of it; nothing is with one of a block that nobody ever wrote. */
  faultIn(image: Uint8Array, size: number): BlockFault | undefined {
    if (isBlank(image, 0, size)) return undefined;
    return verifyBlock(image, 0, size, this.block, this.volume.facts.tag);
  }
}

/** A view begins with these members: what its keepers are told of a block as it is then. */
export function renewedReports(held: Held, pool: Pool, members: readonly string[]): ReportedBlock[] {
  held.note(pool);
  held.state = renewed(held.state);
  held.isGoingHome = false;
  if (!held.state.isHere) held.bytes = undefined;
  held.letSentToOthers(pool, members);
  return reportsOf(held);
}

/** What a keeper is told of blocks as they are held now. */
export function heldReports(all: readonly Held[], pool: Pool): ReportedBlock[] {
  for (const held of all) held.note(pool);
  return all.flatMap(heldReport);
}

function heldReport({ volume, block, state: { mode, turn, isDirty } }: Held): ReportedBlock[] {
  if (mode === "NL") return [];
  return [{ tag: volume.facts.tag, block, turn, isDirty, mode, sentTo: undefined }];
}

/** What the keepers of a new view are told of a block: that it is held, and what was sent on of it. */
function reportsOf(held: Held): ReportedBlock[] {
  const { volume, block, state } = held;
  const place = { tag: volume.facts.tag, block };
  const reports = heldReport(held);
  for (const { to, turn, isDirty } of state.sent) {
    reports.push({ ...place, turn, isDirty, mode: undefined, sentTo: to });
  }
  return reports;
}
