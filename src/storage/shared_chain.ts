/**
 * Shared chain: the links that members of a cluster add to the claims of a volume they share (DESIGN D14).
 * Each says who added it and the highest stamp that was known then.
 */
import { isUnchanged, purgeChain, readChain, readClaim, type StoredClaim } from "./claim_chain.ts";
import type { ClaimOptions } from "./claim_options.ts";
import { claimName, type ClaimRecord, encodeClaim, NO_ID } from "./claim_record.ts";

/** Claims kept: the newest, and the one it superseded. */
const CLAIMS_KEPT = 2;
/** How often the chain may move under a member before it gives up. */
export const ROUNDS_MAX = 200;

/** Who adds links, and to which chain. */
export interface SharedChainOptions extends Omit<ClaimOptions, "mode" | "onLost" | "onStanding" | "cluster"> {
  readonly cluster: string;
  /** The highest stamp that this member knows. */
  readonly stamp: () => number;
}

/** The end of a chain. */
export interface ChainEnd {
  /** Number of the newest claim; 0 when there is none. */
  readonly number: number;
  readonly claim: StoredClaim | undefined;
}

/** The chain of one volume, for one member. */
export class SharedChain {
  readonly #options: SharedChainOptions;

  constructor(options: SharedChainOptions) {
    this.#options = options;
  }

  /** The newest claim; undefined when it was purged while it was looked at. */
  async end(): Promise<ChainEnd | undefined> {
    const { storage, directory } = this.#options;
    const { newest } = await readChain(storage, directory);
    if (newest === 0) return { number: 0, claim: undefined };
    const claim = await readClaim(storage, directory, claimName(newest), newest);
    return claim === undefined ? undefined : { number: newest, claim };
  }

  /** Whether a claim is held by this member's cluster. */
  isOurs(claim: StoredClaim | undefined): claim is StoredClaim {
    if (claim === undefined) return false;
    const { mode, cluster, state } = claim.record;
    return mode === "clustered" && cluster === this.#options.cluster && state !== "free";
  }

  /** Creates the next link; true when it is really the next one, and the newest. */
  async append({ number: newest, claim }: ChainEnd, state: "held" | "free"): Promise<boolean> {
    const { storage, directory, clock, observer } = this.#options;
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
      ceiling: Math.max(claim?.record.ceiling ?? 0, stamp()),
    };
    const path = `${directory}/${claimName(record.number)}`;
    if (!await storage.createRegister(path, encodeClaim(record))) return false;
    const chain = await readChain(storage, directory);
    const isNext = chain.newest === record.number && chain.second === newest;
    if (isNext && await isUnchanged(storage, `${directory}/${claimName(newest)}`, claim?.bytes)) {
      await purgeChain(storage, directory, record.number - CLAIMS_KEPT, [], observer);
      return true;
    }
    // Somebody was faster, or the chain was begun anew or purged while this process slept: once more.
    if (chain.newest === record.number) await storage.remove(path);
    return false;
  }

  /** Notes the highest stamp, as long as the volume is this cluster's: before a journal goes that has it. */
  async note(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const end = await this.end();
      if (end === undefined) continue;
      if (!this.isOurs(end.claim) || await this.append(end, "held")) return;
    }
  }
}
