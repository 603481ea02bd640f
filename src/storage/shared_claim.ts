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
import { readChain } from "./claim_chain.ts";
import { type HolderContext, holderError, settleHolder } from "./claim_holder.ts";
import { LEASE_MS_DEFAULT } from "./claim_lease.ts";
import { clearReaders } from "./claim_readers.ts";
import type { ClaimRecord } from "./claim_record.ts";
import { ROUNDS_MAX, SharedChain, type SharedChainOptions } from "./shared_chain.ts";

/** What it takes to share a volume. */
export interface SharedClaimOptions extends SharedChainOptions {
  /** Whether another of the cluster, living or not yet recovered, has the volume mounted. */
  readonly isMounted: () => Promise<boolean>;
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
  readonly #chain: SharedChain;

  /** @internal */
  constructor(options: SharedClaimOptions, gate: Gate) {
    const { storage, clock, observer, directory, owner, signal, leaseMs = LEASE_MS_DEFAULT } = options;
    this.gate = gate;
    this.#options = options;
    this.#chain = new SharedChain(options);
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
      await clearReaders(this.#context, await readChain(storage, directory));
      const end = await this.#chain.end();
      if (end === undefined) continue;
      if (end.claim !== undefined && !await this.#mayShare(end.claim.record)) return false;
      this.ceiling = end.claim?.record.ceiling ?? 0;
      if (await this.#chain.append(end, "held")) {
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
    try {
      for (let round = 0; round < ROUNDS_MAX; round++) {
        const end = await this.#chain.end();
        if (end === undefined) continue;
        // Somebody has set it free already: there is nothing left to say.
        if (!this.#chain.isOurs(end.claim)) return;
        const isLast = !await this.#options.isMounted();
        if (isLast) await this.#options.onLast();
        if (await this.#chain.append(end, isLast ? "free" : "held")) return;
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

  #restless(): CohortError {
    const { directory } = this.#context;
    return new CohortError("IN_USE", `Mount ${directory}: its claims kept changing hands`, {
      path: directory,
    });
  }
}
