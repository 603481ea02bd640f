/** Kill of a node, with or without what is below it, inside a change. */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import { subtreeEnd } from "../ground/key.ts";
import { dropGlobal, findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { killRange } from "./kill.ts";
import { removeValue } from "./store.ts";

/** Kills a node and all below it, inside a change. The whole global goes with its catalog entry. */
export function killIn(
  change: Change,
  database: DatabaseCore,
  name: string,
  low: Uint8Array,
): undefined | Again {
  const { volume } = database;
  if (low.length === 0) return dropGlobal(change, volume, name) === MISS ? AGAIN : undefined;
  const root = findRoot(change, volume, name);
  if (root === MISS) return AGAIN;
  if (root === NO_ROOT) return undefined;
  const high = new Uint8Array(low.length);
  const highLength = subtreeEnd(low, low.length, high);
  const range = { low, lowLength: low.length, high, highLength };
  return killRange(change, { volume, root }, range) === MISS ? AGAIN : undefined;
}

/** Removes one value, inside a change. */
export function zkillIn(
  change: Change,
  database: DatabaseCore,
  name: string,
  key: Uint8Array,
): undefined | Again {
  const { volume } = database;
  const root = findRoot(change, volume, name);
  if (root === MISS) return AGAIN;
  if (root === NO_ROOT) return undefined;
  return removeValue(change, { volume, root }, key, key.length) === MISS ? AGAIN : undefined;
}
