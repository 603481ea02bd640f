/**
 * Growing: a shared volume is made longer by one member at a time, the one that may change the map of its
 * first extent.
 *
 * That block is always there, all members know its number whatever they think of the volume's size, and it is
 * read as any other; a header slot may be damaged, and who is the last of the maps is what growth changes.
 * Who grows looks first how long the file is by now. It keeps the block for as long as it takes, and waits
 * for no other: whoever wants to grow must keep none that others may wait for.
 */
import type { Answer } from "../ports/mod.ts";
import type { Volume } from "../storage/volume.ts";
import type { Pool } from "./pool.ts";
import type { Need } from "./step.ts";

/** What it needs of coherence. */
export interface GrowthKeeper {
  obtain(need: Need, signal: AbortSignal | undefined): Answer<number>;
  grip(need: Need): boolean;
  letGrip(need: Need): void;
}

/** What lets growths of a volume run alone among all its members (`Volume.growAlone`). */
export function growingAlone(
  coherence: GrowthKeeper,
  pool: Pool,
  volume: Volume,
): (growth: () => Promise<void>) => Promise<void> {
  const need: Need = { volume, block: volume.mapBlockOf(0), mode: "EX", isFresh: false };
  return async (growth) => {
    for (let isKept = false; !isKept;) {
      const frame = await coherence.obtain(need, undefined);
      isKept = coherence.grip(need);
      pool.unpin(frame);
    }
    try {
      await growth();
    } finally {
      coherence.letGrip(need);
    }
  };
}
