/** What a node is doing, as it says itself. */
import type { WriteDaemonStatus } from "../buffer/write_phase.ts";
import type { CohortError } from "../ground/errors.ts";
import type { Clock } from "../ports/mod.ts";
import type { ClusterStatus } from "./clustering.ts";
import { clusterStatusOf } from "./clustering.ts";
import type { Joined } from "./joined.ts";
import type { Member } from "./member.ts";

/** What a node is doing. */
export interface NodeStatus {
  /**
   * `active`; `frozen`: writes wait for an I/O error to end, or all waits for the cluster (its votes, the
   * storage); `draining`: it is closing; `stopped`, by itself or because it was evicted; `closed`.
   */
  readonly state: "active" | "frozen" | "draining" | "stopped" | "closed";
  /** Why it is frozen or stopped. */
  readonly cause: string | undefined;
  /** Since when it stands so: milliseconds since 1970. */
  readonly sinceMs: number;
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
  readonly isClosed: boolean;
  readonly standing: Standing;
  readonly stopped: CohortError | undefined;
  readonly member: Member | undefined;
  readonly joined: Joined | undefined;
  readonly databases: readonly string[];
}

/** Since when a node stands as it does, as far as anybody looked. */
export class Standing {
  readonly #clock: Clock;
  #state: NodeStatus["state"] = "active";
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.wallMs();
  }

  /** Notes how it stands now; answers since when. */
  note(state: NodeStatus["state"]): number {
    if (state !== this.#state) this.#sinceMs = this.#clock.wallMs();
    this.#state = state;
    return this.#sinceMs;
  }
}

/** How it stands, and why. */
function standOf(source: StatusSource): Pick<NodeStatus, "state" | "cause"> {
  const { member, joined, stopped, isClosing, isClosed } = source;
  const frozen = member?.engine.frozenBy;
  const waits = joined?.membership.state === "suspended";
  const cause = stopped?.message ?? frozen?.message ?? (waits ? joined.membership.why : undefined);
  if (isClosed) return { state: "closed", cause };
  if (stopped !== undefined) return { state: "stopped", cause };
  if (isClosing) return { state: "draining", cause };
  return { state: cause === undefined ? "active" : "frozen", cause };
}

/** What it is doing now. */
export function statusOf(source: StatusSource): NodeStatus {
  const { member, joined, incarnation, databases, standing } = source;
  const engine = member?.engine;
  const stand = standOf(source);
  return {
    ...stand,
    sinceMs: standing.note(stand.state),
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
