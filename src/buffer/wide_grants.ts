/**
 * Wide grants: carries out what the tables of `wide_grant.ts` say for one member: as one who uses databases,
 * as the master that gives them as a whole, and as one who has some so.
 */
import type { GrantMode } from "./block_keeper.ts";
import type { BlockKeeping } from "./block_keeping.ts";
import type { BlockPlace } from "./block_message.ts";
import type { ReportedBlock } from "./block_report.ts";
import {
  BY_BLOCK,
  type DatabaseUse,
  type HolderWidth,
  type HolderWidthEvent,
  holderWidthStep,
  UNUSED,
  type UseEvent,
  useStep,
} from "./wide_grant.ts";
import { decodeWide, encodeWide, type WideMessage } from "./wide_message.ts";

/** Blocks that one message lists. */
const LISTED_A_MESSAGE = 500;

/** What it needs of the post. */
export interface WideWorld {
  readonly self: string;
  readonly keeping: BlockKeeping;
  readonly keeperOf: (place: BlockPlace) => string;
  /** Sends a message to another member. */
  readonly send: (to: string, body: Uint8Array) => void;
  /** Whether this member uses a database. */
  readonly isUsed: (tag: number) => boolean;
  /** What this member holds of one. */
  readonly heldOf: (tag: number) => readonly ReportedBlock[];
  /** Asks a keeper for a block. */
  readonly ask: (place: BlockPlace, mode: GrantMode) => void;
  /** This member takes a block that it asked for, by this turn. */
  readonly take: (place: BlockPlace, turn: number) => void;
}

/** Before there is a view nothing is given. */
const NOBODY_YET: Set<string> = new Set([""]);

/** A block that is asked for, once it is known whether it must be. */
interface HeldBack {
  readonly place: BlockPlace;
  readonly mode: GrantMode;
}

/** Of one member. */
export class WideGrants {
  readonly #world: WideWorld;
  #members: readonly string[] = [];
  /** As master: who uses what, by tag of the volume, and who has not said yet what it uses. */
  readonly #uses = new Map<number, DatabaseUse>();
  #untold = NOBODY_YET;
  /** How this member has its databases, by tag of the volume, then by keeper. */
  readonly #widths = new Map<number, Map<string, HolderWidth>>();
  #heldBack: HeldBack[] = [];

  constructor(world: WideWorld) {
    this.#world = world;
  }

  /** A view begins, and has been told all blocks that are held: this member tells the master what it uses. */
  enter(members: readonly string[], tags: readonly number[]): void {
    this.#members = members;
    this.#uses.clear();
    this.#untold = new Set(members);
    this.#widths.clear();
    this.#heldBack = [];
    this.#tell(this.#master, { kind: "uses", tags });
  }

  /** This member begins to use a database. */
  use(tag: number): void {
    this.#tell(this.#master, { kind: "use", tag });
  }

  /** It has given up all that it had of one, and uses it no more. */
  unuse(tag: number): void {
    this.#letGo(tag);
    this.#tell(this.#master, { kind: "unuse", tag });
  }

  /** Whether this member takes every block of a database without asking. */
  isWide(tag: number): boolean {
    const widths = [...this.#widths.get(tag)?.values() ?? []];
    return widths.length > 0 && widths.every(({ phase }) => phase === "database");
  }

  /** This member wants a block: true when its keeper is not to be asked, or not yet. */
  wanted(place: BlockPlace, mode: GrantMode): boolean {
    const { phase, turn } = this.#widthOf(place);
    if (phase === "block") return false;
    if (phase === "database") this.#world.take(place, turn);
    else this.#heldBack.push({ place, mode });
    return true;
  }

  /** Whether the keeper of a block knows nothing of who has it, for this member has all. */
  isOwn(place: BlockPlace): boolean {
    return this.#widthOf(place).phase === "database";
  }

  /** A member told this one something. */
  heard(from: string, body: Uint8Array): void {
    this.#heard(from, decodeWide(body));
  }

  /** As the keeper of a part of a database: it is had as a whole, by this turn, or is not. */
  widen(to: string, tag: number, turn: number | undefined): void {
    this.#tell(to, turn === undefined ? { kind: "withdrawn", tag } : { kind: "granted", tag, turn });
  }

  #heard(from: string, message: WideMessage): void {
    const { keeping } = this.#world;
    switch (message.kind) {
      case "uses":
        return this.#told(from, message.tags);
      case "use":
      case "unuse":
        return this.#used(message.tag, { kind: message.kind, from });
      case "give":
        return this.#given(message.tag);
      case "end":
        return this.#letGo(message.tag);
      case "claim":
        return keeping.claimed(from, message.tag);
      case "withdraw":
        return keeping.withdrawn(from, message.tag);
      case "granted":
      case "withdrawn":
        return this.#holderStep(message.tag, from, message);
      case "list":
        return keeping.listed(from, message.tag, message.reports, message.isLast);
    }
  }

  get #master(): string {
    return this.#members[0] ?? this.#world.self;
  }

  #tell(to: string, message: WideMessage): void {
    const { self, send } = this.#world;
    if (to === self) this.#heard(self, message);
    else send(to, encodeWide(message));
  }

  #told(from: string, tags: readonly number[]): void {
    for (const tag of tags) this.#used(tag, { kind: "use", from });
    if (!this.#untold.delete(from) || this.#untold.size > 0) return;
    for (const tag of [...this.#uses.keys()]) this.#used(tag, { kind: "told" });
  }

  #used(tag: number, event: UseEvent): void {
    const { use, messages } = useStep(this.#uses.get(tag) ?? UNUSED, event, this.#untold.size === 0);
    if (use.users.length === 0) this.#uses.delete(tag);
    else this.#uses.set(tag, use);
    for (const { kind, to } of messages) this.#tell(to, { kind, tag });
  }

  /** The master says that this member may have a database as a whole, which it may have left by now. */
  #given(tag: number): void {
    if (!this.#world.isUsed(tag)) return;
    if (!this.#widths.has(tag)) {
      this.#widths.set(tag, new Map(this.#members.map((it) => [it, BY_BLOCK])));
    }
    for (const keeper of this.#members) this.#holderStep(tag, keeper, { kind: "give" });
  }

  /** This member takes no more of a database without asking, and lists what it has of it. */
  #letGo(tag: number): void {
    for (const keeper of this.#members) this.#holderStep(tag, keeper, { kind: "end" });
  }

  #widthOf(place: BlockPlace): HolderWidth {
    const widths = this.#widths.get(place.tag);
    return widths === undefined ? BY_BLOCK : widths.get(this.#world.keeperOf(place)) ?? BY_BLOCK;
  }

  #holderStep(tag: number, keeper: string, event: HolderWidthEvent): void {
    const widths = this.#widths.get(tag);
    if (widths === undefined) return;
    const before = widths.get(keeper) ?? BY_BLOCK;
    const { width, messages } = holderWidthStep(before, event);
    widths.set(keeper, width);
    if ([...widths.values()].every(({ phase }) => phase === "block")) this.#widths.delete(tag);
    for (const message of messages) {
      if (message === "list") this.#list(tag, keeper);
      else this.#tell(keeper, { kind: message, tag });
    }
    const isKnown = width.phase === "block" || width.phase === "database";
    if (isKnown && before.phase !== width.phase) this.#release(tag, keeper);
  }

  #list(tag: number, keeper: string): void {
    const held = this.#world.heldOf(tag).filter((it) => this.#world.keeperOf(it) === keeper);
    for (let from = 0; from === 0 || from < held.length; from += LISTED_A_MESSAGE) {
      const reports = held.slice(from, from + LISTED_A_MESSAGE);
      this.#tell(keeper, { kind: "list", tag, reports, isLast: from + LISTED_A_MESSAGE >= held.length });
    }
  }

  /** It is known whether a keeper is to be asked. */
  #release(tag: number, keeper: string): void {
    const { keeperOf, take, ask } = this.#world;
    const isIts = ({ place }: HeldBack): boolean => place.tag === tag && keeperOf(place) === keeper;
    const mine = this.#heldBack.filter(isIts);
    this.#heldBack = this.#heldBack.filter((it) => !isIts(it));
    for (const { place, mode } of mine) {
      const { phase, turn } = this.#widthOf(place);
      if (phase === "database") take(place, turn);
      else ask(place, mode);
    }
  }
}
