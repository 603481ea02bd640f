/** The manner of worlds in which nothing happens but what a play does. */
import type { CoherenceManner } from "./coherence_world.ts";

/** Two members without clients; views and losses are the play's. */
export const QUIET_MANNER: CoherenceManner = {
  members: 2,
  clients: 0,
  operations: 0,
  keys: 0,
  poolBlocks: 64,
  views: 0,
  losses: 0,
};
