/** Options of a node that is, or may become, a member of a cluster; checked at the door. */
import type { MembershipTimings } from "../cluster/membership_world.ts";
import type { Handover } from "../buffer/block_holder.ts";
import { type DeviceMap, expandDirectory } from "../ground/device_map.ts";
import { givenSecret } from "../cluster/secret.ts";
import { type ListenAddress, parseListenAddress } from "../ground/listen_address.ts";
import { checkOptions, type OptionNames } from "../ground/options.ts";

/** Rhythm and patience of a cluster, in milliseconds; all its members must have the same. */
export interface ClusterTimings {
  /** Between two signs of life, over the network and on the storage; 100 by default. */
  readonly pulseMs?: number;
  /** Silence over the network after which a member that is not seen to live elsewhere is lost; 2500. */
  readonly networkMs?: number;
  /** The same on the storage; 2500 by default. */
  readonly storageMs?: number;
  /** How long members must agree on who has gone before somebody is evicted; 300 by default. */
  readonly settleMs?: number;
  /** How long a member answers after a look at the views that found it to be one; 1500 by default. */
  readonly leaseMs?: number;
  /** How much longer others wait for that to be over; 250 by default. */
  readonly leaseMarginMs?: number;
  /** How long a newcomer tries to join; 30,000 by default. The members' may differ. */
  readonly joinMs?: number;
}

/** Options of a node in a cluster. */
export interface ClusterOptions {
  /**
   * The PIJ directory: nodes that name the same one, by whatever path, are of one cluster. Journals and image
   * journals are kept under it, so it stands in place of `dir`.
   */
  readonly pij?: string;
  /** Name among the members (CliSysName), 1 to 255 bytes; unique by default. */
  readonly name?: string;
  /**
   * Where this node listens, and the others reach it (CommIPAddress): `host`, `host:port`, `[::1]:port` or
   * `unix:/path`; loopback and a port that the system gives by default. Every newcomer calls each member
   * there and has it prove who it is. Nothing is encrypted. Not with an interconnect of one's own.
   */
  readonly address?: string;
  /**
   * What members prove to each other to know, 16 to 4096 bytes; text counts as UTF-8. By default 32 random
   * bytes that the first member writes to the PIJ directory, in a register that only its owner may read. All
   * members must have the same: else a join is refused with `PEER_REFUSED`. The caller's bytes are copied.
   */
  readonly secret?: Uint8Array | string;
  /**
   * Votes of this node, 0 to 255; 1 by default. One without votes begins no cluster: its join waits until a
   * member with votes is there, and rejects `TIMEOUT` when none has come within `joinMs`.
   */
  readonly votes?: number;
  /** Votes of the PIJ directory as quorum disk; by default one less than all members' together. */
  readonly storageVotes?: number | "auto";
  /** See {@linkcode ClusterTimings}. */
  readonly timings?: ClusterTimings;
  /**
   * How this node gives a block that it changed to a member that asks for it: `"direct"` (default) sends it,
   * when its journal is synced; `"disk"` brings it home first, which costs the syncs of a write cycle.
   * Members may differ.
   */
  readonly handover?: Handover;
  /**
   * Milliseconds between two rounds in which the master has all members bring home what they changed, while
   * anything is changed; 100 to 3,600,000, 30,000 by default. The less, the less journal is read at a
   * fail-over and kept for others; a block that is changed all the time is written once more in each. The
   * master's counts; members may differ.
   */
  readonly checkpointMs?: number;
  /**
   * A person's word that members of the cluster are gone, whom nobody here can prove so; logged. That of one
   * incarnation, or `true` for all.
   */
  readonly confirmGone?: string | boolean;
  /**
   * Whether a member that has been silent for too long is evicted, and its process killed; true by default.
   * False is for a debugger, in development: a process that stands at a breakpoint keeps its place, and only
   * one that is proven gone is evicted. The price: whatever a member has that hangs, or is cut off, the
   * others wait for without end, and nobody joins meanwhile. All members must have the same.
   */
  readonly evictSilent?: boolean;
}

/** The same with every default filled in. */
export interface ClusterSettings {
  readonly pij: string;
  readonly name: string | undefined;
  readonly address: ListenAddress | undefined;
  readonly secret: Uint8Array | undefined;
  readonly votes: number;
  readonly storageVotes: number | "auto";
  readonly timings: MembershipTimings;
  readonly handover: Handover;
  readonly checkpointMs: number;
  readonly confirmGone: string | boolean;
  readonly evictSilent: boolean;
}

/** Their names. */
export const CLUSTER_OPTIONS: OptionNames<ClusterOptions> = {
  pij: true,
  name: true,
  address: true,
  secret: true,
  votes: true,
  storageVotes: true,
  timings: true,
  handover: true,
  checkpointMs: true,
  confirmGone: true,
  evictSilent: true,
};

const TIMINGS: MembershipTimings = {
  pulseMs: 100,
  networkMs: 2_500,
  storageMs: 2_500,
  settleMs: 300,
  leaseMs: 1_500,
  leaseMarginMs: 250,
  joinMs: 30_000,
};

const TIMING_NAMES: OptionNames<ClusterTimings> = {
  pulseMs: true,
  networkMs: true,
  storageMs: true,
  settleMs: true,
  leaseMs: true,
  leaseMarginMs: true,
  joinMs: true,
};

/** Longest of them. */
const TIMING_MS_MAX = 3_600_000;
const NAME_BYTES_MAX = 255;
const CHECKPOINT_MS = 30_000;

/** Checks them and fills in defaults; undefined for a single system. Throws naming the option. */
export function clusterSettingsOf(
  options: ClusterOptions,
  devices: DeviceMap,
): ClusterSettings | undefined {
  const { pij, name, votes = 1, storageVotes = "auto", handover = "direct", confirmGone = false } = options;
  const { checkpointMs = CHECKPOINT_MS, evictSilent = true } = options;
  if (pij === undefined) {
    for (const other of Object.keys(CLUSTER_OPTIONS) as (keyof ClusterOptions)[]) {
      if (options[other] !== undefined) {
        throw new TypeError(`${other} is for a node of a cluster: give pij too`);
      }
    }
    return undefined;
  }
  if (typeof pij !== "string" || pij === "" || pij.includes("\0")) {
    throw new TypeError(`pij is the path of a directory, got ${JSON.stringify(pij)}`);
  }
  if (name !== undefined) checkName(name);
  const address = options.address === undefined ? undefined : parseListenAddress(options.address);
  const secret = options.secret === undefined ? undefined : givenSecret(options.secret);
  votesOf("votes", votes);
  if (storageVotes !== "auto") votesOf("storageVotes", storageVotes);
  if (handover !== "direct" && handover !== "disk") {
    throw new RangeError(`handover is "direct" or "disk", got ${JSON.stringify(handover)}`);
  }
  if (!(Number.isInteger(checkpointMs) && checkpointMs >= 100 && checkpointMs <= TIMING_MS_MAX)) {
    throw new RangeError(`checkpointMs is a whole number from 100 to ${TIMING_MS_MAX}, got ${checkpointMs}`);
  }
  if (typeof confirmGone !== "boolean" && typeof confirmGone !== "string") {
    throw new TypeError(`confirmGone is an incarnation, true or false, got ${JSON.stringify(confirmGone)}`);
  }
  if (typeof evictSilent !== "boolean") {
    throw new TypeError(`evictSilent is true or false, got ${JSON.stringify(evictSilent)}`);
  }
  const { path } = expandDirectory(pij, devices);
  const timings = timingsOf(options.timings ?? {});
  return {
    pij: path,
    name,
    address,
    secret,
    votes,
    storageVotes,
    timings,
    handover,
    checkpointMs,
    confirmGone,
    evictSilent,
  };
}

function checkName(name: unknown): void {
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw new TypeError(`name is a text, got ${JSON.stringify(name)}`);
  }
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > NAME_BYTES_MAX) {
    throw new RangeError(`name has at most ${NAME_BYTES_MAX} bytes, got ${bytes}`);
  }
}

function votesOf(option: string, votes: unknown): void {
  if (typeof votes === "number" && Number.isInteger(votes) && votes >= 0 && votes <= 255) return;
  throw new RangeError(`${option} is a whole number from 0 to 255, got ${String(votes)}`);
}

function timingsOf(given: ClusterTimings): MembershipTimings {
  checkOptions(given, TIMING_NAMES);
  const timings: MembershipTimings = { ...TIMINGS, ...given };
  for (const [name, value] of Object.entries(timings)) {
    if (Number.isInteger(value) && value >= 1 && value <= TIMING_MS_MAX) continue;
    throw new RangeError(`timings.${name} is a whole number from 1 to ${TIMING_MS_MAX}, got ${value}`);
  }
  const { pulseMs, networkMs, storageMs, leaseMs } = timings;
  const least = 4 * pulseMs;
  for (const [name, value] of Object.entries({ networkMs, storageMs, leaseMs })) {
    if (value < least) {
      throw new RangeError(`timings.${name} is four pulses at least, ${least}, got ${value}`);
    }
  }
  return timings;
}
