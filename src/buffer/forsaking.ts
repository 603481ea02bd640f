/**
 * Forsaking: a volume that nobody may use any more is let go of as it is. Nothing of it goes home: the
 * journal stays from where it is needed for that. The keepers hear that this member has nothing of it, so
 * that whoever mounts it once it is mended waits for nobody.
 */
import type { Volume } from "../storage/volume.ts";
import type { HolderMessage } from "./block_holder.ts";
import type { Held } from "./held_block.ts";
import type { HeldTable } from "./held_table.ts";
import { type LeftBehind, oldestDirtyOf } from "./left_behind.ts";
import type { OwedBlocks } from "./owed_blocks.ts";
import type { Pool } from "./pool.ts";

/** What it needs of coherence. */
export interface ForsakingWorld {
  readonly pool: Pool;
  readonly held: HeldTable;
  readonly owed: OwedBlocks;
  readonly left: LeftBehind;
  /** Tells the keeper of a block. */
  readonly tell: (held: Held, message: HolderMessage & { readonly kind: "give" }) => void;
}

/**
 * Forgets all that is held of a volume but what is on its way here, unless that, too, is given up. Answers
 * how many blocks that are: a grant that nobody hears would leave its keeper waiting. Whoever waits for one
 * looks again, and is told that the volume must not be used.
 */
export function forsake(volume: Volume, world: ForsakingWorld, isLast: boolean): number {
  const { pool, held: table, owed, left, tell } = world;
  const all = table.allOf(volume);
  // Before a frame of it goes: what is dirty is known by its frame alone.
  left.keep(volume.index, Math.min(oldestDirtyOf(pool, volume.index), owed.forsake(volume)));
  let coming = 0;
  for (const held of all) {
    if (held.isUnplaced) left.keep(volume.index, held.bytesFrom);
    if (!isLast && held.isComing) {
      coming++;
      held.wake();
      continue;
    }
    const { mode, turn } = held.state;
    table.drop(held, pool);
    if (mode !== "NL") tell(held, { kind: "give", turn });
  }
  return coming;
}
