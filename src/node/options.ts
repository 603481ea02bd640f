/** Options of a node, checked at the door. Every one has a default; the defaults are the safe ones. */
import { checkDevices, type DeviceMap, type Devices, expandDirectory } from "../ground/device_map.ts";
import { BLOCK_BYTES_ALLOWED, BLOCK_BYTES_DEFAULT } from "../ground/limits.ts";
import { checkOptions, checkType, type OptionNames } from "../ground/options.ts";
import type { Clock, Entropy, Interconnect, Observer, Storage } from "../ports/mod.ts";
import {
  CLUSTER_OPTIONS,
  type ClusterOptions,
  type ClusterSettings,
  clusterSettingsOf,
} from "./cluster_options.ts";
import { checkStartup, type StartupDatabase } from "./startup.ts";

/** When an operation is acknowledged (DESIGN D5). */
export type Durability = "sync" | "relaxed";

/** Options of `openNode`. */
export interface NodeOptions extends ClusterOptions {
  /**
   * Directory for journals and image journals, one set per incarnation; a path, or with a device. Without
   * it, or `pij`, the node is memory only.
   */
  readonly dir?: string;
  /**
   * `"sync"` (default): acknowledged when synced; costs one journal sync per group of operations that wait
   * together.
   * `"relaxed"`: acknowledged when written to the journal file; `kill -9` loses nothing, the loss of the host
   * may lose the last `syncIntervalMs`.
   */
  readonly durability?: Durability;
  /** Milliseconds after which relaxed writes are synced; 100 by default. */
  readonly syncIntervalMs?: number;
  /**
   * Bytes of the buffer pool, all of them taken at once; 64 MiB by default (memory only: 32), at least 16
   * blocks.
   */
  readonly poolBytes?: number;
  /** Block size of the pool and of the volumes this node can mount; 8192 by default. */
  readonly blockSize?: number;
  /**
   * Bytes of a journal segment; 64 MiB by default (memory only: 4, with `pij`: 16), at least 64 KiB and 8
   * blocks.
   */
  readonly segmentBytes?: number;
  /**
   * Journal bytes after which changed blocks go home and old segments are dropped; 256 MiB by default (memory
   * only: 8, with `pij`: 32). What was not brought home is read by the others when a member is lost.
   */
  readonly checkpointBytes?: number;
  /** Most blocks one write cycle brings home; 512 by default. */
  readonly cycleBlocks?: number;
  /** Milliseconds a claim is believed without being renewed; 1000 by default. */
  readonly leaseMs?: number;
  /** Milliseconds of quiet after which changed blocks go home; 5000 by default, with `pij` 1000. */
  readonly idleMs?: number;
  /**
   * Days that dropped journal segments are kept beside the live ones, as long as the node is open; by default
   * they are removed at once.
   */
  readonly historyDays?: number;
  /**
   * Paths of the devices that directories are named with, as `{ "TEST$DKA100": "/disks/100" }`: the database
   * `TEST$DKA100:[HR]`, or `DKA100:[HR]`, is then in `/disks/100/HR`. A logical name leads to another such
   * name, `{ "SYS": "DKA100:[SYS]" }`. Only spellings: what is stored and told names paths. None by default.
   */
  readonly devices?: Devices;
  /**
   * Databases mounted before `openNode` resolves: first those that must be, in this order, then the others.
   * Costs their mounts, one after the other. None by default.
   */
  readonly databases?: readonly StartupDatabase[];
  /**
   * Whether what is told to the observer is also written to `cconsole.log` in `dir`, from severity "info" on:
   * 1 MiB at most, and four older files beside it. It is the file of all nodes of `dir`. True by default;
   * never for a node in memory or with a storage of one's own.
   */
  readonly consoleLog?: boolean;
}

/** What a node needs of the world; `openNode` gives it the real one. */
export interface World {
  /** Where volumes, journals and claims are. */
  readonly storage: Storage;
  /** The only source of time. */
  readonly clock: Clock;
  /** The only source of chance. */
  readonly entropy: Entropy;
  /** Told of events and measures. */
  readonly observer: Observer;
  /** Gives the zeroed bytes of a pool; plain memory by default. */
  readonly memory?: ((bytes: number) => Uint8Array) | undefined;
  /** Makes the interconnect of a membership; only for a node with `pij`. */
  readonly interconnect?: (() => Interconnect) | undefined;
  /** Has the runtime compile what a recovery runs, before one is needed (`rehearsal.ts`). */
  readonly rehearse?: (() => Promise<void>) | undefined;
  /** User, group and umask of the process, as far as they can be told: members must have the same. */
  readonly rights?: Readonly<Record<string, string>> | undefined;
}

const NODE_OPTIONS: OptionNames<NodeOptions> = {
  ...CLUSTER_OPTIONS,
  dir: true,
  durability: true,
  syncIntervalMs: true,
  poolBytes: true,
  blockSize: true,
  segmentBytes: true,
  checkpointBytes: true,
  cycleBlocks: true,
  leaseMs: true,
  idleMs: true,
  historyDays: true,
  devices: true,
  databases: true,
  consoleLog: true,
};

/** Options with every default filled in. */
export interface Settings {
  readonly dir: string | undefined;
  readonly durability: Durability;
  readonly syncIntervalMs: number;
  readonly poolBytes: number;
  readonly blockSize: number;
  readonly segmentBytes: number;
  readonly checkpointBytes: number;
  readonly cycleBlocks: number;
  readonly leaseMs: number;
  readonly idleMs: number;
  readonly historyDays: number;
  /** Undefined for a single system. */
  readonly cluster: ClusterSettings | undefined;
  readonly devices: DeviceMap;
  readonly databases: readonly StartupDatabase[];
  readonly consoleLog: boolean;
}

/** Name of the directory of journals in a PIJ directory. */
const JOURNALS = "journals";
const MIB = 1024 * 1024;
/** Blocks a segment holds at least: a change of a few blocks is one group, and a group is in one segment. */
const SEGMENT_BLOCKS_MIN = 8;
/**
 * Of a member of a cluster: what it leaves when it is lost is read by the others before they go on, some
 * 300,000 groups a second.
 */
const CLUSTER_SEGMENT_BYTES = 16 * MIB;
const CLUSTER_CHECKPOINT_BYTES = 32 * MIB;
const CLUSTER_IDLE_MS = 1_000;
/** Most blocks a cycle may take: its images are one table of the image journal. */
const CYCLE_BLOCKS_MAX = 4096;

/**
 * Checks options and fills in defaults. Throws `TypeError` or `RangeError` naming the option, and `SYNTAX` or
 * `NOT_FOUND` for a `dir` with a device.
 */
export function settingsOf(options: NodeOptions): Settings {
  checkOptions(options, NODE_OPTIONS);
  checkType("consoleLog", options.consoleLog, "boolean");
  const devices = checkDevices(options.devices);
  const cluster = clusterSettingsOf(options, devices);
  const { dir = cluster && `${cluster.pij}/${JOURNALS}`, durability = "sync" } = options;
  if (cluster !== undefined && options.dir !== undefined) {
    throw new TypeError("With pij journals are kept under it: give pij or dir, not both");
  }
  if (dir !== undefined && (typeof dir !== "string" || dir === "" || dir.includes("\0"))) {
    throw new TypeError(`dir is the path of a directory, got ${JSON.stringify(dir)}`);
  }
  if (durability !== "sync" && durability !== "relaxed") {
    throw new RangeError(`durability is "sync" or "relaxed", got ${JSON.stringify(durability)}`);
  }
  const blockSize = options.blockSize ?? BLOCK_BYTES_DEFAULT;
  if (!BLOCK_BYTES_ALLOWED.includes(blockSize)) {
    throw new RangeError(`blockSize is one of ${BLOCK_BYTES_ALLOWED.join(", ")}, got ${blockSize}`);
  }
  return {
    cluster,
    dir: dir === undefined ? undefined : expandDirectory(dir, devices).path,
    durability,
    blockSize,
    syncIntervalMs: whole("syncIntervalMs", options.syncIntervalMs ?? 100, 1, 3_600_000),
    poolBytes: whole(
      "poolBytes",
      options.poolBytes ?? (dir === undefined ? 32 : 64) * MIB,
      16 * blockSize,
      2 ** 36,
    ),
    segmentBytes: whole(
      "segmentBytes",
      options.segmentBytes ?? (cluster ? CLUSTER_SEGMENT_BYTES : (dir === undefined ? 4 : 64) * MIB),
      Math.max(65_536, SEGMENT_BLOCKS_MIN * blockSize),
      2 ** 30,
    ),
    checkpointBytes: whole(
      "checkpointBytes",
      options.checkpointBytes ?? (cluster ? CLUSTER_CHECKPOINT_BYTES : (dir === undefined ? 8 : 256) * MIB),
      65_536,
      2 ** 40,
    ),
    cycleBlocks: whole("cycleBlocks", options.cycleBlocks ?? 512, 1, CYCLE_BLOCKS_MAX),
    leaseMs: whole("leaseMs", options.leaseMs ?? 1000, 10, 3_600_000),
    idleMs: whole("idleMs", options.idleMs ?? (cluster ? CLUSTER_IDLE_MS : 5000), 1, 3_600_000),
    historyDays: whole("historyDays", options.historyDays ?? 0, 0, 36_500),
    devices,
    databases: checkStartup(options.databases),
    consoleLog: options.consoleLog ?? true,
  };
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} is a whole number from ${least} to ${most}, got ${value}`);
}
