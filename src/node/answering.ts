/** Answering: what a member says of itself, and does, when another member asks it to. */
import type { RecoveryTrouble } from "../cluster/aftermath.ts";
import type { WaitOptions } from "../global/patience.ts";
import type { CohortError } from "../ground/errors.ts";
import type { Clock } from "../ports/mod.ts";
import type { Question } from "./asking.ts";
import type { CheckpointRound } from "./checkpoint_rounds.ts";
import type { ClusterStatus } from "./clustering.ts";
import type { RecoveryRecord } from "./cluster_recovery.ts";
import type { DaemonStatus } from "./daemons.ts";
import type { Database, DatabaseStatus } from "./database.ts";
import type { Joined } from "./joined.ts";
import type { MountOptions } from "./mount_options.ts";
import type { NodeStatus } from "./node_status.ts";

/** Databases in one answer: paths are at most 4 KiB long, a message 1 MiB. */
const PAGE_DATABASES = 128;
/** Milliseconds for the answer to leave before the member does. */
const LEAVE_DELAY_MS = 50;

/** The node that is administered. */
export interface Administered {
  readonly incarnation: string;
  readonly status: NodeStatus;
  daemons(): DaemonStatus[];
  databases(): DatabaseStatus[];
  mount(directory: string, options: MountOptions): Promise<Database>;
  dismount(directory: string, options: { readonly timeoutMs: number }): Promise<void>;
  leave(options?: WaitOptions): Promise<void>;
}

/** What a member says of itself. */
export interface MemberReport {
  /** See {@linkcode NodeStatus.state}. */
  readonly state: NodeStatus["state"];
  /** Why it is frozen or stopped. */
  readonly cause?: string | undefined;
  /** How it stands in the cluster: see {@linkcode ClusterStatus.state}; undefined when it is no member. */
  readonly standing?: string | undefined;
  /** Why it stands so. */
  readonly why?: string | undefined;
  /** Databases it has mounted. */
  readonly databases: number;
  /** Blocks its pool has room for. */
  readonly poolBlocks: number;
  /** Blocks in the pool. */
  readonly residentBlocks: number;
  /** Blocks newer in the pool than in their volumes. */
  readonly dirtyBlocks: number;
  /** Journal bytes written since it opened. */
  readonly journalWritten: number;
  /** The part of them that is synced. */
  readonly journalSafe: number;
  /** See {@linkcode ClusterStatus.coherence}. */
  readonly coherence?: ClusterStatus["coherence"] | undefined;
  /** What runs for it in the background. */
  readonly daemons: readonly DaemonStatus[];
  /** The last recoveries of lost members that it did as master, oldest first; 16 at most. */
  readonly recoveries: readonly RecoveryRecord[];
  /** On the master: what keeps the lost from being recovered. */
  readonly trouble?: RecoveryTrouble | undefined;
  /** The last round of checkpoints that it led as master. */
  readonly round?: CheckpointRound | undefined;
}

/** Some of the databases of a member, and where the next ones begin. */
export interface DatabasePage {
  readonly databases: readonly DatabaseStatus[];
  readonly next?: number | undefined;
}

/** What a node says of itself. */
export function reportOf(node: Administered, joined: Joined | undefined): MemberReport {
  const { state, cause, cluster, databases, ...figures } = node.status;
  const { poolBlocks, residentBlocks, dirtyBlocks, journalWritten, journalSafe } = figures;
  return {
    state,
    cause,
    standing: cluster?.state,
    why: cluster?.why,
    databases: databases.length,
    poolBlocks,
    residentBlocks,
    dirtyBlocks,
    journalWritten,
    journalSafe,
    coherence: cluster?.coherence,
    daemons: node.daemons(),
    recoveries: joined?.recoveries ?? [],
    trouble: cluster?.trouble,
    round: joined?.rounds.last,
  };
}

/** Does what a question asks for. */
export async function answer(
  node: Administered,
  joined: Joined,
  question: Question,
  clock: Clock,
  onTrouble: (error: CohortError) => void,
): Promise<unknown> {
  switch (question.ask) {
    case "report":
      return reportOf(node, joined);
    case "databases":
      return pageOf(node.databases(), question.from);
    case "mount": {
      const { directory, ask: _, ...options } = question;
      return (await node.mount(directory, options)).status;
    }
    case "dismount":
      return await node.dismount(question.directory, { timeoutMs: question.timeoutMs });
    case "leave":
      // Whoever has left cannot answer any more.
      clock.after(LEAVE_DELAY_MS, () => void node.leave().catch(onTrouble));
  }
}

function pageOf(databases: readonly DatabaseStatus[], from: number): DatabasePage {
  const next = from + PAGE_DATABASES;
  return {
    databases: databases.slice(from, next),
    next: next < databases.length ? next : undefined,
  };
}
