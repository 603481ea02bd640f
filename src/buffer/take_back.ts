/** Taking back: a block that was sent on in a view that has ended, and that nobody says he has. */
import { blockStamp } from "../ground/block.ts";
import { CohortError } from "../ground/errors.ts";
import type { CoherenceWorld } from "./coherence_world.ts";
import { returned, unsent } from "./block_holder.ts";
import type { Held } from "./held_block.ts";

/** What taking back needs of the member. */
export type TakeBackWorld = Pick<CoherenceWorld, "pool" | "position" | "rest" | "onTrouble">;

/**
 * Makes a block this member's again, unless whoever had it brought it home and gave it up before he heard of
 * the new view: all have by now, so what is home stays as it is. Answers whether this member has it;
 * undefined when the view has ended meanwhile: in the next it is asked again. Whoever wants the block waits
 * for this: what cannot be read is told once, and read again until it can.
 */
export async function takeBack(
  held: Held,
  turn: number,
  { pool, position, rest, onTrouble }: TakeBackWorld,
  isCurrent: () => boolean,
): Promise<boolean | undefined> {
  let home: number | undefined;
  for (let tries = 0; home === undefined; tries++) {
    if (tries > 0) await rest();
    if (!isCurrent()) return undefined;
    try {
      home = await homeStamp(held);
    } catch (error) {
      if (tries === 0) onTrouble(error);
    }
  }
  if (!isCurrent()) return undefined;
  const kept = held.sentBytes(pool, turn);
  const isHome = home >= blockStamp(kept, 0);
  held.state = isHome ? unsent(held.state, turn) : returned(held.state, turn);
  held.letSent(pool, turn);
  if (!isHome) {
    // The view may have ended before the redo of it was safe: then its image had not left.
    held.bytes = kept;
    held.bytesAt = held.bytesFrom = position();
    held.place(pool, position());
  }
  return !isHome;
}

/** The stamp that the block has on its volume. What cannot be read may be newer than what was sent. */
async function homeStamp(held: Held): Promise<number> {
  held.loads++;
  try {
    const { bytes, fault } = await held.volume.readRaw(held.block);
    if (fault === "blank") return 0;
    if (fault === undefined) return blockStamp(bytes, 0);
    const { path } = held.volume;
    const text = `Could not take block ${held.block} of ${path} back: ${fault}`;
    throw new CohortError("CORRUPT", text, { path, block: held.block, found: fault });
  } finally {
    held.loads--;
  }
}
