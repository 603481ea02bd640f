/** Leaving: tried again while the storage refuses it, for no longer than others bear silence. */
import { CohortError } from "../ground/errors.ts";
import { pause } from "../storage/claim_lease.ts";
import type { MembershipWorld } from "./membership_world.ts";

/** Why a member cannot leave that was ended as it stands: it takes no view any more; the others evict it. */
export function endedMeanwhile(): CohortError {
  return new CohortError("STOPPED", "Could not leave the cluster: the member was ended meanwhile");
}

/** Tries until it is done; resolves to what refused it, when it has not left in the end. */
export async function leaving(
  { clock, timings }: MembershipWorld,
  attempt: () => Promise<void>,
): Promise<CohortError | undefined> {
  const until = clock.monotonicMs() + timings.storageMs;
  for (;;) {
    try {
      await attempt();
      return undefined;
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      if (error.code === "STOPPED" || clock.monotonicMs() >= until) return error;
    }
    await pause(clock, timings.pulseMs);
  }
}
