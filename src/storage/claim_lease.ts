/**
 * Lease: a counter beside the claims that a living owner keeps turning.
 *
 * Only nodes of one process need it: of another process the kernel knows whether it lives. It never decides
 * alone either: who finds it standing still shuts the owner's gate next, and waits for its writes.
 */
import { getU48, putU48 } from "../ground/bytes.ts";
import { isCode } from "../ground/errors.ts";
import type { Clock, Storage, StreamFile } from "../ports/mod.ts";

/** How long a counter must stand still before its owner counts as ended, in milliseconds. */
export const LEASE_MS_DEFAULT = 1000;
/** Renewals a lease. */
export const RENEWALS_PER_LEASE = 4;

const LOOKS_PER_LEASE = 10;
const LEASE_BYTES = 8;
const PREFIX = "lease.";

/** Name of the lease of a node. */
export function leaseName(nonce: string): string {
  return `${PREFIX}${nonce}`;
}

/** Whether a file has the name of a lease. */
export function isLeaseName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** Waits `ms`; rejects at once, with the signal's reason, when it is aborted. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal!.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** A lease being kept: written at once, then again and again until it is stopped. */
export class LeaseRenewal {
  readonly #clock: Clock;
  readonly #periodMs: number;
  /** Whether there is anything to renew; costs nothing. */
  readonly #isHeld: () => boolean;
  /** Runs after each renewal; false ends it. */
  readonly #look: () => Promise<boolean>;
  #file: StreamFile | undefined;
  #count = 0;
  #cancel: () => void = () => {};
  #turn: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;

  constructor(clock: Clock, leaseMs: number, isHeld: () => boolean, look: () => Promise<boolean>) {
    this.#clock = clock;
    this.#periodMs = Math.max(1, Math.floor(leaseMs / RENEWALS_PER_LEASE));
    this.#isHeld = isHeld;
    this.#look = look;
  }

  /** Creates the lease at `path` and keeps it. */
  async start(storage: Storage, path: string): Promise<void> {
    this.#file = await storage.openStream(path, { access: "write", create: true });
    await this.#write();
    this.#schedule();
  }

  /** Ends it; resolves when nothing of it is written any more. */
  stop(): Promise<void> {
    return this.#ending ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#cancel();
    await this.#turn;
    await this.#file?.close();
  }

  #schedule(): void {
    if (this.#ending !== undefined) return;
    this.#cancel = this.#clock.after(this.#periodMs, () => this.#turn = this.#renew(), true);
  }

  async #renew(): Promise<void> {
    if (!this.#isHeld()) return;
    try {
      await this.#write();
    } catch {
      // A lease that cannot be written runs out; the gate tells this node when someone else has found it so.
    }
    const goesOn = await this.#look().catch(() => true);
    if (goesOn) this.#schedule();
  }

  async #write(): Promise<void> {
    const bytes = new Uint8Array(LEASE_BYTES);
    putU48(bytes, 0, ++this.#count);
    await this.#file!.write(0, bytes);
  }
}

/** What watching a lease gave: it moved, it or its owner went away, or it stood still for all of a lease. */
export type LeaseVerdict = "renewed" | "over" | "removed" | "still" | "unseen";

/** What is watched, and with what. */
export interface LeaseWatch {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Where the lease is. */
  readonly path: string;
  readonly leaseMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether the owner is known by other means to have ended. */
  readonly isOver: () => Promise<boolean>;
}

/**
 * Watches a lease until it moves, its owner is over, or it has stood still for `leaseMs`: by successful looks
 * close enough together that a living owner would have renewed it between two of them. `unseen` when ten
 * leases passed without such an interval.
 */
export async function watchLease(watch: LeaseWatch): Promise<LeaseVerdict> {
  const { storage, clock, path, leaseMs, signal } = watch;
  const periodMs = Math.max(1, leaseMs / LOOKS_PER_LEASE);
  const gapMsMax = Math.max(leaseMs / RENEWALS_PER_LEASE, 2);
  const begun = clock.monotonicMs();
  let since = begun, last = begun;
  let seen: number | "absent" | undefined;
  for (;;) {
    if (await watch.isOver()) return "over";
    const value = await readLease(storage, path);
    const now = clock.monotonicMs();
    if (value !== undefined) {
      if (seen !== undefined && value !== seen) return value === "absent" ? "removed" : "renewed";
      // A loop that itself stood still must not conclude anything from the time that went by.
      if (seen === undefined || now - last > gapMsMax) since = now;
      if (now - since >= leaseMs) return "still";
      seen = value;
      last = now;
    }
    if (now - begun > 10 * leaseMs) return "unseen";
    await pause(clock, periodMs, signal);
  }
}

/** The counter of a lease; `absent` when there is none, undefined when it could not be read. */
async function readLease(storage: Storage, path: string): Promise<number | "absent" | undefined> {
  try {
    const file = await storage.openStream(path, { access: "read" });
    try {
      const bytes = new Uint8Array(LEASE_BYTES);
      return await file.read(0, bytes) === LEASE_BYTES ? getU48(bytes, 0) : 0;
    } finally {
      await file.close();
    }
  } catch (error) {
    return isCode(error, "NOT_FOUND") ? "absent" : undefined;
  }
}
