/**
 * Cohort: ordered, transactional, durable globals, embedded in a Deno or Bun program.
 *
 * @module
 */
import { createConsoleLog } from "./adapters/console_log.ts";
import { createSystemClock } from "./adapters/clock_system.ts";
import { createSystemEntropy } from "./adapters/entropy_system.ts";
import { allocatePages } from "./adapters/memory_pages.ts";
import { createSilentObserver } from "./adapters/observer_silent.ts";
import { createProcessFence } from "./adapters/fence_process.ts";
import { processRights } from "./adapters/common/process_rights.ts";
import { createSocketInterconnect } from "./adapters/interconnect_socket.ts";
import { createFileStorage } from "./adapters/storage_file.ts";
import { createMemoryStorage } from "./adapters/storage_memory.ts";
import { type Rails, railsCore, type RailsWorld } from "./src/cluster/rails.ts";
import { checkOptions, checkType, type OptionNames } from "./src/ground/options.ts";
import { consoleLogPath } from "./src/node/console.ts";
import type { Node } from "./src/node/node.ts";
import { openNodeCore } from "./src/node/open_node.ts";
import { type NodeOptions, settingsOf, type World } from "./src/node/options.ts";
import { rehearseRecovery } from "./src/node/rehearsal.ts";
import type { Interconnect } from "./src/ports/mod.ts";

export {
  CohortError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorFacts,
  InvariantError,
  isCode,
} from "./src/ground/errors.ts";
export type { Devices } from "./src/ground/device_map.ts";
export * from "./src/ground/limits.ts";
export * from "./src/ports/mod.ts";
export {
  type Charset,
  formatReference,
  parseReference,
  type ReferenceParts,
} from "./src/ground/reference.ts";
export { collate } from "./src/ground/collation.ts";
export type { Subscript } from "./src/ground/subscript.ts";
export type { Value } from "./src/ground/value.ts";
export { type DataState, Global } from "./src/global/global.ts";
export { Entries, type EntriesOptions, type Entry } from "./src/global/entries.ts";
export type { Direction } from "./src/global/navigate.ts";
export type { WaitOptions } from "./src/global/patience.ts";
export { Reference } from "./src/global/reference.ts";
export type { TransactOptions } from "./src/global/transact.ts";
export { type Savepoint, Transaction } from "./src/global/transaction.ts";
export { TransactionGlobal } from "./src/global/transaction_global.ts";
export { type CheckProblem, type CheckReport } from "./src/global/check.ts";
export type { BadRecord, ImportOptions, ImportProgress, ImportReport } from "./src/global/import.ts";
export type { ExportOptions, ExportProgress, NoMForm } from "./src/global/export.ts";
export type { TextFormat } from "./src/global/text_header.ts";
export type { Handover } from "./src/buffer/block_holder.ts";
export type { BlockCounts, GrantWidth, VolumeCoherence } from "./src/buffer/block_counts.ts";
export { Database, type DatabaseStatus } from "./src/node/database.ts";
export type { MountMode, MountOptions } from "./src/node/mount_options.ts";
export type { ClusterOptions, ClusterTimings } from "./src/node/cluster_options.ts";
export type { ClusterStatus, CoherenceStatus, MemberStatus } from "./src/node/clustering.ts";
export type { RecoveryTrouble } from "./src/cluster/aftermath.ts";
export {
  Administration,
  type MemberAnswer,
  type MemberReport,
  type MountRequest,
} from "./src/node/administration.ts";
export type { CheckpointRound } from "./src/node/checkpoint_rounds.ts";
export type { RecoveryRecord } from "./src/node/cluster_recovery.ts";
export type { DaemonStatus } from "./src/node/daemons.ts";
export { Node } from "./src/node/node.ts";
export { RemoteDatabase } from "./src/node/remote_database.ts";
export { RemoteEntries } from "./src/node/remote_entries.ts";
export { type GlobalCalls, RemoteGlobal } from "./src/node/remote_global.ts";
export { RemoteMember } from "./src/node/remote_member.ts";
export type { ResolvedElsewhere, ResolvedHere, ResolvedReference } from "./src/node/resolved_reference.ts";
export type { NodeStatus } from "./src/node/node_status.ts";
export { exportText, importText } from "./src/node/text.ts";
export type { Durability, NodeOptions, World } from "./src/node/options.ts";
export type { StartupDatabase } from "./src/node/startup.ts";
export type { Rails, RailsWorld } from "./src/cluster/rails.ts";
export type { RailNumber } from "./src/cluster/rail_table.ts";
export type { RailsStatus } from "./src/cluster/rail_watch.ts";
export type { CycleRecord, WriteDaemonStatus } from "./src/buffer/write_phase.ts";

/** What of the world a program brings itself; the rest is this host's. */
export type WorldOptions = Partial<Omit<World, "rehearse">>;

const WORLD_OPTIONS: OptionNames<WorldOptions> = {
  storage: true,
  clock: true,
  entropy: true,
  observer: true,
  memory: true,
  interconnect: true,
  rights: true,
};

/**
 * Opens a node. With `dir` its databases are files and its journals live under `dir`; without, everything is
 * in memory. Cheap: pool, journal and image journal are made by the first mount. With `databases` it mounts
 * them first, and rejects with what kept one from being mounted that must be. End it with `close()` or
 * `await using`, which bring everything home.
 *
 * ```ts
 * import { openNode } from "@cohort/db";
 *
 * await using node = await openNode();
 * const database = await node.mount("/hospital", { create: true });
 * await database.global<string>("Patient").set([123, "name"], "Ada");
 * ```
 *
 * @param options See {@link NodeOptions}; every one has a default.
 * @param world Storage, clock, entropy, observer or memory of one's own, in place of this host's.
 * @throws {TypeError} or {RangeError} naming a wrong option.
 */
export function openNode(options: NodeOptions = {}, world: WorldOptions = {}): Promise<Node> {
  try {
    checkOptions(world, WORLD_OPTIONS);
    checkType("interconnect", world.interconnect, "function");
    const settings = settingsOf(options);
    const { dir, cluster } = settings;
    if (cluster?.address !== undefined && world.interconnect !== undefined) {
      throw new TypeError("address is where this host's sockets listen: give it to the interconnect instead");
    }
    const own = world.storage === undefined;
    const storage = world.storage ??
      (dir === undefined ? createMemoryStorage() : createFileStorage({ fence: createProcessFence() }));
    const beside = world.observer ?? createSilentObserver();
    const path = own ? consoleLogPath(settings) : undefined;
    const log = path === undefined ? undefined : createConsoleLog({ path, beside });
    const whole: World = {
      storage,
      clock: world.clock ?? createSystemClock(),
      entropy: world.entropy ?? createSystemEntropy(),
      observer: log ?? beside,
      memory: world.memory ?? allocatePages,
      interconnect: world.interconnect ?? (() => createSocketInterconnect(cluster?.address)),
      rights: world.rights ?? processRights(),
      rehearse: rehearseOnce,
    };
    const onClose = async (): Promise<void> => {
      try {
        await storage.close();
      } finally {
        await log?.close();
      }
    };
    return openNodeCore(options, whole, own ? onClose : undefined);
  } catch (error) {
    return Promise.reject(error);
  }
}

let rehearsed: Promise<void> | undefined;

/** Once a process is enough: what it compiles stays. */
function rehearseOnce(): Promise<void> {
  return rehearsed ??= rehearseRecovery({
    storage: createMemoryStorage(),
    clock: createSystemClock(),
    entropy: createSystemEntropy(),
    observer: createSilentObserver(),
  });
}

/** Options of {@linkcode rails}. */
export type RailsOptions = Partial<RailsWorld>;

const RAILS_OPTIONS: OptionNames<RailsOptions> = { clock: true, observer: true, probeMs: true };

/**
 * Makes one interconnect of two with different addresses, for instance of two network interfaces. Everything
 * goes over the primary; after more than ten errors within a minute on any member, the whole cluster goes
 * over to the secondary, if all members have one that works. There is no way back until the rail that was
 * left is repaired. A member without a secondary may be one of the cluster, which then has no failover.
 *
 * ```ts
 * import { rails } from "@cohort/db";
 * import { createSocketInterconnect } from "@cohort/db/adapters/interconnect_socket";
 *
 * const interconnect = rails(
 *   createSocketInterconnect({ host: "127.0.0.1" }),
 *   createSocketInterconnect({ host: "127.0.0.2" }),
 * );
 * console.log(interconnect.traits.name); // rails socket, socket
 * ```
 *
 * @param primary Not opened: rails open both, and close both.
 * @param secondary Likewise; undefined for a member that has none.
 * @param options Milliseconds between probes, `probeMs`: 100 by default; a rail that answers none is left
 * after about a dozen. A clock and an observer of one's own.
 * @throws {TypeError} or {RangeError} naming a wrong option.
 */
export function rails(
  primary: Interconnect,
  secondary: Interconnect | undefined,
  options: RailsOptions = {},
): Rails {
  checkOptions(options, RAILS_OPTIONS);
  return railsCore(primary, secondary, {
    clock: options.clock ?? createSystemClock(),
    observer: options.observer ?? createSilentObserver(),
    probeMs: options.probeMs ?? 100,
  });
}
