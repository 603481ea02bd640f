/**
 * Coherence: the shared blocks of one member, held by leave of their keepers (DESIGN D6).
 *
 * The tables of `block_holder.ts` and `block_keeper.ts` decide; this carries it out: messages, frames, and
 * the bytes in them. Every resident frame of a shared volume may be read; `modeOf` says whether it may be
 * changed. What the keeper orders is done at once, though local work that waits for something else may have
 * the block pinned: that looks again from the root. Only grips, which are taken in one order by all members,
 * put an order off.
 */
import { blockStamp } from "../ground/block.ts";
import { CohortError, invariant } from "../ground/errors.ts";
import type { Answer } from "../ports/mod.ts";
import type { Volume } from "../storage/volume.ts";
import { type HolderEvent, holderStep, mayUse, obey } from "./block_holder.ts";
import type { BlockPlace } from "./block_message.ts";
import { BlockPost } from "./block_post.ts";
import type { ReportedBlock } from "./block_report.ts";
import type { VolumeCoherence, VolumeCounts } from "./block_counts.ts";
import { BringingIn } from "./bringing_in.ts";
import type { CoherenceCounts, CoherenceWorld } from "./coherence_world.ts";
import { forsake, type ForsakingWorld } from "./forsaking.ts";
import { growingAlone } from "./growing.ts";
import { beforeLeaving, handoverOf } from "./handing_over.ts";
import { type Held, heldReports, renewedReports } from "./held_block.ts";
import { HeldTable } from "./held_table.ts";
import { neverWritten } from "./loader.ts";
import { OwedBlocks } from "./owed_blocks.ts";
import { NO_FRAME } from "./pool.ts";
import { outdate, recount } from "./shared_shape.ts";
import { SharedVolumes } from "./shared_volumes.ts";
import type { Need } from "./step.ts";
import { Survivors } from "./survivors.ts";
import { TakingAhead } from "./taking_ahead.ts";
import { TakingBack } from "./take_back.ts";
import { Unplaced } from "./unplaced.ts";

/** Shared blocks of one member. */
export class Coherence {
  /** Blocks sent on that this member changed, as far as they are not known to be home. */
  readonly owed: OwedBlocks;
  /** Dirty blocks for which there is no frame. */
  readonly unplaced: Unplaced = new Unplaced();
  readonly #world: CoherenceWorld;
  readonly #post: BlockPost;
  readonly #bringing: BringingIn;
  readonly #takingBack: TakingBack;
  /** Blocks of which something is remembered. */
  readonly held: HeldTable = new HeldTable();
  readonly #volumes = new SharedVolumes();
  /** Rises with each view. */
  #view = 0;
  #survivors: Survivors = new Survivors([]);
  /** True while what the lost left is recovered: the journals of the living are read, and stay. */
  isRecovering = false;

  constructor(world: CoherenceWorld) {
    this.#world = world;
    const { courier, pool, onTrouble, left } = world;
    this.owed = new OwedBlocks(left);
    this.#post = new BlockPost({
      courier,
      blockSize: pool.blockSize,
      toHolder: (place, event, image) => this.#hold(place, event, image),
      toSender: (place, turn, isBack) => this.#takingBack.judged(place, this.#heldAt(place), turn, isBack),
      toHome: (place) => this.#toHome(place),
      toRecoverer: (from, reports, isLast, part) => this.#survivors.heard(from, reports, isLast, part),
      isUsed: (tag) => this.#volumes.has(tag),
      heldOf: (tag) => heldReports(this.held.allWith(tag), pool),
      onResumed: () => this.isRecovering = false,
      countsOf: (tag) => this.#volumes.findCounts(tag),
      onTrouble,
    });
    this.#bringing = new BringingIn(world, {
      happened: (held, event) => this.#event(held, event),
      ordered: (held) => this.#orderCame(held),
      forget: (held) => this.held.forget(held),
    });
    this.#takingBack = new TakingBack(world, {
      view: () => this.#view,
      isUsed: (tag) => this.#volumes.isUsed(tag),
      returned: (place, hasIt) => this.#post.returned(place, hasIt),
      cameBack: (held) => this.unplaced.add(held),
      ordered: (held) => this.#orderCame(held),
      lookAfter: (held) => this.#bringing.lookAfter(held),
      forget: (held) => this.held.forget(held),
    });
    pool.onEvict = (volume, block) => this.#evicted(volume, block);
  }

  /** Blocks of which something is remembered here, and of which this member is the keeper. */
  get size(): { readonly held: number; readonly kept: number } {
    return { held: this.held.size, kept: this.#post.kept };
  }

  /**
   * A view begins: its members keep the blocks. What this member has it reports to them and goes on using;
   * what was asked for is asked anew, and granted once all have reported. After a loss one of them recovers:
   * before it says `resume` nobody is granted anything. Answers, for that one, what the living have.
   */
  enter(members: readonly string[], recoverer?: string): Survivors {
    this.#view++;
    const survivors = this.#survivors = new Survivors(members);
    this.isRecovering = recoverer !== undefined;
    const reports: ReportedBlock[] = [];
    for (const held of this.held.all()) {
      reports.push(...renewedReports(held, this.#world.pool, members));
      held.settle(this.#world.pool, this.#world.position());
    }
    const safe = this.#world.position();
    const part = { from: this.owed.oldest(safe), safe };
    this.#post.enter(members, this.#volumes.tags, reports, recoverer, part);
    for (const held of this.held.all()) {
      held.wake();
      this.#bringing.lookAfter(held);
    }
    return survivors;
  }

  /** What the lost left is recovered and home: who asks is granted again. */
  resume = (): void => this.#post.resume();

  /** What the sharing of a volume has cost this member since it was mounted here first. */
  countsOf = (volume: Volume): VolumeCounts => this.#volumes.countsOf(volume);

  /** The same, and how this member has the volume: each block by leave of its keeper, or all of them. */
  statusOf(volume: Volume): VolumeCoherence {
    const width = this.#post.wide.isWide(volume.facts.tag) ? "database" : "block";
    return { ...this.countsOf(volume).look(), width };
  }

  /** Shared volumes that this member has as a whole, because no other member uses them. */
  get wide(): Volume[] {
    return this.#volumes.all.filter(({ facts }) => this.#post.wide.isWide(facts.tag));
  }

  /** What it counts over all volumes. */
  get counts(): CoherenceCounts {
    return this.#volumes.sum;
  }

  /** Messages told to other members about blocks. */
  get messages(): number {
    return this.#post.messages;
  }

  /** Asks whoever answers for a block by now to bring it home. Costs two messages at most. */
  askHome = ({ facts }: Volume, block: number): void => this.#post.askHome({ tag: facts.tag, block });

  /**
   * Begins to share a volume, of which no block is in the pool: it would count as this member's to change,
   * and no keeper knew of it. Looks at every frame.
   */
  share(volume: Volume): void {
    const [resident] = this.#world.pool.framesOf(volume.index);
    invariant(resident === undefined, `No block of ${volume.path} is here before it is shared`);
    volume.isShared = true;
    volume.growAlone = growingAlone(this, this.#world.pool, volume);
    volume.ahead = new TakingAhead(this, this.#world, volume);
    this.#volumes.add(volume);
    this.#post.wide.use(volume.facts.tag);
  }

  /**
   * Gives up what is clean of a volume and wanted by nobody here: how many blocks are held still. At none the
   * volume may be dismounted here.
   */
  giveUp(volume: Volume): number {
    for (const held of this.held.allOf(volume)) {
      held.note(this.#world.pool);
      if (held.parting !== undefined) this.#event(held, { kind: held.parting });
      this.held.forget(held);
    }
    return this.held.allOf(volume).length;
  }

  /**
   * Gives up all of a volume that nobody may use any more, as it is; what is on its way here once it came,
   * unless this `isLast`. How many blocks that are. At none it may be unshared.
   */
  forsake(volume: Volume, isLast: boolean): number {
    const { pool, left } = this.#world;
    const tell: ForsakingWorld["tell"] = (held, message) => this.#post.tell(held, message, undefined, 0);
    return forsake(volume, { pool, held: this.held, owed: this.owed, left, tell }, isLast);
  }

  /** Ends to share a volume of which nothing is held. */
  unshare(volume: Volume): void {
    this.#volumes.delete(volume);
    this.#post.wide.unuse(volume.facts.tag);
  }

  /** The member has stopped: whoever waits for a block, or will, is told so. */
  stop(cause: CohortError): void {
    this.held.stop(cause);
  }

  /**
   * The frame of a block that may be used in this mode, pinned once for the caller. Answers at once for what
   * is here already. Costs two messages and an image when another member holds it. Rejects `NOT_MOUNTED` once
   * the volume is shared no more: work that began before may still come here.
   */
  obtain(need: Need, signal: AbortSignal | undefined): Answer<number> {
    const held = this.held.of(need.volume, need.block);
    const frame = this.#usable(held, need);
    if (frame !== NO_FRAME) return frame;
    return this.#wait(need, signal).catch((error) => {
      this.#bringing.lookAfter(this.held.of(need.volume, need.block));
      throw error;
    });
  }

  /** Keeps a block that is here until `letGrip`; false when it has gone, or is to go. */
  grip({ volume, block, mode }: Need): boolean {
    const held = this.held.of(volume, block);
    const isHere = mayUse(held.state, mode) && !held.isClosed;
    if (isHere) this.#gripped(held, 1);
    this.held.forget(held);
    return isHere;
  }

  /** Gives a grip back. */
  letGrip({ volume, block }: Need): void {
    const held = this.held.find(volume.index, block);
    // It was forsaken with its volume, which may be mounted again by now.
    if (held?.volume !== volume) return;
    this.#gripped(held, -1);
    this.#obey(held);
    this.held.forget(held);
  }

  #gripped(held: Held, more: number): void {
    held.grips += more;
    held.note(this.#world.pool);
    held.settle(this.#world.pool, this.#world.position());
  }

  /** The pinned frame of a block that is here and may be used; `NO_FRAME` otherwise. */
  #usable(held: Held, { mode, isFresh }: Need): number {
    const { pool } = this.#world;
    if (!mayUse(held.state, mode) || held.isClosed || held.frame === NO_FRAME) return NO_FRAME;
    if (!isFresh && held.isBlank(pool)) throw neverWritten(held.volume.path, held.block);
    pool.pin(held.frame);
    return held.frame;
  }

  async #wait(need: Need, signal: AbortSignal | undefined): Promise<number> {
    for (;;) {
      this.#volumes.expect(need.volume);
      const held = this.held.of(need.volume, need.block);
      const frame = this.#usable(held, need);
      if (frame !== NO_FRAME) return frame;
      const { state } = held;
      const suffices = state.mode === "EX" || state.mode === need.mode;
      if (suffices && !held.isClosed) {
        const brought = await this.#bringing.bringIn(held, need.isFresh, signal);
        if (brought !== NO_FRAME) return brought;
        continue;
      }
      const before = held.state;
      if (!suffices && state.wants === undefined) {
        this.countsOf(held.volume).asked++;
        this.#event(held, { kind: "want", mode: need.mode });
      }
      // The keeper may be this member, and have answered at once.
      if (held.state === before || held.state.wants !== undefined) {
        await this.held.changed(held, signal);
      }
    }
  }

  /** Runs an event through the table and carries out what follows. */
  #event(held: Held, event: HolderEvent): void {
    held.note(this.#world.pool);
    this.#carryOut(held, holderStep(held.state, event));
  }

  #carryOut(held: Held, { block, messages }: ReturnType<typeof holderStep>): void {
    const { pool } = this.#world;
    const before = held.state;
    const after = held.after(pool);
    const sent = messages.find(({ kind }) => kind === "image");
    const image = sent?.kind === "image" ? held.image(pool, sent.turn) : undefined;
    held.state = block;
    for (const sent of block.sent) {
      if (held.sent.has(sent.turn)) continue;
      if (sent.isDirty) this.owed.add(held, pool);
      held.keepSent(pool, sent.turn);
    }
    if (before.mode !== "NL" && block.mode === "NL") this.held.left(held, before, pool);
    held.settle(pool, this.#world.position());
    if (block.isDirty && !before.isDirty) this.#world.nudge();
    for (const message of messages) {
      if (message.kind === "image") this.countsOf(held.volume).moved(held.block);
      if (message.kind === "unsent") this.countsOf(held.volume).left++;
      this.#post.tell(held, message, image, after);
    }
    if (before.wants !== undefined && block.wants === undefined) this.countsOf(held.volume).granted++;
    if (block !== before) held.wake();
    this.held.forget(held);
  }

  /** Something was told to this member as one who holds a block, or wants it. */
  #hold({ tag, block }: BlockPlace, event: HolderEvent, image: Uint8Array | undefined): void {
    const volume = this.#volumes.find(tag);
    if (volume === undefined) return;
    const held = this.held.of(volume, block);
    if (event.kind === "image") this.#image(held, event, image!);
    else this.#event(held, event);
    if (event.kind === "arrived") held.letSent(this.#world.pool, event.turn);
    if ((event.kind === "grant" || event.kind === "take") && held.state.isHere) this.#granted(held);
    if (event.kind === "order") {
      this.countsOf(volume).revoked++;
      this.#orderCame(held);
    }
    this.#bringing.lookAfter(held);
  }

  /**
   * An order is carried out in a later turn: whoever waited for what came just before it goes first, or two
   * who want a block could take it from each other for ever without either having used it.
   */
  #orderCame(held: Held): void {
    held.isDue = false;
    this.#world.soon(() => {
      const { order, isHere } = held.state;
      if (order === undefined) return;
      held.isDue = true;
      // Granted, and nobody here brings it in: it is given up as it is on the volume.
      if (!isHere && held.loads === 0) this.#event(held, { kind: "unload" });
      else this.#obey(held);
      this.held.forget(held);
    });
  }

  #image(held: Held, event: Extract<HolderEvent, { kind: "image" }>, image: Uint8Array): void {
    const { pool, stamps, onTrouble } = this.#world;
    const fault = held.faultIn(image, pool.blockSize);
    if (fault !== undefined) {
      const { block, volume: { path } } = held;
      const { from, turn, mode, isFree } = event;
      const text = `Could not take block ${block} of ${path} from ${from}: ${fault}`;
      onTrouble(new CohortError("CORRUPT", text, { path, block, found: fault }));
      return this.#post.tell(held, { kind: "spoiled", to: from, turn, mode, isFree }, undefined, 0);
    }
    stamps.hear(blockStamp(image, 0));
    // Who may read it has the same bytes already.
    if (event.turn > held.state.turn && !held.state.isHere) {
      held.bytes = image.slice();
      held.bytesAt = 0;
      held.bytesFrom = this.#world.position();
    }
    this.#event(held, event);
    if (held.state.isHere) this.#granted(held);
    this.unplaced.add(held);
  }

  /** It may be used: into a frame with it, if there is one; else whoever waits for it finds one. */
  #granted(held: Held): void {
    const { pool, position } = this.#world;
    if (held.bytes !== undefined && held.place(pool, position())) recount(pool, held.volume, held.frame);
    held.wake();
  }

  /** Carries out an order that waits, if nothing keeps the block. */
  #obey(held: Held): void {
    const { order, isHere } = held.state;
    if (order === undefined || !isHere || held.grips > 0 || held.loads > 0 || held.isLeaving) return;
    held.note(this.#world.pool);
    const wait = beforeLeaving(held, this.#world);
    if (wait === undefined) return this.#carryOut(held, obey(held.state, handoverOf(held, this.#world)));
    held.isLeaving = true;
    const goOn = (): void => {
      held.isLeaving = held.isGoingHome = false;
      this.#obey(held);
    };
    void wait.then(goOn, goOn);
  }

  /** Another's journal waits for a block to come home. */
  #toHome(place: BlockPlace): void {
    const held = this.#heldAt(place);
    held?.note(this.#world.pool);
    held?.goHome(this.#world.bringHome);
  }

  #heldAt({ tag, block }: BlockPlace): Held | undefined {
    const volume = this.#volumes.find(tag);
    return volume === undefined ? undefined : this.held.find(volume.index, block);
  }

  /** The pool has given the frame of a block to another. */
  #evicted(index: number, block: number): void {
    const held = this.held.find(index, block);
    if (held === undefined || held.frame === NO_FRAME) return;
    outdate(this.#world.pool, held.volume, held.frame);
    held.frame = NO_FRAME;
    if (held.state.isDirty) held.state = holderStep(held.state, { kind: "home" }).block;
    this.#carryOut(held, holderStep(held.state, { kind: "evict" }));
  }
}
