/** What a node is doing, as it says itself. */
import type { WriteDaemonStatus } from "../buffer/write_phase.ts";
import type { CohortError } from "../ground/errors.ts";
import type { ClusterStatus } from "./clustering.ts";
import { clusterStatusOf } from "./clustering.ts";
import type { Joined } from "./joined.ts";
import type { Member } from "./member.ts";

/** What a node is doing. */
export interface NodeStatus {
  /** `active`, `frozen` (writes wait for an I/O error to end), `stopped` or `closed`. */
  readonly state: "active" | "frozen" | "stopped" | "closed";
  /** Why it is frozen or stopped. */
  readonly cause: string | undefined;
  /** How it stands in its cluster; undefined as long as it is no member of one. */
  readonly cluster: ClusterStatus | undefined;
  /** Its incarnation: 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Directories of the mounted databases. */
  readonly databases: readonly string[];
  /** Blocks the pool has room for; 0 before the first mount. */
  readonly poolBlocks: number;
  /** Blocks in the pool. */
  readonly residentBlocks: number;
  /** Blocks newer in the pool than in their volumes. */
  readonly dirtyBlocks: number;
  /** What the write daemon is doing; undefined before the first mount. */
  readonly writeDaemon: WriteDaemonStatus | undefined;
  /** Journal bytes written since the node opened. */
  readonly journalWritten: number;
  /** The part of them that is synced. */
  readonly journalSafe: number;
  /** Syncs of the journal since the node opened. */
  readonly journalSyncs: number;
}

/** What a node looks at to say it. */
export interface StatusSource {
  readonly incarnation: string;
  readonly isClosing: boolean;
  readonly stopped: CohortError | undefined;
  readonly member: Member | undefined;
  readonly joined: Joined | undefined;
  readonly databases: readonly string[];
}

/** What it is doing now. */
export function statusOf(source: StatusSource): NodeStatus {
  const { member, joined, stopped, incarnation, databases, isClosing } = source;
  const engine = member?.engine;
  const frozen = engine?.frozenBy;
  return {
    state: isClosing ? "closed" : stopped ? "stopped" : frozen ? "frozen" : "active",
    cause: (stopped ?? frozen)?.message,
    cluster: joined && clusterStatusOf(joined),
    incarnation,
    databases,
    poolBlocks: engine?.pool.capacity ?? 0,
    residentBlocks: engine?.pool.residentCount ?? 0,
    dirtyBlocks: engine?.pool.dirtyCount ?? 0,
    writeDaemon: member?.daemon.status,
    journalWritten: member?.journal.written ?? 0,
    journalSafe: member?.journal.safe ?? 0,
    journalSyncs: member?.journal.stats.syncs ?? 0,
  };
}
