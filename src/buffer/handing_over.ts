/** Handing over: what a block waits for before another member may have it (DESIGN D6). */
import type { Handover } from "./block_holder.ts";
import type { CoherenceWorld } from "./coherence_world.ts";
import type { Held } from "./held_block.ts";
import { NO_FRAME } from "./pool.ts";

/**
 * What to wait for: by way of the disk, that it is home, and until then it is not changed any more; or that
 * it was home once, when another's journal waits for that; or a home write of it that was issued.
 */
export function beforeLeaving(held: Held, world: CoherenceWorld): Promise<void> | undefined {
  const { volume, block, frame, state: { order, isDirty } } = held;
  if (order === undefined || frame === NO_FRAME) return undefined;
  held.isGoingHome = isDirty && order.kind === "demand" && world.handover === "disk";
  if (held.isGoingHome) {
    held.isDue = true;
    held.isHomeWanted = false;
    held.settle(world.pool, world.position());
    return world.bringHome(volume, block);
  }
  if (order.keeps !== "NL") return undefined;
  return held.homeFirst(world.bringHome) ?? world.letGo(volume, block);
}

/** How it goes. What came by image and has no frame yet the write daemon does not know: it is sent on. */
export function handoverOf({ state }: Held, world: CoherenceWorld): Handover {
  return state.isDirty ? "direct" : world.handover;
}
