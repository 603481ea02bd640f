/** Timings of simulated members. */
import type { ClusterTimings } from "../../mod.ts";

/** Somewhat quicker than the defaults. */
export const TIMINGS: ClusterTimings = {
  pulseMs: 100,
  networkMs: 1_500,
  storageMs: 1_500,
  settleMs: 300,
  leaseMs: 1_000,
  leaseMarginMs: 300,
  joinMs: 60_000,
};
