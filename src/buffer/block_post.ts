/**
 * Block post: brings what the tables of coherence say to whom it concerns, who may be this member itself:
 * that costs no message. Only an image waits until the redo of its changes is safe (DESIGN D4).
 */
import type { Courier } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import type { Volume } from "../storage/volume.ts";
import type { BlockMessageKind, VolumeCounts } from "./block_counts.ts";
import type { BlockOrder, HolderEvent, HolderMessage } from "./block_holder.ts";
import type { KeeperMessage } from "./block_keeper.ts";
import { BlockKeeping, keeperOf, KEPT_BLOCKS } from "./block_keeping.ts";
import {
  BLOCK_TOPIC,
  type BlockPlace,
  decodeBlockMessage,
  encodeHolderMessage,
  encodeHome,
  encodeKeeperMessage,
  encodeReports,
  encodeResume,
  encodeReturned,
  encodeVerdict,
} from "./block_message.ts";
import type { JournalPart, ReportedBlock, SentVerdict } from "./block_report.ts";
import { WideGrants } from "./wide_grants.ts";
import { WIDE_TOPIC } from "./wide_message.ts";

/** Blocks that one message reports. */
const REPORTS_A_MESSAGE = 500;

/** What a holder tells the keeper. */
type ToKeeper = Exclude<HolderMessage, { readonly kind: "image" | "arrived" | "spoiled" }>;

/** What the post needs of its member. */
export interface BlockPostWorld {
  readonly courier: Courier;
  readonly blockSize: number;
  /** Something is told to this member as one who holds or wants a block. */
  readonly toHolder: (place: BlockPlace, event: HolderEvent, image: Uint8Array | undefined) => void;
  /** A block that this member sent on has arrived, or may be its own again. */
  readonly toSender: (place: BlockPlace, turn: number, isBack: boolean) => void;
  /** A block that this member answers for is to go home. */
  readonly toHome: (place: BlockPlace) => void;
  /** A member tells this one, which recovers, which blocks it has. */
  readonly toRecoverer: (
    from: string,
    reports: readonly ReportedBlock[],
    isLast: boolean,
    part: JournalPart,
  ) => void;
  /** Counts of a volume; undefined for one that is not mounted here. */
  readonly countsOf: (tag: number) => VolumeCounts | undefined;
  /** Whether a volume is shared here. */
  readonly isUsed: (tag: number) => boolean;
  /** What this member holds of it. */
  readonly heldOf: (tag: number) => readonly ReportedBlock[];
  /** What the lost left is recovered. */
  readonly onResumed: () => void;
  /** A message could not be sent: the view must be looked at. */
  readonly onTrouble: (error: unknown) => void;
}

/** Messages about blocks, and the tables of those that this member keeps. */
export class BlockPost {
  /** Databases that some member has as a whole. */
  readonly wide: WideGrants;
  /** Messages told to other members. */
  messages = 0;
  readonly #world: BlockPostWorld;
  readonly #keeping: BlockKeeping;
  /** By tag of the volume, then by extent. */
  readonly #keepers = new Map<number, string[]>();
  #members: readonly string[] = [];

  constructor(world: BlockPostWorld) {
    this.#world = world;
    this.#keeping = new BlockKeeping({
      tell: (place, message) => this.#tellHolder(place, message),
      judge: (place, verdict) => this.#judge(place, verdict),
      widen: (to, tag, turn) => this.wide.widen(to, tag, turn),
    });
    this.wide = new WideGrants({
      self: world.courier.self,
      keeping: this.#keeping,
      keeperOf: (place) => this.#keeper(place),
      send: (to, body) => this.#send(to, body, 0, WIDE_TOPIC),
      isUsed: world.isUsed,
      heldOf: world.heldOf,
      ask: (place, mode) => this.#tellKeeper(place, { kind: "ask", mode }),
      take: (place, turn) => this.#take(place, turn),
    });
    world.courier.serve(BLOCK_TOPIC, (from, body) => void this.#heard(from, body));
    world.courier.serve(WIDE_TOPIC, (from, body) => void this.wide.heard(from, body));
  }

  /** Blocks of which this member keeps something. */
  get kept(): number {
    return this.#keeping.size;
  }

  /**
   * A view begins: its members keep the blocks, and are told which of theirs this member has. So is whoever
   * recovers what the lost have left, once this member's journal is safe as far as it says: it is read there.
   * Nobody has a database as a whole; `tags` are those of the volumes that this member shares.
   */
  enter(
    members: readonly string[],
    tags: readonly number[],
    reports: readonly ReportedBlock[],
    recoverer: string | undefined,
    part: JournalPart,
  ): void {
    this.#members = members;
    this.#keepers.clear();
    this.#keeping.begin(members, recoverer !== undefined);
    const byKeeper = new Map<string, ReportedBlock[]>(members.map((member) => [member, []]));
    for (const report of reports) {
      byKeeper.get(this.#keeper(report))?.push(report);
    }
    for (const [member, theirs] of byKeeper) this.#report(member, theirs, undefined);
    if (recoverer !== undefined) this.#report(recoverer, reports, part);
    this.wide.enter(members, tags);
  }

  /** To the keeper of these blocks, or, with what of this member's journal is needed, to the recoverer. */
  #report(member: string, reports: readonly ReportedBlock[], part: JournalPart | undefined): void {
    const { self } = this.#world.courier;
    for (let from = 0; from === 0 || from < reports.length; from += REPORTS_A_MESSAGE) {
      const some = reports.slice(from, from + REPORTS_A_MESSAGE);
      const isLast = from + REPORTS_A_MESSAGE >= reports.length;
      if (member !== self) this.#send(member, encodeReports(some, isLast, part), part?.safe ?? 0);
      else if (part === undefined) this.#keeping.reported(self, some, isLast);
      else this.#world.toRecoverer(self, some, isLast, part);
    }
  }

  /** Tells all keepers that what the lost left is recovered. */
  resume(): void {
    const { self } = this.#world.courier;
    for (const member of this.#members) {
      if (member !== self) this.#send(member, encodeResume(), 0);
    }
    this.#world.onResumed();
    this.#keeping.resume();
  }

  /** Tells the keeper whether this member has a block again that it had sent on. */
  returned(place: BlockPlace, hasIt: boolean): void {
    const { self } = this.#world.courier;
    const keeper = this.#keeper(place);
    if (keeper === self) this.#keeping.returned(self, place, hasIt);
    else this.#send(keeper, encodeReturned(place, hasIt), 0);
  }

  /** Asks for a block to be brought home by whoever answers for it. */
  askHome(place: BlockPlace): void {
    const keeper = this.#keeper(place);
    if (keeper === this.#world.courier.self) this.#passHome(place);
    else this.#send(keeper, encodeHome(place, "homeKeeper"), 0);
  }

  #passHome(place: BlockPlace): void {
    const holder = this.#keeping.answering(place);
    if (holder === this.#world.courier.self) this.#world.toHome(place);
    else if (holder !== undefined) this.#send(holder, encodeHome(place, "homeHolder"), 0);
  }

  /** Tells the keeper of a block, or another who holds or wants it, what its holder says. */
  tell(
    { volume, block }: { readonly volume: Volume; readonly block: number },
    message: HolderMessage,
    image: Uint8Array | undefined,
    after: number,
  ): void {
    const place = { tag: volume.facts.tag, block };
    if (message.kind === "image") {
      return this.#sendOf(place, message.kind, message.to, encodeHolderMessage(place, message, image), after);
    }
    if (message.kind === "arrived" || message.kind === "spoiled") {
      const kind = message.kind === "arrived" ? message.kind : "other";
      return this.#sendOf(place, kind, message.to, encodeHolderMessage(place, message, undefined));
    }
    if (message.kind === "ask" && this.wide.wanted(place, message.mode)) return;
    if (message.kind === "give" && this.wide.isOwn(place)) return;
    this.#tellKeeper(place, message);
  }

  #tellKeeper(place: BlockPlace, message: ToKeeper): void {
    const { self } = this.#world.courier;
    const keeper = this.#keeper(place);
    if (keeper === self) return this.#keeping.heard(place, { ...message, from: self });
    const kind = message.kind === "unsent" ? "other" : message.kind;
    this.#sendOf(place, kind, keeper, encodeHolderMessage(place, message, undefined));
  }

  /** This member has the database as a whole: it grants the block to itself, to do all with it. */
  #take(place: BlockPlace, turn: number): void {
    const { countsOf, toHolder } = this.#world;
    const counts = countsOf(place.tag);
    if (counts !== undefined) counts.taken++;
    toHolder(place, { kind: "take", turn }, undefined);
  }

  #tellHolder(place: BlockPlace, message: KeeperMessage): void {
    const { courier, toHolder } = this.#world;
    if (message.to !== courier.self) {
      return this.#sendOf(place, message.kind, message.to, encodeKeeperMessage(place, message));
    }
    toHolder(
      place,
      message.kind === "grant" ? message : { kind: "order", order: orderOf(message) },
      undefined,
    );
  }

  /** Sends what is about one block, which counts for its volume. */
  #sendOf(
    { tag }: BlockPlace,
    kind: BlockMessageKind,
    to: string,
    body: Uint8Array,
    after: number = 0,
  ): void {
    this.#world.countsOf(tag)?.sent(kind);
    this.#send(to, body, after);
  }

  #send(to: string, body: Uint8Array, after: number, topic: number = BLOCK_TOPIC): void {
    this.messages++;
    const sent = this.#world.courier.tell(to, topic, body, after);
    if (isPending(sent)) sent.catch((error) => this.#world.onTrouble(error));
  }

  #heard(from: string, body: Uint8Array): void {
    const message = decodeBlockMessage(from, body, this.#world.blockSize);
    const { toHolder, toSender } = this.#world;
    switch (message.to) {
      case "keeper":
        return this.#keeping.heard(message.place, message.event);
      case "holder":
        return toHolder(message.place, message.event, message.bytes);
      case "rebuild":
        return this.#keeping.reported(from, message.reports, message.isLast);
      case "recoverer":
        return this.#world.toRecoverer(from, message.reports, message.isLast, message.part);
      case "resume":
        this.#world.onResumed();
        return this.#keeping.resume();
      case "homeKeeper":
        return this.#passHome(message.place);
      case "homeHolder":
        return this.#world.toHome(message.place);
      case "sender":
        return toSender(message.place, message.turn, message.isBack);
      case "returned":
        return this.#keeping.returned(from, message.place, message.hasIt);
    }
  }

  #judge(place: BlockPlace, { sender, turn, isBack }: SentVerdict): void {
    const { courier, toSender } = this.#world;
    if (sender === courier.self) toSender(place, turn, isBack);
    else this.#send(sender, encodeVerdict(place, turn, isBack), 0);
  }

  #keeper({ tag, block }: BlockPlace): string {
    const extent = Math.floor(block / KEPT_BLOCKS);
    let keepers = this.#keepers.get(tag);
    if (keepers === undefined) this.#keepers.set(tag, keepers = []);
    return keepers[extent] ??= keeperOf(this.#members, tag, extent);
  }
}

function orderOf(message: Exclude<KeeperMessage, { kind: "grant" }>): BlockOrder {
  if (message.kind === "demand") return message;
  return { kind: "drop", turn: message.turn, asker: "", mode: "EX", keeps: "NL", isFree: true };
}
