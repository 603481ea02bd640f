/** What membership takes from the member that it is a part of. */
import type { View } from "../ground/view.ts";
import type { Clock, Entropy, InterconnectSelf, Observer, OwnerIdentity, Storage } from "../ports/mod.ts";
import type { MembershipState, SharedSettings } from "./member_message.ts";
import type { Post } from "./post.ts";
import type { SilenceLimits } from "./verdict.ts";

/** Rhythm and patience, in milliseconds. */
export interface MembershipTimings extends SilenceLimits {
  /** Between two signs of life, over the network and in the slot. */
  readonly pulseMs: number;
  /** How long rows of a partition must agree before somebody is evicted. */
  readonly settleMs: number;
  /** How long a member may answer after a look at the views that found it to be one. */
  readonly leaseMs: number;
  /** How much longer others wait for that to be over, for clocks that do not run alike. */
  readonly leaseMarginMs: number;
  /** How long a newcomer tries. */
  readonly joinMs: number;
}

/** Ports, facts and hooks. */
export interface MembershipWorld {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly storage: Storage;
  readonly observer: Observer;
  readonly post: Post;
  /** How it names itself to the others. */
  readonly link: InterconnectSelf;
  /** The PIJ directory. */
  readonly directory: string;
  readonly owner: OwnerIdentity;
  readonly votes: number;
  readonly storageVotes: number | "auto";
  /** Directory of its journal and image journal. */
  readonly journal: string;
  /** Directories that whoever has this journal writes to besides. */
  readonly directoriesOf: (journal: string) => Promise<readonly string[]>;
  readonly settings: SharedSettings;
  readonly timings: MembershipTimings;
  /**
   * A person's word that members of an earlier life of the cluster are gone, whom nobody here could prove so:
   * that of one incarnation, or of all. False by default.
   */
  readonly confirmGone?: string | boolean;
  /** Whether who is silent is evicted, and not only who is proven gone; true by default, alike for all. */
  readonly evictSilent?: boolean;
  /** It is in this view from now on; synchronous, and first of all. */
  readonly onView: (view: View) => void;
  readonly onState: (state: MembershipState, why: string) => void;
  /** A member has told this one something (`Membership.tell`). */
  readonly onTold: (from: string, bytes: Uint8Array) => void;
  /** A broken invariant: the member ends. */
  readonly onBroken: (error: unknown) => void;
  /**
   * Fences and recovers all that are pending in a view (DESIGN D8, D9); only the master is asked. It may end
   * early, with a rejection, once `isCurrent` says no: then it is asked again for the view that followed.
   * Whatever it answers, they stay pending until their processes are gone or their leases have run out.
   */
  readonly recover: (view: View, isCurrent: () => boolean) => Promise<void>;
  /** They are recovered and over: what waits for that goes on, before the next view says so. */
  readonly resume: () => void;
}
