/**
 * Host status: what members tell each other of how they stand, over the network or, while that is dead,
 * through the slots on the shared storage (rules 90 to 92). By it a partition is told from a death, and
 * whoever stands back says why to those who do not hear it.
 */
import { CohortError } from "../ground/errors.ts";
import type { View } from "../ground/view.ts";
import {
  decodeMember,
  encodeMember,
  MEMBER_HEAD_BYTES,
  type MemberMessage,
  type MemberReport,
} from "./member_message.ts";
import type { MembershipWorld } from "./membership_world.ts";
import type { Peers } from "./peers.ts";
import { LETTER_BYTES_MAX, SlotMail } from "./slot_mail.ts";

/** Most bytes that a member tells another at once. */
export const TELL_BYTES_MAX: number = LETTER_BYTES_MAX - MEMBER_HEAD_BYTES;
/** Longest reason that is told, in UTF-16 units: three bytes each. */
const WHY_MAX = 300;

/** By which way somebody was told. */
type Way = "network" | "slot";

/** What one member tells and is told. */
export class HostStatus {
  readonly mail: SlotMail;
  readonly #world: MembershipWorld;
  readonly #peers: Peers;
  #view: View | undefined;
  #own: MemberReport = { state: "joining", why: "" };
  #serial = 0;
  /** Which of its states each member was told last, and how. */
  readonly #told = new Map<string, { readonly serial: number; readonly way: Way }>();
  readonly #reports = new Map<string, { readonly serial: number; readonly report: MemberReport }>();

  constructor(world: MembershipWorld, peers: Peers) {
    this.#world = world;
    this.#peers = peers;
    this.mail = new SlotMail(world.owner.nonce);
  }

  /** How another member says that it stands; undefined when it could not tell yet. */
  reportOf(incarnation: string): MemberReport | undefined {
    return this.#reports.get(incarnation)?.report;
  }

  /** A view is in force. */
  entered(view: View): void {
    // Whoever left and joined again counts anew what it says, whether or not the view between was seen.
    const since = new Map(this.#view?.members.map((it) => [it.incarnation, it.since]));
    this.#view = view;
    const staying = view.members.filter((it) => since.get(it.incarnation) === it.since);
    const members = new Set(staying.map((it) => it.incarnation));
    for (const known of [this.#told, this.#reports]) {
      for (const it of [...known.keys()]) if (!members.has(it)) known.delete(it);
    }
    this.mail.keep(members);
  }

  /** This member stands otherwise than before. */
  stands(own: MemberReport): void {
    this.#serial++;
    this.#own = { ...own, why: own.why.slice(0, WHY_MAX) };
  }

  /** Tells those who do not know yet how this member stands, and those again who went silent since. */
  flush(): void {
    if (this.#view === undefined) return;
    const serial = this.#serial;
    const message = { kind: "state", view: this.#view.number, serial, report: this.#own } as const;
    for (const { incarnation } of this.#peers.members) {
      const told = this.#told.get(incarnation), way = this.#wayTo(incarnation);
      if (told?.serial === serial && (told.way === "slot" || way === "network")) continue;
      if (this.#pass(incarnation, way, message)) this.#told.set(incarnation, { serial, way });
    }
  }

  /**
   * Tells a member something, at most once. False when it is no member of the view, or what was told to it
   * before is still on its way.
   */
  tell(to: string, bytes: Uint8Array): boolean {
    if (bytes.length > TELL_BYTES_MAX) {
      throw new RangeError(`A member is told at most ${TELL_BYTES_MAX} bytes at once, got ${bytes.length}`);
    }
    if (this.#view === undefined || !this.#isPeer(to)) return false;
    return this.#pass(to, this.#wayTo(to), { kind: "letter", view: this.#view.number, bytes });
  }

  /** A letter came through a slot. */
  letter(from: string, bytes: Uint8Array): void {
    try {
      this.received(from, decodeMember(bytes, from));
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      this.#world.observer.event("cluster.bad_letter", "warn", { from, cause: error.message });
    }
  }

  /** A message of a member came, by whichever way. */
  received(from: string, message: MemberMessage): void {
    if (!this.#isPeer(from)) return;
    if (message.kind === "letter") return this.#world.onTold(from, message.bytes);
    if (message.kind !== "state") return;
    const { serial, report } = message;
    if (serial > (this.#reports.get(from)?.serial ?? 0)) this.#reports.set(from, { serial, report });
  }

  #isPeer(incarnation: string): boolean {
    return this.#peers.members.some((it) => it.incarnation === incarnation);
  }

  /** The network, while the other is heard by it: a link may stand for long after nothing passes any more. */
  #wayTo(incarnation: string): Way {
    const heard = this.#peers.hears(this.#world.clock.monotonicMs());
    return this.#world.post.isLinked(incarnation) && heard.includes(incarnation) ? "network" : "slot";
  }

  #pass(to: string, way: Way, message: MemberMessage): boolean {
    const bytes = encodeMember(message);
    return way === "network" ? this.#world.post.send(to, bytes) : this.mail.post(to, bytes);
  }
}
