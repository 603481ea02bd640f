/** Rhythm of the members under chaos. */
import type { ClusterTimings } from "../../mod.ts";

/** Tuned so that a silent member is gone in a second or two. */
export const CHAOS_TIMINGS: ClusterTimings = {
  pulseMs: 50,
  networkMs: 800,
  storageMs: 800,
  settleMs: 100,
  leaseMs: 500,
  leaseMarginMs: 100,
};
