/**
 * Shared claim: a volume belongs to a cluster from the first mount by one of its members to the last dismount
 * (DESIGN D14).
 *
 * Every mount and every dismount by a member is a link of the volume's chain of claims, so that of a mount
 * and the last dismount one comes first and the other sees it. Nobody renews it: who of the cluster has the
 * volume is known by its registers, and who lives by the view. A dead member's part is its cluster's to
 * recover; nobody else may take the volume before.
 */
import { CohortError } from "../ground/errors.ts";
import type { Gate } from "../ports/mod.ts";
import { isUnchanged, purgeChain, readChain, readClaim, type StoredClaim } from "./claim_chain.ts";
import { type HolderContext, holderError, settleHolder } from "./claim_holder.ts";
import { LEASE_MS_DEFAULT } from "./claim_lease.ts";
import type { ClaimOptions } from "./claim_options.ts";
import { clearReaders } from "./claim_readers.ts";
import { claimName, type ClaimRecord, encodeClaim, NO_ID } from "./claim_record.ts";

/** Claims kept: the newest, and the one it superseded. */
const CLAIMS_KEPT = 2;
/** How often the chain may move under a member before it gives up. */
const ROUNDS_MAX = 200;

/** What it takes to share a volume. */
export interface SharedClaimOptions extends Omit<ClaimOptions, "mode" | "onLost" | "onStanding" | "cluster"> {
  readonly cluster: string;
  /** Whether another of the cluster, living or not yet recovered, has the volume mounted. */
  readonly isMounted: () => Promise<boolean>;
  /** The highest stamp that this member knows. */
  readonly stamp: () => number;
  /** The last dismount: nobody else has the volume now; it is about to be free. */
  readonly onLast: () => Promise<void>;
}

/**
 * Takes part in a volume. Answers undefined for one that its private owner did not close, or closed with
 * something left to recover: it is to be mounted privately first. Rejects `IN_USE` when its private owner or
 * a reader lives, `FOREIGN_OWNER` when it is another cluster's or that cannot be told.
 */
export async function shareClaim(options: SharedClaimOptions): Promise<SharedClaim | undefined> {
  options.signal?.throwIfAborted();
  const gate = await options.storage.fence.openGate(options.directory, options.owner.nonce);
  const claim = new SharedClaim(options, gate);
  try {
    if (await claim.enter()) return claim;
  } catch (error) {
    gate.close();
    throw error;
  }
  gate.close();
  return undefined;
}

/** A member's part in a volume of its cluster. Made by {@linkcode shareClaim}. */
export class SharedClaim {
  /** Every write of this member to the volume passes it. */
  readonly gate: Gate;
  /** No stamp in the volume is above this, as far as was told in the chain. */
  ceiling = 0;
  readonly #options: SharedClaimOptions;
  readonly #context: HolderContext;

  /** @internal */
  constructor(options: SharedClaimOptions, gate: Gate) {
    const { storage, clock, observer, directory, owner, signal, leaseMs = LEASE_MS_DEFAULT } = options;
    this.gate = gate;
    this.#options = options;
    const { confirmGone = false } = options;
    this.#context = { storage, clock, observer, directory, nonce: owner.nonce, leaseMs, signal, confirmGone };
  }

  /** True once its gate was shut by who fenced this member. Costs no system call. */
  get lost(): boolean {
    if (!this.gate.enter()) return true;
    this.gate.leave();
    return false;
  }

  /** @internal Adds the link of a mount; false when the volume must be recovered by itself first. */
  async enter(): Promise<boolean> {
    const { storage, directory } = this.#context;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      this.#options.signal?.throwIfAborted();
      const chain = await readChain(storage, directory);
      await clearReaders(this.#context, chain);
      const base = await this.#base(chain.newest);
      if (base === undefined && chain.newest > 0) continue; // purged in between
      if (base !== undefined && !await this.#mayShare(base.record)) return false;
      this.ceiling = base?.record.ceiling ?? 0;
      if (await this.#append(chain.newest, base, "held")) {
        await clearReaders(this.#context, await readChain(storage, directory));
        return true;
      }
    }
    throw this.#restless();
  }

  /** Whether the newest claim lets the cluster in; throws when it never will by itself. */
  async #mayShare(record: ClaimRecord): Promise<boolean> {
    if (record.state === "free") return record.predecessors.length === 0;
    const { cluster } = this.#options;
    if (record.mode === "clustered" && record.cluster === cluster) return true;
    if (record.cluster !== "" && record.cluster !== cluster) {
      const reason = `it belongs to cluster ${record.cluster}, a member of which must dismount it`;
      throw holderError("FOREIGN_OWNER", this.#context, record, reason);
    }
    await settleHolder(this.#context, record);
    return false;
  }

  /**
   * Adds the link of a dismount: the volume is free when no other of the cluster has it. Every write of this
   * member to it must be over, and its register gone.
   */
  async release(): Promise<void> {
    const { storage, directory } = this.#context;
    try {
      for (let round = 0; round < ROUNDS_MAX; round++) {
        const { newest } = await readChain(storage, directory);
        const base = await this.#base(newest);
        if (base === undefined && newest > 0) continue;
        const isOurs = base?.record.mode === "clustered" && base.record.cluster === this.#options.cluster;
        // Somebody has set it free already: there is nothing left to say.
        if (!isOurs || base.record.state === "free") return;
        this.ceiling = base.record.ceiling;
        const isLast = !await this.#options.isMounted();
        if (isLast) await this.#options.onLast();
        if (await this.#append(newest, base, isLast ? "free" : "held")) return;
      }
    } finally {
      this.gate.close();
    }
    throw this.#restless();
  }

  /** Lets go without a word: this member's part is its cluster's to recover. */
  abandon(): Promise<void> {
    this.gate.close();
    return Promise.resolve();
  }

  async #base(number: number): Promise<StoredClaim | undefined> {
    const { storage, directory } = this.#context;
    return number === 0 ? undefined : await readClaim(storage, directory, claimName(number), number);
  }

  /** Creates the next link; true when it is really the next one, and the newest. */
  async #append(
    newest: number,
    base: StoredClaim | undefined,
    state: "held" | "free",
  ): Promise<boolean> {
    const { storage, directory, clock, observer } = this.#context;
    const { owner, cluster, journalDirectory, volumeId, volumeIncarnation, stamp } = this.#options;
    const record: ClaimRecord = {
      number: newest + 1,
      state,
      mode: "clustered",
      cluster,
      volume: volumeId ?? NO_ID,
      incarnation: volumeIncarnation ?? NO_ID,
      owner,
      journalDirectory,
      predecessors: [],
      wallMs: clock.wallMs(),
      ceiling: Math.max(this.ceiling, stamp()),
    };
    const path = `${directory}/${claimName(record.number)}`;
    if (!await storage.createRegister(path, encodeClaim(record))) return false;
    const chain = await readChain(storage, directory);
    const isNext = chain.newest === record.number && chain.second === newest;
    if (isNext && await isUnchanged(storage, `${directory}/${claimName(newest)}`, base?.bytes)) {
      await purgeChain(storage, directory, record.number - CLAIMS_KEPT, [], observer);
      return true;
    }
    // Somebody was faster, or the chain was begun anew or purged while this process slept: once more.
    if (chain.newest === record.number) await storage.remove(path);
    return false;
  }

  #restless(): CohortError {
    const { directory } = this.#context;
    return new CohortError("IN_USE", `Mount ${directory}: its claims kept changing hands`, {
      path: directory,
    });
  }
}
