/** Welcome: how the master answers a newcomer. */
import { CohortError } from "../ground/errors.ts";
import { masterOf, type View } from "../ground/view.ts";
import { unfenceable } from "./fencing.ts";
import type { JoinRequest } from "./member_message.ts";
import type { MembershipWorld } from "./membership_world.ts";
import type { Joiner } from "./next_view.ts";

/** An answer. */
export type WelcomeAnswer =
  | { readonly kind: "join"; readonly joiner: Joiner }
  | { readonly kind: "wait"; readonly why: string }
  | { readonly kind: "refuse"; readonly error: CohortError };

/** Name of the file by which a newcomer shows that it sees the same directory. */
export function probeName(incarnation: string): string {
  return `probe.${incarnation}`;
}

/** The master's side of a join. */
export class Welcome {
  readonly #world: MembershipWorld;

  constructor(world: MembershipWorld) {
    this.#world = world;
  }

  /** Judges a newcomer by the present view. */
  async answer(view: View, isMaster: boolean, asked: JoinRequest): Promise<WelcomeAnswer> {
    const { joiner, settings, probe } = asked;
    if (!isMaster) return { kind: "wait", why: `${masterOf(view)?.name ?? "nobody"} is to say so` };
    if (view.pending.length > 0) {
      return { kind: "wait", why: `${view.pending.map((it) => it.name).join(", ")} is being recovered` };
    }
    const difference = differenceOf(this.#world.settings, settings);
    if (difference !== undefined) return { kind: "refuse", error: difference };
    if (!(await this.#sees(joiner.incarnation, probe))) {
      const text = `${joiner.name} does not see the files of this PIJ directory`;
      return { kind: "refuse", error: new CohortError("PEER_REFUSED", text, { name: joiner.name }) };
    }
    const { storage } = this.#world;
    const report = await storage.fence.examine(joiner.owner);
    const error = unfenceable(storage, joiner.name, joiner.owner, report);
    if (error !== undefined) return { kind: "refuse", error };
    const taken = view.members.find((it) => it.name === joiner.name);
    if (taken === undefined) return { kind: "join", joiner };
    const { state, reason } = await storage.fence.examine(taken.owner);
    if (state === "gone") return { kind: "wait", why: `the earlier ${taken.name} is being evicted` };
    const text = `Could not join as ${joiner.name}: a member has that name, and ${reason}`;
    const facts = { name: joiner.name, incarnation: taken.incarnation, view: view.number };
    return { kind: "refuse", error: new CohortError("NAME_TAKEN", text, facts) };
  }

  /** Whether the newcomer's probe is here too. */
  async #sees(incarnation: string, probe: string): Promise<boolean> {
    const path = `${this.#world.directory}/${probeName(incarnation)}`;
    const bytes = await this.#world.storage.readRegister(path);
    return bytes !== undefined && new TextDecoder().decode(bytes) === probe;
  }
}

/** The first setting in which two members differ. */
export function differenceOf(
  ours: Readonly<Record<string, string>>,
  theirs: Readonly<Record<string, string>>,
): CohortError | undefined {
  for (const setting of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const expected = Object.hasOwn(ours, setting) ? ours[setting] : undefined;
    const found = Object.hasOwn(theirs, setting) ? theirs[setting] : undefined;
    if (expected === found) continue;
    const text = `Could not join: ${setting} is ${found ?? "not given"}, the members have ${
      expected ?? "none"
    }`;
    return new CohortError("PEER_REFUSED", text, { setting, expected, found });
  }
  return undefined;
}
