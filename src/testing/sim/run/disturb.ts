/**
 * What befalls a process in an epoch beside its work: it is paused, the wall clock jumps, the disk is full;
 * and the sync barriers of relaxed worlds.
 */
import type { SimProcess } from "../host.ts";
import type { Prng } from "../prng.ts";
import type { ClientContext } from "../workload/calls.ts";
import type { Region } from "../workload/region.ts";
import type { EpochPlan } from "./seed_options.ts";
import type { World } from "./world.ts";

/** Virtual microseconds from the beginning of an epoch in which it befalls. */
const SOON_US = 200_000;
/** Virtual microseconds between two sync barriers, at most. */
const BARRIER_US = 400_000;

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

/** Now and then waits for a sync barrier, and notes how many effects of each region it has covered. */
export async function barriers(
  context: ClientContext,
  regions: readonly Region[],
  synced: Map<Region, number>,
  chance: Prng,
): Promise<void> {
  const { process, node, host } = context;
  while (context.goOn() && process.alive) {
    await host.scheduler.sleep(chance.below(BARRIER_US), process);
    const covered = regions.map((region) => region.acknowledged);
    try {
      await node.sync();
    } catch {
      return;
    }
    if (!process.alive) return;
    regions.forEach((region, i) => synced.set(region, covered[i] as number));
  }
}
