/**
 * What befalls a process once in an epoch, as planned: it is paused, the wall clock jumps, the disk is full.
 */
import type { SimProcess } from "../host.ts";
import type { Prng } from "../prng.ts";
import type { EpochPlan } from "./seed_options.ts";
import type { World } from "./world.ts";

/** Virtual microseconds from the beginning of an epoch in which it befalls. */
const SOON_US = 200_000;

/** Arranges for it. */
export function disturb(world: World, plan: EpochPlan, process: SimProcess, chance: Prng): void {
  const { host } = world;
  const { scheduler } = host;
  const soon = (task: () => void) => scheduler.after(chance.below(SOON_US), task, process);
  if (plan.pauseMs > 0) soon(() => host.pause(process, plan.pauseMs * 1000));
  if (plan.jumpMs !== 0) soon(() => (host.wallOffsetMs += plan.jumpMs));
  if (plan.fullMs === 0) return;
  soon(() => {
    world.wasFull = true;
    host.disk.capacityBytes = host.disk.usedBytes() + chance.below(100_000);
    host.plan.struck("disk_full", "/", scheduler.now);
    scheduler.after(plan.fullMs * 1000, () => (host.disk.capacityBytes = Number.MAX_SAFE_INTEGER));
  });
}
