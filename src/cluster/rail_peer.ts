/** Rail peer: what one member knows of another one that it has a link to, over either rail or both. */
import type { InterconnectPeer } from "../ports/mod.ts";
import type { RailState } from "./rail_message.ts";
import { otherRail, type RailNumber, silentRail } from "./rail_table.ts";

/** A link over one rail. */
export interface RailLink {
  readonly peer: InterconnectPeer;
  /** True once the other end has said how its rails are; all else comes after that. */
  isGreeted: boolean;
  /** One end has said that it ends this. */
  isEnding: boolean;
}

/** Another member. */
export class RailPeer {
  readonly incarnation: string;
  readonly name: string;
  /** Links by rail. */
  readonly links: [RailLink | undefined, RailLink | undefined] = [undefined, undefined];
  /** The round in which it was last heard, by rail. */
  readonly heard: [number, number];
  /** Links that broke since the last round, with why, by rail. */
  readonly broken: [string[], string[]] = [[], []];
  /** Rails that are being dialled. */
  readonly dialling: Set<RailNumber> = new Set<RailNumber>();
  /** Where it is, if this end has dialled it: then this end does so again. */
  addresses: readonly string[] | undefined;
  /** What it said last. */
  state: RailState | undefined;
  /** Whom the receiver was told to be up, while it is. */
  up: InterconnectPeer | undefined;

  constructor({ incarnation, name }: InterconnectPeer, round: number) {
    this.incarnation = incarnation;
    this.name = name;
    this.heard = [round, round];
  }

  /** Whether it is linked over no rail. */
  get isGone(): boolean {
    return this.links[0] === undefined && this.links[1] === undefined;
  }

  /** Whether it may be linked by both rails, as far as it is concerned. */
  get hasTwo(): boolean {
    return this.state?.hasTwo ?? false;
  }

  /** The link over a rail, if messages may pass. */
  open(rail: RailNumber): RailLink | undefined {
    const link = this.links[rail];
    return link?.isGreeted === true && !link.isEnding ? link : undefined;
  }

  /** The rail that is to blame for not hearing it; undefined when that cannot be told. */
  silent(): RailNumber | undefined {
    const rail = this.hasTwo ? silentRail(this.heard) : undefined;
    return rail !== undefined && this.open(otherRail(rail)) !== undefined ? rail : undefined;
  }

  /** Whether it is reached by a rail. */
  isReached(rail: RailNumber): boolean {
    return this.open(rail) !== undefined && this.silent() !== rail;
  }

  /** Takes what it says of itself, unless something newer came the other way. */
  says(state: RailState): void {
    if (this.state === undefined || state.number > this.state.number) this.state = state;
  }

  /** Why links broke since the last call, where another rail shows that the peer itself is well. */
  takeBroken(rail: RailNumber): readonly string[] {
    const reasons = this.broken[rail].splice(0);
    return this.open(otherRail(rail)) === undefined ? [] : reasons;
  }
}
