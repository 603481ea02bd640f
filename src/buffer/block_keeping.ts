/**
 * Keeping: the blocks that this member keeps, and who keeps which (DESIGN D6).
 *
 * Extents are spread over the members of the view by rendezvous hashing, so that a view change moves no more
 * of them than it must. What is kept of a block goes as soon as nobody has it; the numbers of turns go on
 * rising over all blocks, so that nothing late is taken for an answer to what was asked anew.
 */
import { type KeeperEvent, type KeeperMessage, keeperStep, type KeptBlock, UNHELD } from "./block_keeper.ts";
import type { BlockPlace } from "./block_message.ts";
import { mergeReports, type ReportedBlock, type SentVerdict, takenBack } from "./block_report.ts";
import { type KeeperWidth, type KeeperWidthEvent, keeperWidthStep, KEPT_BY_BLOCK } from "./wide_grant.ts";

/** Blocks in a row that have one keeper, of every volume: also of one that the keeper has not mounted. */
export const KEPT_BLOCKS = 1024;

/** What the keeper says. */
export interface KeepingWorld {
  /** Tells a member something about a block. */
  readonly tell: (place: BlockPlace, message: KeeperMessage) => void;
  /** Tells the sender of a block what became of it. */
  readonly judge: (place: BlockPlace, verdict: SentVerdict) => void;
  /**
   * Tells a member that it takes what is kept here of a database by itself, by this turn; that it does not,
   * for it has withdrawn its claim, when there is none.
   */
  readonly widen: (to: string, tag: number, turn: number | undefined) => void;
}

/** A block of whose sender it is not known yet whether it has it again. */
interface Returning {
  readonly place: BlockPlace;
  readonly block: KeptBlock;
  readonly sender: string;
}

/** The keeper's tables of one member. */
export class BlockKeeping {
  readonly #world: KeepingWorld;
  /** By tag of the volume, then by block. */
  readonly #volumes = new Map<number, Map<number, KeptBlock>>();
  /** Databases that somebody has, or claims, as a whole, by tag of the volume. */
  readonly #widths = new Map<number, KeeperWidth>();
  #lastTurn = 0;
  /** Members of the view that have not reported all that they have. */
  #expected = new Set<string>();
  #reports = new Map<string, Array<readonly [string, ReportedBlock]>>();
  #returning = new Map<string, Returning>();
  /** True while what the lost have left is recovered: until then nobody is granted anything. */
  #isBarred = false;
  /** What may be its sender's again: looked at once the lost, who may have changed it, are recovered. */
  #backs: Array<{ readonly place: BlockPlace; readonly verdict: SentVerdict }> = [];
  /** What was told about blocks of which it is not known yet who has them. */
  #waiting: Array<{ readonly place: BlockPlace; readonly event: KeeperEvent }> = [];

  /** True while what waited is heard. */
  #isGoingOn = false;

  constructor(world: KeepingWorld) {
    this.#world = world;
  }

  /** Blocks that somebody holds or asked for. */
  get size(): number {
    let size = 0;
    for (const blocks of this.#volumes.values()) size += blocks.size;
    return size;
  }

  /**
   * A view begins: each of its members is to report what it has of what is kept here. After a loss nobody is
   * granted anything before `resume`.
   */
  begin(members: readonly string[], isAfterLoss: boolean): void {
    this.#isBarred = isAfterLoss;
    this.#backs = [];
    this.#volumes.clear();
    this.#widths.clear();
    this.#reports = new Map();
    this.#returning = new Map();
    this.#waiting = [];
    this.#expected = new Set(members);
  }

  /** What the lost left is recovered. */
  resume(): void {
    this.#isBarred = false;
    for (const { place, verdict } of this.#backs.splice(0)) this.#world.judge(place, verdict);
    this.#goOn(() => true);
  }

  /** A member reported some of its blocks, or the last. */
  reported(from: string, reports: readonly ReportedBlock[], isLast: boolean): void {
    for (const report of reports) {
      const key = keyOf(report);
      const known = this.#reports.get(key);
      if (known === undefined) this.#reports.set(key, [[from, report]]);
      else known.push([from, report]);
    }
    if (isLast && this.#expected.delete(from) && this.#expected.size === 0) this.#rebuild();
  }

  /** The sender of a block has it again, or found it home. */
  returned(from: string, place: BlockPlace, hasIt: boolean): void {
    const key = keyOf(place);
    const returning = this.#returning.get(key);
    if (returning?.sender !== from) return;
    this.#returning.delete(key);
    this.#put(place, hasIt ? takenBack(returning.block, from) : returning.block);
    this.#goOn((it) => keyOf(it) === key);
  }

  /** Somebody told the keeper something. */
  heard(place: BlockPlace, event: KeeperEvent): void {
    const isWide = this.#widths.get(place.tag)?.holder !== undefined;
    const isBarred = (this.#isBarred || isWide) && event.kind === "ask";
    const isReturning = this.#returning.size > 0 && this.#returning.has(keyOf(place));
    if (isBarred || this.#expected.size > 0 || isReturning) {
      this.#waiting.push({ place, event });
      return;
    }
    // What its holder gave up before it heard that it has all.
    if (isWide) return;
    const known = this.#volumes.get(place.tag)?.get(place.block) ?? UNHELD;
    const { block, messages } = keeperStep({ ...known, turns: this.#lastTurn }, event);
    this.#put(place, block);
    for (const message of messages) this.#world.tell(place, message);
    this.#consider(place.tag);
  }

  /** A member claims all blocks of a database: it has them once nobody else has anything of it. */
  claimed(from: string, tag: number): void {
    this.#widthStep(tag, { kind: "claim", from });
    this.#consider(tag);
  }

  /** It does not any more. */
  withdrawn(from: string, tag: number): void {
    this.#widthStep(tag, { kind: "withdraw", from });
  }

  /** A member lists what it has of a database, which it had as a whole: some, or the last. */
  listed(from: string, tag: number, reports: readonly ReportedBlock[], isLast: boolean): void {
    this.#widthStep(tag, { kind: "list", from, isLast });
    for (const report of reports) this.#put(report, mergeReports([[from, report]]).block);
    if (isLast) this.#goOn((place) => place.tag === tag);
  }

  #widthStep(tag: number, event: KeeperWidthEvent): void {
    const { width, messages } = keeperWidthStep(this.#widths.get(tag) ?? KEPT_BY_BLOCK, event);
    if (width.holder === undefined && width.claims.length === 0) this.#widths.delete(tag);
    else this.#widths.set(tag, width);
    for (const { kind, to } of messages) {
      if (kind === "granted") this.#volumes.delete(tag);
      this.#world.widen(to, tag, kind === "granted" ? ++this.#lastTurn : undefined);
    }
  }

  /** Looks whether a database may be had as a whole by a member that claims it. */
  #consider(tag: number): void {
    if (this.#isGoingOn) return;
    for (const member of this.#widths.get(tag)?.claims ?? []) {
      if (this.#isQuiet(tag, member)) return this.#widthStep(tag, { kind: "quiet", from: member });
    }
  }

  /** Whether nobody but this member has anything of a database, and nothing is under way about it. */
  #isQuiet(tag: number, member: string): boolean {
    if (this.#isBarred || this.#expected.size > 0) return false;
    if (this.#waiting.some(({ place }) => place.tag === tag)) return false;
    for (const { place } of this.#returning.values()) if (place.tag === tag) return false;
    for (const block of this.#volumes.get(tag)?.values() ?? []) if (!isAlone(block, member)) return false;
    return true;
  }

  /** Who answers for a block, or is about to; undefined for one that is home, or of which it is not known. */
  answering({ tag, block }: BlockPlace): string | undefined {
    const holder = this.#widths.get(tag)?.holder;
    if (holder !== undefined) return holder;
    const kept = this.#expected.size > 0 ? undefined : this.#volumes.get(tag)?.get(block);
    const isMoving = kept?.turn?.sender !== undefined && kept.turn.mode === "EX";
    return isMoving ? kept.turn!.member : kept?.exclusive ?? kept?.owner;
  }

  #put({ tag, block }: BlockPlace, kept: KeptBlock): void {
    this.#lastTurn = Math.max(this.#lastTurn, kept.turns);
    let blocks = this.#volumes.get(tag);
    if (blocks === undefined) this.#volumes.set(tag, blocks = new Map<number, KeptBlock>());
    if (isUnheld(kept)) blocks.delete(block);
    else blocks.set(block, kept);
  }

  /** All have reported: who has what is known again. */
  #rebuild(): void {
    const reports = [...this.#reports.values()];
    this.#reports = new Map();
    for (const all of reports) {
      const place = all[0]![1];
      const { block, verdicts } = mergeReports(all);
      this.#put(place, block);
      for (const verdict of verdicts) {
        if (verdict.isBack) this.#returning.set(keyOf(place), { place, block, sender: verdict.sender });
        if (verdict.isBack && this.#isBarred) this.#backs.push({ place, verdict });
        else this.#world.judge(place, verdict);
      }
    }
    this.#goOn(() => true);
  }

  /** Takes up what waited, in the order in which it came. */
  #goOn(isDue: (place: BlockPlace) => boolean): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ place }) => !isDue(place));
    // Whoever claims a database waits until all that waited, its own asks among it, is heard.
    const isInner = this.#isGoingOn;
    this.#isGoingOn = true;
    for (const { place, event } of waiting) if (isDue(place)) this.heard(place, event);
    this.#isGoingOn = isInner;
    for (const tag of [...this.#widths.keys()]) this.#consider(tag);
  }
}

function keyOf({ tag, block }: BlockPlace): string {
  return `${tag} ${block}`;
}

/** Whether a block is held, owned and wanted by nobody but this member, and no turn is under way. */
function isAlone({ exclusive, sharers, owner, queue, turn }: KeptBlock, member: string): boolean {
  return (exclusive ?? member) === member && (owner ?? member) === member && queue.length === 0 &&
    turn === undefined && sharers.every((it) => it === member);
}

function isUnheld({ exclusive, sharers, owner, queue, turn }: KeptBlock): boolean {
  return exclusive === undefined && sharers.length === 0 && owner === undefined && queue.length === 0 &&
    turn === undefined;
}

/** The member that keeps the blocks of an extent: of all the one whose weight for it is highest. */
export function keeperOf(members: readonly string[], tag: number, extent: number): string {
  let keeper = "";
  let most = -1;
  for (const member of members) {
    const weight = weightOf(member, tag, extent);
    if (weight > most || (weight === most && member < keeper)) {
      most = weight;
      keeper = member;
    }
  }
  return keeper;
}

function weightOf(member: string, tag: number, extent: number): number {
  let hash = mixed(tag ^ Math.imul(extent + 1, 0x9e3779b1));
  for (let i = 0; i < member.length; i += 8) {
    hash = mixed(hash ^ Number.parseInt(member.slice(i, i + 8), 16));
  }
  return hash >>> 0;
}

/** Spreads the bits of a number. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
