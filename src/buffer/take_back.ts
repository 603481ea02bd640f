/** Taking back: a block that was sent on in a view that has ended, and that nobody says he has. */
import { blockStamp } from "../ground/block.ts";
import { returned, unsent } from "./block_holder.ts";
import type { Held } from "./held_block.ts";
import type { Pool } from "./pool.ts";

const UNREADABLE = { bytes: new Uint8Array(0), fault: "unreadable" };

/**
 * Makes a block this member's again, unless whoever had it brought it home and gave it up before he heard of
 * the new view: all have by now, so what is home stays as it is. Answers whether this member has it;
 * undefined when the view has ended meanwhile: in the next it is asked again.
 */
export async function takeBack(
  held: Held,
  turn: number,
  pool: Pool,
  position: () => number,
  isCurrent: () => boolean,
): Promise<boolean | undefined> {
  held.loads++;
  const { bytes, fault } = await held.volume.readRaw(held.block).catch(() => UNREADABLE);
  held.loads--;
  if (!isCurrent()) return undefined;
  const kept = held.sentBytes(pool, turn);
  const isHome = fault === undefined && blockStamp(bytes, 0) >= blockStamp(kept, 0);
  held.state = isHome ? unsent(held.state, turn) : returned(held.state, turn);
  held.letSent(pool, turn);
  if (!isHome) {
    held.bytes = kept;
    held.place(pool, position());
  }
  return !isHome;
}
