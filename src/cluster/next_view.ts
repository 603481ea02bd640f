/**
 * The next view: what may follow a view, by the record of that view alone (DESIGN D7). Pure.
 *
 * Only a member decides what follows; a newcomer may where nobody is left: the last has left, or it has
 * proven all members and all pending ones gone. Whoever is evicted stays pending, from view to view, until it
 * has been fenced and recovered.
 */
import { CohortError } from "../ground/errors.ts";
import { masterOf, memberOf, quorumOf, type View, type ViewMember, votesOf } from "../ground/view.ts";

/** A member that is to join; where it stands in the order follows. */
export type Joiner = Omit<ViewMember, "since">;

/** What is to change. */
export type ViewChange =
  | { readonly kind: "join"; readonly joiner: Joiner }
  | { readonly kind: "leave"; readonly incarnation: string }
  /** Everybody else is evicted. */
  | { readonly kind: "evict"; readonly kept: ReadonlySet<string> }
  | { readonly kind: "recover"; readonly incarnations: ReadonlySet<string> };

/** What the first view of a session is made of. */
export interface Founding {
  readonly cluster: string;
  readonly session: string;
  readonly storageVotes: number | "auto";
}

/** Most members of a view. */
export const MEMBERS_MAX = 64;
/** Most votes of a member. */
export const VOTES_MAX = 1_000;

/**
 * The view that follows when member `by` decides while it reaches the members in `present` and the shared
 * storage. Throws `CohortError`: `QUORUM_LOST`, `NAME_TAKEN`, `FULL`; and `RangeError` for what no member
 * would ask.
 */
export function nextView(view: View, by: string, present: ReadonlySet<string>, change: ViewChange): View {
  if (memberOf(view, by) === undefined) throw new RangeError(`${by} is no member of view ${view.number}`);
  const reached = new Set([...present, by]);
  refuseWithoutQuorum(view, change.kind === "evict" ? change.kept : reached);
  const next = changed(view, by, change);
  return { ...view, ...next, number: view.number + 1, creator: by };
}

type Changed = Pick<View, "cause"> & Partial<View>;

function changed(view: View, by: string, change: ViewChange): Changed {
  switch (change.kind) {
    case "join":
      return joined(view, change.joiner);
    case "leave":
      return left(view, change.incarnation);
    case "evict":
      return evicted(view, by, change.kept);
    case "recover":
      return recovered(view, by, change.incarnations);
  }
}

function joined(view: View, joiner: Joiner): Changed {
  const { name, incarnation, votes } = joiner;
  if (!Number.isInteger(votes) || votes < 0 || votes > VOTES_MAX) {
    throw new RangeError(`A member has 0 to ${VOTES_MAX} votes, got ${votes}`);
  }
  const taken = view.members.find((it) => it.name === name);
  if (taken !== undefined) {
    const message = `Could not join as ${name}: ${taken.incarnation} is a member under that name`;
    throw new CohortError("NAME_TAKEN", message, { name, incarnation: taken.incarnation, view: view.number });
  }
  const known = [...view.members, ...view.pending].some((it) => it.incarnation === incarnation);
  if (known) throw new RangeError(`Incarnation ${incarnation} is known to view ${view.number} already`);
  const full = fullError(view, name);
  if (full !== undefined) throw full;
  const members = [...view.members, { ...joiner, since: view.number + 1 }];
  const votesNow = members.reduce((sum, it) => sum + it.votes, 0);
  return { cause: "joined", members, expectedVotes: Math.max(view.expectedVotes, votesNow) };
}

/** What refuses a newcomer when all places of a view are taken; undefined while one is free. */
export function fullError(view: View, name: string): CohortError | undefined {
  if (view.members.length < MEMBERS_MAX) return undefined;
  return new CohortError("FULL", `Could not join: a cluster has at most ${MEMBERS_MAX} members`, { name });
}

function left(view: View, incarnation: string): Changed {
  const leaver = memberOf(view, incarnation);
  if (leaver === undefined) throw new RangeError(`${incarnation} is no member of view ${view.number}`);
  return {
    cause: "left",
    members: view.members.filter((it) => it !== leaver),
    expectedVotes: view.expectedVotes - leaver.votes,
  };
}

function evicted(view: View, by: string, kept: ReadonlySet<string>): Changed {
  const members = view.members.filter((it) => kept.has(it.incarnation));
  if (!kept.has(by) || members.length !== kept.size) {
    throw new RangeError(`${by} keeps who is no member of view ${view.number}, or not itself`);
  }
  if (members.length === view.members.length) throw new RangeError("Nobody is evicted");
  const lost = view.members.filter((it) => !kept.has(it.incarnation));
  return { cause: "evicted", members, pending: [...view.pending, ...lost] };
}

function recovered(view: View, by: string, incarnations: ReadonlySet<string>): Changed {
  if (masterOf(view)?.incarnation !== by) {
    throw new RangeError(`${by} is not the master of view ${view.number}`);
  }
  const pending = view.pending.filter((it) => !incarnations.has(it.incarnation));
  if (pending.length !== view.pending.length - incarnations.size || incarnations.size === 0) {
    throw new RangeError("What is recovered was not pending");
  }
  return { cause: "recovered", pending };
}

function refuseWithoutQuorum(view: View, present: ReadonlySet<string>): void {
  const votes = votesOf(view, present, true);
  const quorum = quorumOf(view);
  if (votes >= quorum) return;
  const message = `Could not change view ${view.number}: ${votes} votes are present, ${quorum} are needed`;
  throw new CohortError("QUORUM_LOST", message, { view: view.number, votes, quorum });
}

/**
 * The first view of a session, which a newcomer makes over the newest view there is, if any. Everybody whom
 * that one names must be in `gone`. Throws `IN_USE` for somebody who is not. What a view of another cluster
 * names, which lies in a copied directory that was adopted, is that cluster's to recover, where it is.
 */
export function foundingView(
  before: View | undefined,
  joiner: Joiner,
  gone: ReadonlySet<string>,
  { cluster, session, storageVotes }: Founding,
): View {
  const isOurs = before !== undefined && before.cluster === cluster;
  const owed = isOurs ? [...before.members, ...before.pending] : [];
  const alive = owed.find((it) => !gone.has(it.incarnation));
  if (isOurs && alive !== undefined && before.members.length > 0) {
    const message = `Could not begin a session: ${alive.name} of view ${before.number} is not proven gone`;
    throw new CohortError("IN_USE", message, { name: alive.name, incarnation: alive.incarnation });
  }
  if (!(joiner.votes >= 1 && joiner.votes <= VOTES_MAX)) {
    throw new RangeError(`The first member has 1 to ${VOTES_MAX} votes, got ${joiner.votes}`);
  }
  const number = (before?.number ?? 0) + 1;
  return {
    number,
    cluster,
    session,
    cause: "formed",
    creator: joiner.incarnation,
    members: [{ ...joiner, since: number }],
    pending: owed,
    expectedVotes: joiner.votes,
    storageVotes,
  };
}
