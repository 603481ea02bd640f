/**
 * Fence: who owns something, is the owner gone, and are its writes over (DESIGN D8).
 *
 * Types only. Used by claims (one member, part 1) and by eviction (the cluster, part 2).
 */
import type { Answer } from "./answer.ts";
import type { Clock } from "./clock.ts";

/** Names one process of one boot of one host; `nonce` names one node object in it. */
export interface OwnerIdentity {
  /** Id of the host, stable over boots. */
  readonly host: string;
  /** Id of the boot. */
  readonly boot: string;
  /** Inode of the pid namespace; 0 where there is none. */
  readonly pidNamespace: number;
  /** Process id as seen inside its pid namespace. */
  readonly pid: number;
  /** Start time of the process in clock ticks since boot, as text; empty when the runtime may not look. */
  readonly startTime: string;
  /** Incarnation of the node: 32 hexadecimal digits, drawn anew at each `openNode`. */
  readonly nonce: string;
  /** Name of the host, for people; never compared. */
  readonly hostName?: string;
  /**
   * Changes when the process replaces its program (exec): what it did before is over. Empty when not known.
   */
  readonly exec?: string;
}

/**
 * What can be said of an owner from here.
 * - `gone`: proven dead, its writes are over
 * - `alive`: its process runs (another process, same pid namespace); or it is a node of the program that a
 *   reload in place has put in the stead of the asking one, which never takes anything back from it
 * - `self`: this very process; another nonce means another node, Worker or reload in it
 * - `unreachable`: same boot, another pid namespace: can be neither proven dead nor killed
 * - `unproven`: cannot be told (other host, or the runtime may not look): a person must say
 */
export type OwnerState = "gone" | "alive" | "self" | "unreachable" | "unproven";

/** What a look at an owner gave. */
export interface OwnerReport {
  /** Verdict on the owner. */
  readonly state: OwnerState;
  /** One sentence for the error message: what was looked at and seen. */
  readonly reason: string;
}

/** How to stop an owner. */
export interface StopOptions {
  /**
   * Every directory that the owner writes to: its journals' and those of its volumes, as its gates were
   * opened. Only needed for an owner in this very process.
   */
  readonly directories: readonly string[];
  /** Time, and nothing else, is waited by. */
  readonly clock: Clock;
  /** Longest wait for writes inside a gate, or for a killed process to be gone. */
  readonly patienceMs: number;
  /** Ends the waiting; what was begun (a gate shut, a signal sent) stays. */
  readonly signal?: AbortSignal;
}

/**
 * What ended an owner's writes.
 * - `gone`: nothing had to be done: its process, its program or its boot is no more
 * - `gate`: its gates in this process were shut, and nothing is inside
 * - `kill`: its process was killed, and is gone
 */
export type StopMeans = "gone" | "gate" | "kill";

/**
 * Why an owner could not be stopped.
 * - `busy`: in this process; its gates are shut, and writes are inside. Ask again
 * - `unknown`: in this process, and no gate of it can be found. Over when the process ends
 * - `ending`: killed, and not gone yet: it waits for a disk, as a rule. Ask again
 * - `denied`: the system refused the signal: another user's process
 * - `spared`: must not be killed: it is this process, or the first of its pid namespace
 * - `unreachable`, `unproven`: as {@linkcode OwnerState}: a person must say
 */
export type StopHindrance =
  | "busy"
  | "unknown"
  | "ending"
  | "denied"
  | "spared"
  | "unreachable"
  | "unproven";

/** What became of stopping an owner; `reason` is one sentence for a person. */
export type StopReport =
  | { readonly over: true; readonly means: StopMeans; readonly reason: string }
  | { readonly over: false; readonly why: StopHindrance; readonly reason: string };

/** Whether members of a cluster may share a directory. */
export interface SharingReport {
  /** True when whoever may write there can be stopped from here. */
  readonly allowed: boolean;
  /** One sentence: what holds the directory, and the remedy when it is refused. */
  readonly reason: string;
}

/**
 * The write gate of one node in this process: enter, write, leave. Shut = refuse new ones and wait for those
 * inside.
 */
export interface Gate {
  /** True while writes may go out: then `leave` is owed. Costs no system call. */
  enter(): boolean;
  /** Ends what `enter` began; once for each `enter` that was answered with true. */
  leave(): void;
  /** Writes inside now. */
  inFlight(): number;
  /** Shuts the gate for good; releases it when the last write has left. */
  close(): void;
}

/** Says who lives, and stops the writes of who must not write any more. */
export interface Fence {
  /** Identity of this process with the given nonce. */
  identify(nonce: string): Answer<OwnerIdentity>;
  /** Looks whether an owner is gone; changes nothing. */
  examine(owner: OwnerIdentity): Answer<OwnerReport>;
  /**
   * Opens one's own gate to a directory, before anything there is claimed; the gates of a nonce may be one.
   */
  openGate(directory: string, nonce: string): Answer<Gate>;
  /**
   * True when the node behind a gate of this process has ended (its isolate is gone, or a reload in place put
   * another in its stead) and its writes to `directory` are over. Never shuts the gate of one that may live
   * on.
   */
  isOver(directory: string, nonce: string): Answer<boolean>;
  /**
   * Shuts the gate of another nonce of this process and tells whether its writes to `directory` are over:
   * `over`, `busy` (some are inside, or it lives and cannot be shut from here; ask again), or `unknown` (no
   * gate is reachable from here: the mount is refused until the process ends).
   */
  shutGate(directory: string, nonce: string): Answer<"over" | "busy" | "unknown">;
  /**
   * Brings an evicted owner to where its writes are over for good, and says how; or why it could not. An
   * owner of this process is stopped by its gates and never killed; one of another process of this host is
   * killed, with all that runs in it, once its identity is proven. Asking again goes on where the last call
   * ended.
   *
   * What is over are writes. Reads of a gated owner go on from what it has in memory, so grants also wait for
   * the end of its lease (DESIGN D8).
   *
   * Never throws for what its report can tell; rejects with the signal's reason.
   */
  stop(owner: OwnerIdentity, options: StopOptions): Promise<StopReport>;
  /**
   * Whether a cluster may share `directory`: not on a file system that other kernels write to, nor where this
   * process cannot see the others. The directory need not exist yet. Errors: `IO`, `PERMISSION`.
   */
  sharing(directory: string): Answer<SharingReport>;
}
