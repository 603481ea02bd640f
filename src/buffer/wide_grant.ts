/**
 * Wide grant: the leave of one member to use every block of a database, given while no other member uses it
 * (DESIGN D6). Pure tables: events in, messages out.
 *
 * Three parts. The master knows who uses a database, and says who may have it as a whole. That member claims
 * it from every keeper; one that says yes has made sure that nobody else has any of its blocks there, and
 * forgets them: from then on the holder takes what it needs without asking. When the grant ends the holder
 * first stops doing so, then lists to each keeper all that it has, and no keeper grants any block of the
 * database to anybody before the last of that list has come. All of it ends with the view.
 */

/** Who uses a database, as the master of the view knows it: who has mounted it clustered. */
export interface DatabaseUse {
  /** In the order in which they came. */
  readonly users: readonly string[];
  /** Who was given the database as a whole. */
  readonly holder: string | undefined;
}

/** A database that nobody uses. */
export const UNUSED: DatabaseUse = { users: [], holder: undefined };

/** What the master hears of a database; `told` once all members have said what they use. */
export type UseEvent =
  | { readonly kind: "use" | "unuse"; readonly from: string }
  | { readonly kind: "told" };

/** What the master says: a member may have the database as a whole, or may no more. */
export interface UseMessage {
  readonly kind: "give" | "end";
  readonly to: string;
}

/** What follows; nothing is given before all members have told what they use. */
export function useStep(
  { users, holder }: DatabaseUse,
  event: UseEvent,
  isTold: boolean,
): { readonly use: DatabaseUse; readonly messages: readonly UseMessage[] } {
  const after = usersAfter(users, event);
  const next = isTold && after.length === 1 ? after[0] : undefined;
  const messages: UseMessage[] = [];
  if (holder !== undefined && holder !== next) messages.push({ kind: "end", to: holder });
  if (next !== undefined && holder !== next) messages.push({ kind: "give", to: next });
  return { use: { users: after, holder: next }, messages };
}

function usersAfter(users: readonly string[], event: UseEvent): readonly string[] {
  if (event.kind === "told") return users;
  if (event.kind === "unuse") return users.filter((it) => it !== event.from);
  return users.includes(event.from) ? users : [...users, event.from];
}

/** How a member has the blocks of a database that one keeper keeps: each by itself, or all. */
export interface HolderWidth {
  /**
   * `claiming`: it claims all, and asks for none: it has them all in a moment, or asks then. `ending`: it
   * does so no more, and waits for what the keeper says. What is under way to it may be a grant that was made
   * before the yes: so it lists nothing before it has heard that.
   */
  readonly phase: "block" | "claiming" | "ending" | "database";
  /** The turn by which it has what it takes: above all turns that the keeper gave before. */
  readonly turn: number;
  /** Whether it claims all once more as soon as it has ended. */
  readonly isWanted: boolean;
}

/** Every block by itself. */
export const BY_BLOCK: HolderWidth = { phase: "block", turn: 0, isWanted: false };
const CLAIMING: HolderWidth = { ...BY_BLOCK, phase: "claiming" };

/** What a member hears about a database. */
export type HolderWidthEvent =
  /** Of the master: it may have all; it has to let go. */
  | { readonly kind: "give" | "end" }
  /** Of the keeper, once for each claim: yes; or no, because the claim was withdrawn first. */
  | { readonly kind: "granted"; readonly turn: number }
  | { readonly kind: "withdrawn" };

/** What it tells the keeper; `list` is all that it has, once it takes nothing more by itself. */
export type HolderWidthMessage = "claim" | "withdraw" | "list";

/** A step of the holder. */
export interface HolderWidthStep {
  readonly width: HolderWidth;
  readonly messages: readonly HolderWidthMessage[];
}

/** What follows. Throws `RangeError` for what cannot happen. */
export function holderWidthStep(width: HolderWidth, event: HolderWidthEvent): HolderWidthStep {
  const { phase } = width;
  switch (event.kind) {
    case "give":
      if (phase === "ending") return { width: { ...width, isWanted: true }, messages: [] };
      return phase === "block" ? { width: CLAIMING, messages: ["claim"] } : { width, messages: [] };
    case "end":
      if (phase === "claiming") return { width: { ...CLAIMING, phase: "ending" }, messages: ["withdraw"] };
      if (phase === "ending") return { width: { ...width, isWanted: false }, messages: [] };
      return phase === "database" ? { width: BY_BLOCK, messages: ["list"] } : { width, messages: [] };
    case "granted":
      if (phase === "ending") return ended(width, ["list"]);
      if (phase !== "claiming") throw new RangeError(`A claim is granted in phase ${phase}`);
      return { width: { phase: "database", turn: event.turn, isWanted: false }, messages: [] };
    case "withdrawn":
      if (phase !== "ending") throw new RangeError(`A claim is withdrawn in phase ${phase}`);
      return ended(width, []);
  }
}

function ended({ isWanted }: HolderWidth, messages: readonly HolderWidthMessage[]): HolderWidthStep {
  return isWanted ? { width: CLAIMING, messages: [...messages, "claim"] } : { width: BY_BLOCK, messages };
}

/** A database as a keeper has it: who has all of its blocks, and who claims them, in the order of claims. */
export interface KeeperWidth {
  readonly holder: string | undefined;
  readonly claims: readonly string[];
}

/** Every block by itself, and nobody claims them all. */
export const KEPT_BY_BLOCK: KeeperWidth = { holder: undefined, claims: [] };

/** What a keeper hears about a database. */
export type KeeperWidthEvent =
  | { readonly kind: "claim" | "withdraw"; readonly from: string }
  /** Nobody but this member has anything of it, wants anything, or is waited for. */
  | { readonly kind: "quiet"; readonly from: string }
  /** Some of what the holder has, or the last: it has all no more. */
  | { readonly kind: "list"; readonly from: string; readonly isLast: boolean };

/** What the keeper says: yes, and that it has forgotten who has what of the database; or no. */
export interface KeeperWidthMessage {
  readonly kind: "granted" | "withdrawn";
  readonly to: string;
}

/** What follows. Throws `RangeError` for what cannot happen. */
export function keeperWidthStep(
  width: KeeperWidth,
  event: KeeperWidthEvent,
): { readonly width: KeeperWidth; readonly messages: readonly KeeperWidthMessage[] } {
  const { holder, claims } = width;
  const { kind, from } = event;
  const others = claims.filter((it) => it !== from);
  const isClaimed = others.length < claims.length;
  switch (kind) {
    case "claim":
      if (isClaimed || holder === from) throw new RangeError("A database is claimed twice");
      return { width: { holder, claims: [...claims, from] }, messages: [] };
    case "withdraw":
      // The yes is on its way, and will be answered by a list.
      if (holder === from) return { width, messages: [] };
      if (!isClaimed) throw new RangeError("A claim is withdrawn that was never made");
      return { width: { holder, claims: others }, messages: [{ kind: "withdrawn", to: from }] };
    case "quiet":
      if (holder !== undefined || !isClaimed) return { width, messages: [] };
      return { width: { holder: from, claims: others }, messages: [{ kind: "granted", to: from }] };
    case "list":
      if (holder !== from) throw new RangeError("A database is listed by one that does not have it");
      return { width: event.isLast ? { holder: undefined, claims } : width, messages: [] };
  }
}
