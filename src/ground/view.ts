/** View: who is a member, in which order they joined, and who is owed a recovery (DESIGN D7). Pure. */
import type { OwnerIdentity } from "../ports/mod.ts";

/** A member, as its view names it. */
export interface ViewMember {
  /** Name, which no two members have. */
  readonly name: string;
  /** Incarnation: 32 hexadecimal digits, of one life of one node; the nonce of its owner. */
  readonly incarnation: string;
  /** The process it lives in, for those who have to prove it gone. */
  readonly owner: OwnerIdentity;
  /** Where the interconnect of the others reaches it. */
  readonly address: string;
  /** Directory of its journal and image journal, as every member sees it. */
  readonly journal: string;
  /** Its votes. */
  readonly votes: number;
  /** Number of the view in which it joined. */
  readonly since: number;
}

/** Why there is a view. */
export type ViewCause = "formed" | "joined" | "left" | "evicted" | "recovered";

/** A view. */
export interface View {
  /** Number, above those of all earlier views of the cluster. */
  readonly number: number;
  /** Id of the cluster: 32 hexadecimal digits. */
  readonly cluster: string;
  /** Id of the time from the first member to the last: 32 hexadecimal digits. */
  readonly session: string;
  readonly cause: ViewCause;
  /** Incarnation of the member that created it. */
  readonly creator: string;
  /** In the order in which they joined; empty when the last has left. */
  readonly members: readonly ViewMember[];
  /** Evicted members that were not yet both fenced and recovered. */
  readonly pending: readonly ViewMember[];
  /** Votes of members that are expected: those of members, and of the evicted until they come back. */
  readonly expectedVotes: number;
  /** Votes of the shared storage: a number, or `auto` for one less than those of the members expected. */
  readonly storageVotes: number | "auto";
}

/** The master: the earliest joiner alive. */
export function masterOf(view: View): ViewMember | undefined {
  return view.members[0];
}

/** The member of this incarnation. */
export function memberOf(view: View, incarnation: string): ViewMember | undefined {
  return view.members.find((it) => it.incarnation === incarnation);
}

/** Votes of the shared storage in a view. */
export function storageVotesOf({ storageVotes, expectedVotes }: View): number {
  return storageVotes === "auto" ? Math.max(0, expectedVotes - 1) : storageVotes;
}

/** Votes without which nothing is decided or served. */
export function quorumOf(view: View): number {
  return Math.floor((view.expectedVotes + storageVotesOf(view)) / 2) + 1;
}

/** Votes of those members of a view that are in `present`, and of the storage when it is. */
export function votesOf(view: View, present: ReadonlySet<string>, hasStorage: boolean): number {
  const votes = view.members.reduce(
    (sum, it) => present.has(it.incarnation) ? sum + it.votes : sum,
    0,
  );
  return votes + (hasStorage ? storageVotesOf(view) : 0);
}
