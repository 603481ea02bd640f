/**
 * Welcome: how members answer a newcomer. Each reads the newcomer's probe by its own path and vouches to the
 * master that it is there; the master takes whom all have vouched for.
 */
import { CohortError } from "../ground/errors.ts";
import { masterOf, memberOf, type View, type ViewMember } from "../ground/view.ts";
import { unfenceable } from "./fencing.ts";
import type { JoinRequest, MemberMessage } from "./member_message.ts";
import type { MembershipWorld } from "./membership_world.ts";
import { fullError, type Joiner } from "./next_view.ts";
import { isSaidOver } from "./over.ts";
import { differenceOf } from "./shared_settings.ts";

/** An answer. */
export type WelcomeAnswer =
  | { readonly kind: "join"; readonly joiner: Joiner }
  | { readonly kind: "wait"; readonly why: string }
  | { readonly kind: "refuse"; readonly error: CohortError };

/** What one member says of a newcomer's probe. */
export type Vouch = Extract<MemberMessage, { readonly kind: "vouch" }>;

/** Most newcomers whose vouches are kept; those of the one that came first go. */
const NEWCOMERS_MAX = 64;
/** Most newcomers whose questions wait at once. */
const ASKING_MAX = 64;

/** Name of the file by which a newcomer shows that it sees the same directory. */
export function probeName(incarnation: string): string {
  return `probe.${incarnation}`;
}

/** A member's side of joins. */
export class Welcome {
  readonly #world: MembershipWorld;
  /** By newcomer, by who vouches. */
  readonly #vouches = new Map<string, Map<string, Vouch>>();
  /** Newcomers that are being answered. */
  readonly #asking = new Set<string>();

  constructor(world: MembershipWorld) {
    this.#world = world;
  }

  /** One question of a newcomer is answered at a time, however often it asks while a disk is slow. */
  inTurn(from: string, answer: (to: string) => Promise<void>): void {
    if (this.#asking.has(from) || this.#asking.size >= ASKING_MAX) return;
    this.#asking.add(from);
    void answer(from).then(() => this.#asking.delete(from));
  }

  /** Reads a newcomer's probe by this member's own path. */
  async vouch(view: View, { joiner, probe }: JoinRequest): Promise<Vouch> {
    const path = `${this.#world.directory}/${probeName(joiner.incarnation)}`;
    const said = { kind: "vouch", view: view.number, newcomer: joiner.incarnation, probe } as const;
    try {
      const bytes = await this.#world.storage.readRegister(path);
      const sees = bytes !== undefined && new TextDecoder().decode(bytes) === probe;
      return { ...said, sees, why: sees ? "" : `its path ${this.#world.directory} does not show them` };
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      // Not seen is no proof of another directory here: it tries again when it is asked again.
      return { ...said, sees: true, why: error.message };
    }
  }

  /** A member has vouched; only the master keeps it. */
  vouched(view: View, by: string, vouch: Vouch): void {
    if (memberOf(view, by) === undefined || memberOf(view, vouch.newcomer) !== undefined) return;
    const known = this.#vouches.get(vouch.newcomer) ?? new Map<string, Vouch>();
    this.#vouches.set(vouch.newcomer, known);
    known.set(by, vouch);
    const [first] = this.#vouches.keys();
    if (this.#vouches.size > NEWCOMERS_MAX) this.#vouches.delete(first!);
  }

  /** Judges a newcomer by the present view. */
  async answer(view: View, mayDecide: boolean, asked: JoinRequest): Promise<WelcomeAnswer> {
    const { joiner, settings } = asked;
    if (!mayDecide) return { kind: "wait", why: `the master ${masterOf(view)?.name} is suspended` };
    if (view.pending.length > 0) {
      return { kind: "wait", why: `${view.pending.map((it) => it.name).join(", ")} is being recovered` };
    }
    const difference = differenceOf(this.#world.settings, settings);
    if (difference !== undefined) return { kind: "refuse", error: difference };
    this.vouched(view, this.#world.owner.nonce, await this.vouch(view, asked));
    const unseen = this.#unseen(view, asked);
    if (unseen !== undefined) return unseen;
    const { storage } = this.#world;
    const report = await storage.fence.examine(joiner.owner);
    const error = unfenceable(storage, joiner.name, joiner.owner, report);
    if (error !== undefined) return { kind: "refuse", error };
    const taken = view.members.find((it) => it.name === joiner.name);
    if (taken === undefined) {
      const full = await this.#refuseFull(view, joiner);
      if (full !== undefined) return full;
      this.#vouches.delete(joiner.incarnation);
      return { kind: "join", joiner };
    }
    const { isOver, reason } = await this.#lookAt(taken);
    if (isOver) return { kind: "wait", why: `the earlier ${taken.name} is being evicted` };
    const text = `Could not join as ${joiner.name}: a member has that name, and ${reason}`;
    const facts = { name: joiner.name, incarnation: taken.incarnation, view: view.number };
    return { kind: "refuse", error: new CohortError("NAME_TAKEN", text, facts) };
  }

  /** What stands against a newcomer where all places are taken; that of one who is gone is waited for. */
  async #refuseFull(view: View, joiner: Joiner): Promise<WelcomeAnswer | undefined> {
    const error = fullError(view, joiner.name);
    if (error === undefined) return undefined;
    for (const member of view.members) {
      const { isOver } = await this.#lookAt(member);
      if (isOver) return { kind: "wait", why: `${member.name} is being evicted, for its place` };
    }
    return { kind: "refuse", error };
  }

  /** Whether a member's process is gone, or has said that this life in it is over. */
  async #lookAt({ owner, incarnation }: ViewMember): Promise<{ isOver: boolean; reason: string }> {
    const { storage, directory } = this.#world;
    const { state, reason } = await storage.fence.examine(owner);
    return { isOver: state === "gone" || await isSaidOver(storage, directory, incarnation), reason };
  }

  /** What stands against a newcomer whose probe not every member has read; undefined when all have. */
  #unseen(view: View, { joiner, probe }: JoinRequest): WelcomeAnswer | undefined {
    const vouches = this.#vouches.get(joiner.incarnation);
    const waits: string[] = [];
    for (const { incarnation, name } of view.members) {
      const vouch = vouches?.get(incarnation);
      if (vouch === undefined || vouch.probe !== probe) waits.push(name);
      else if (!vouch.sees) {
        const text = `${joiner.name} and ${name} do not see the same files: ${vouch.why}`;
        const facts = { name: joiner.name, other: name };
        return { kind: "refuse", error: new CohortError("PEER_REFUSED", text, facts) };
      } else if (vouch.why !== "") waits.push(`${name} (${vouch.why})`);
    }
    if (waits.length === 0) return undefined;
    return { kind: "wait", why: `the probe of ${joiner.name} is to be read by ${waits.join(", ")}` };
  }
}
