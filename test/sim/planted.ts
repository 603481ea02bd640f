/**
 * The planted bugs: mistakes of this floor, each a change of the engine's own text, and the checkers that
 * must find it.
 *
 * A plant is made in a copy of the sources (test/sim/planted_run.ts), so that the engine knows nothing of it.
 * When the text it replaces is no longer there exactly once, the plant has died and says so.
 */
import type { Plant } from "./plant.ts";
import { CLUSTER_PLANTS } from "./planted_cluster.ts";
import { VIEW_PLANTS } from "./planted_views.ts";
import { STORAGE_PLANTS } from "./planted_storage.ts";
import { TREE_PLANTS } from "./planted_tree.ts";

/** The table. */
export const PLANTS: readonly Plant[] = [
  ...STORAGE_PLANTS,
  ...TREE_PLANTS,
  ...CLUSTER_PLANTS,
  ...VIEW_PLANTS,
];
