/** Peers: what one member knows of the others of its view, and keeps up to date. */
import type { View, ViewMember } from "../ground/view.ts";
import type { Fence } from "../ports/mod.ts";
import type { Situation } from "./course.ts";
import type { SlotRecord } from "./slot_record.ts";
import { PeerWatch, type SilenceLimits, type Verdict } from "./verdict.ts";

/** So often, and after so many milliseconds, who lost its link is looked for again. */
const SOON_LOOKS = 8;
const SOON_MS = 10;

const OVER = { state: "gone" } as const;

interface Peer {
  readonly member: ViewMember;
  readonly watch: PeerWatch;
  slot: SlotRecord | undefined;
  isGone: boolean;
}

/** The other members of the present view. */
export class Peers {
  readonly #limits: SilenceLimits;
  readonly #evictSilent: boolean;
  readonly #peers = new Map<string, Peer>();
  /** How often in a row somebody without a link was not found gone. */
  #looks = 0;

  /** `evictSilent`: false where silence is no reason to evict, and only who is proven gone is lost. */
  constructor(limits: SilenceLimits, evictSilent: boolean) {
    this.#limits = limits;
    this.#evictSilent = evictSilent;
  }

  /** Their members. */
  get members(): ViewMember[] {
    return [...this.#peers.values()].map((it) => it.member);
  }

  /** Takes the members of a view; of those that stay it goes on knowing what it knew. */
  enter(view: View, self: string, now: number): void {
    const stay = new Set(view.members.map((it) => it.incarnation));
    for (const incarnation of [...this.#peers.keys()]) {
      if (!stay.has(incarnation)) this.#peers.delete(incarnation);
    }
    for (const member of view.members) {
      const { incarnation, since } = member;
      // Whoever left and joined again begins anew, and so does what it says.
      if (incarnation === self || this.#peers.get(incarnation)?.member.since === since) continue;
      const watch = new PeerWatch(this.#limits, now);
      this.#peers.set(incarnation, { member, watch, slot: undefined, isGone: false });
    }
  }

  /** A message of an incarnation came. */
  heard(incarnation: string, now: number): void {
    this.#peers.get(incarnation)?.watch.heard(now);
  }

  /** The slot of an incarnation was looked at: what it says, or that there is none that is whole. */
  looked(incarnation: string, slot: SlotRecord | undefined, now: number): void {
    const peer = this.#peers.get(incarnation);
    if (peer === undefined) return;
    peer.watch.looked(slot?.counter, now);
    if (slot !== undefined) peer.slot = slot;
  }

  /** This member itself did nothing for so long. */
  excuse(ms: number): void {
    for (const { watch } of this.#peers.values()) watch.excuse(ms);
  }

  /** Verdicts by incarnation. */
  verdicts(now: number): Map<string, Verdict> {
    const all = [...this.#peers].map(([incarnation, { watch, isGone }]): [string, Verdict] => [
      incarnation,
      isGone ? "down" : watch.verdict(now),
    ]);
    return new Map(all);
  }

  /**
   * Looks whether the processes of those that are not linked are gone, or said that they are over; true when
   * one more is.
   */
  async examine(
    fence: Fence,
    isLinked: (incarnation: string) => boolean,
    isOver: (incarnation: string) => boolean,
  ): Promise<boolean> {
    let isNews = false, isAnyUnlinked = false;
    for (const [incarnation, peer] of [...this.#peers]) {
      if (peer.isGone || isLinked(incarnation) && !isOver(incarnation)) continue;
      const { state } = isOver(incarnation) ? OVER : await fence.examine(peer.member.owner);
      isNews ||= state === "gone";
      isAnyUnlinked ||= state !== "gone";
      peer.isGone = state === "gone";
    }
    this.#looks = isAnyUnlinked ? this.#looks + 1 : 0;
    return isNews;
  }

  /**
   * Milliseconds until they are to be examined again: a process that was killed ends its links somewhat
   * before it is gone.
   */
  pauseMs(pulseMs: number): number {
    return this.#looks > 0 && this.#looks <= SOON_LOOKS ? Math.min(SOON_MS, pulseMs) : pulseMs;
  }

  /** Incarnations that are heard now. */
  hears(now: number): string[] {
    return [...this.#peers].filter(([, { watch, isGone }]) => !isGone && watch.isHeard(now)).map(([it]) =>
      it
    );
  }

  /** All that is known, for `courseOf`. */
  situation(view: View, self: string, now: number): Situation {
    const gone = new Set<string>(), awaited = new Set<string>();
    const slots = new Map<string, SlotRecord>();
    for (const [incarnation, { watch, slot, isGone }] of this.#peers) {
      if (isGone) gone.add(incarnation);
      else if (!this.#evictSilent) awaited.add(incarnation);
      else if (slot === undefined && watch.isSeen) awaited.add(incarnation);
      else if (slot !== undefined && watch.isSeen) slots.set(incarnation, slot);
    }
    const heard = this.#evictSilent ? new Set(this.hears(now)) : awaited;
    return { view, self, gone, heard, slots, awaited };
  }
}
