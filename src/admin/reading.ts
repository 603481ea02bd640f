/** Reading: what the app shows of a cluster, as JSON. */
import type { MemberAnswer } from "../node/administration.ts";
import type { MemberStatus } from "../node/clustering.ts";
import type { DatabaseStatus } from "../node/database.ts";
import type { Node } from "../node/node.ts";
import { shownError } from "./problem.ts";

/** Whether a node does what it is asked, reads and writes. */
export function isReady(node: Node): boolean {
  const { state, cluster } = node.status;
  return state === "active" && (cluster === undefined || cluster.state === "active");
}

/** Whether a node is worth keeping: one that waits for votes or for a disk is. */
export function isAlive(node: Node): boolean {
  const { state } = node.status;
  return state === "active" || state === "frozen";
}

/** One sentence on how the cluster is, as this node sees it. */
export function healthOf(node: Node): string {
  const { state, cause, cluster } = node.status;
  if (state !== "active") return `This node is ${state}${cause === undefined ? "" : `: ${cause}`}`;
  if (cluster === undefined) return "This node is active and no member of a cluster";
  if (cluster.state !== "active") {
    return `This member is ${cluster.state}${cluster.why === "" ? "" : `: ${cluster.why}`}`;
  }
  const { members, pending, trouble } = cluster;
  if (pending.length > 0) {
    const how = trouble === undefined ? "being recovered" : `cannot be recovered yet: ${trouble.message}`;
    return `${pending.join(", ")} is lost and ${how}`;
  }
  const down = members.filter((it) => it.verdict !== "up" && it.verdict !== "self");
  if (down.length > 0) return down.map((it) => `${it.name}: ${it.verdict}`).join("; ");
  return members.length === 1 ? "The one member is up" : `All ${members.length} members are up`;
}

/** This node's whole status. */
export function statusOf(node: Node): unknown {
  return { health: healthOf(node), member: node.administration.name, isReady: isReady(node), ...node.status };
}

/** The view. */
export function viewOf(node: Node): unknown {
  const { cluster } = node.status;
  if (cluster === undefined) return { view: 0, cluster: null, members: [], pending: [] };
  const { id, view, state, why, members, pending } = cluster;
  const master = members.find((it) => it.isMaster)?.name ?? null;
  return { view, cluster: id, state, why, master, members: members.map((it) => it.name), pending };
}

/** Every member, and what it says of itself. */
export async function membersOf(node: Node, roots: readonly string[]): Promise<unknown> {
  const answers = await node.administration.reports();
  const seen = new Map<string, MemberStatus>(
    (node.status.cluster?.members ?? []).map((it) => [it.incarnation, it]),
  );
  return {
    view: node.status.cluster?.view ?? 0,
    members: answers.map(({ member, incarnation, answer, error }) => {
      const { daemons: _d, recoveries: _r, coherence: _c, round: _n, ...said } = answer ?? {};
      const status = seen.get(incarnation) ?? { name: member, incarnation, isMaster: false, verdict: "self" };
      return { ...status, ...said, ...(error === undefined ? {} : { error: shownError(error, roots) }) };
    }),
  };
}

/** Databases, and who has mounted them how. */
export async function databasesOf(node: Node, roots: readonly string[]): Promise<unknown> {
  const answers = await node.administration.databases();
  return listed("databases", answers, (it) => it, roots);
}

/** Daemons of every member. */
export async function daemonsOf(node: Node, roots: readonly string[]): Promise<unknown> {
  const answers = await node.administration.reports();
  return listed("daemons", answers, (it) => it.daemons, roots);
}

/** What every member did to keep blocks coherent, in all and for each database that it shares. */
export async function coherenceOf(node: Node, roots: readonly string[]): Promise<unknown> {
  const { administration } = node;
  const [reports, mounted] = await Promise.all([administration.reports(), administration.databases()]);
  const missed = new Map(mounted.map(({ incarnation, error }) => [incarnation, error]));
  // Whoever answered one of the two questions alone is told as unanswered, too.
  const answers = reports.map((it) => ({ ...it, error: it.error ?? missed.get(it.incarnation) }));
  return {
    ...listed("databases", mounted, (it) => it.flatMap(countedOf), roots),
    ...listed("coherence", answers, (it) => it.coherence === undefined ? [] : [it.coherence], roots),
  };
}

/** What sharing a database has cost, under its name; nothing for one that is private. */
function countedOf({ directory, coherence }: DatabaseStatus): object[] {
  return coherence === undefined ? [] : [{ directory, ...coherence }];
}

/** The last recoveries, who waits for one, and what keeps it from its end. */
export async function recoveryOf(node: Node, roots: readonly string[]): Promise<unknown> {
  const answers = await node.administration.reports();
  const { cluster } = node.status;
  return {
    pending: cluster?.pending ?? [],
    ...listed("recoveries", answers, (it) => it.recoveries, roots),
    trouble: answers.flatMap(({ member, answer }) => answer?.trouble ? [{ member, ...answer.trouble }] : []),
    rounds: answers.flatMap(({ member, answer }) => answer?.round ? [{ member, ...answer.round }] : []),
  };
}

/** A flat list, each entry with its member; those who did not answer beside it. */
function listed<T, E extends object>(
  name: string,
  answers: readonly MemberAnswer<T>[],
  entries: (answer: T) => readonly E[],
  roots: readonly string[],
): Record<string, unknown> {
  return {
    [name]: answers.flatMap(({ member, answer }) =>
      answer === undefined ? [] : entries(answer).map((it) => ({ member, ...it }))
    ),
    unanswered: answers.flatMap(({ member, incarnation, error }) =>
      error === undefined ? [] : [{ member, incarnation, ...shownError(error, roots) }]
    ),
  };
}
