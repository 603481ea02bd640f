/** What it takes to claim a volume. */
import type { CohortError } from "../ground/errors.ts";
import type { Clock, Observer, OwnerIdentity, Storage } from "../ports/mod.ts";
import type { ClaimMode } from "./claim_record.ts";

/** Options of `acquireClaim`. */
export interface ClaimOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Told of takeovers, purges and losses. */
  readonly observer?: Observer;
  /** Directory of the volume, in its one spelling (`storage.resolve`). */
  readonly directory: string;
  readonly mode: ClaimMode;
  /** The node that claims: `fence.identify` of its incarnation. */
  readonly owner: OwnerIdentity;
  /**
   * Directory of the node's journal and image journal, in its one spelling; its gate (`fence.openGate`) is
   * open before this is called. Empty for a reader without one.
   */
  readonly journalDirectory: string;
  /** Cluster of which the owner is a member; empty by default. */
  readonly cluster?: string;
  /** Id of the volume, when known by now: 32 hexadecimal digits. */
  readonly volumeId?: string;
  /** Incarnation of the volume, likewise. */
  readonly volumeIncarnation?: string;
  /** Milliseconds after which a silent node of the same process counts as ended; 1000 by default. */
  readonly leaseMs?: number;
  readonly signal?: AbortSignal;
  /** A person's word that an unreachable or unproven holder is gone: its nonce, or true for whoever it is. */
  readonly confirmGone?: string | boolean;
  /** Runs when acquiring fails and a claim that names this owner may stand all the same. */
  readonly onStanding?: () => void;
  /** Runs once when the claim is lost to a newer one, or its gate was shut. */
  readonly onLost?: (reason: CohortError) => void;
}
