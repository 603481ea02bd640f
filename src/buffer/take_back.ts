/** Taking back: a block that was sent on in a view that has ended, and that nobody says he has. */
import { blockStamp } from "../ground/block.ts";
import { CohortError } from "../ground/errors.ts";
import type { CoherenceWorld } from "./coherence_world.ts";
import { returned, unsent } from "./block_holder.ts";
import type { BlockPlace } from "./block_message.ts";
import type { Held } from "./held_block.ts";

/** What taking back needs of the member. */
export type TakeBackWorld = Pick<CoherenceWorld, "pool" | "position" | "rest" | "onTrouble">;

/** What carries out what follows. */
export interface SenderDriver {
  /** Rises with each view. */
  readonly view: () => number;
  /** Whether a volume may be used here. */
  readonly isUsed: (tag: number) => boolean;
  /** Tells the keeper whether this member has a block again. */
  readonly returned: (place: BlockPlace, hasIt: boolean) => void;
  /** This member has it again, perhaps without a frame for it. */
  readonly cameBack: (held: Held) => void;
  /** Carries out an order that waits. */
  readonly ordered: (held: Held) => void;
  /** Looks whether anybody still waits for a block. */
  readonly lookAfter: (held: Held) => void;
  /** Lets a block go of which there is nothing to remember. */
  readonly forget: (held: Held) => void;
}

/** The keepers of a new view say what became of that which was sent on in an earlier one. */
export class TakingBack {
  readonly #world: TakeBackWorld & Pick<CoherenceWorld, "nudge">;
  readonly #driver: SenderDriver;

  constructor(world: TakeBackWorld & Pick<CoherenceWorld, "nudge">, driver: SenderDriver) {
    this.#world = world;
    this.#driver = driver;
  }

  /** What this member sent on by this turn has arrived, or may be its own again. */
  judged(place: BlockPlace, held: Held | undefined, turn: number, isBack: boolean): void {
    const { isUsed, returned, forget } = this.#driver;
    if (held === undefined || !held.sent.has(turn)) {
      // Whoever forsook the volume has nothing to take back, and the keeper waits for a word.
      if (isBack && !isUsed(place.tag)) returned(place, false);
      return;
    }
    if (isBack) return void this.#takeBack(place, held, turn).catch((error) => this.#world.onTrouble(error));
    held.state = unsent(held.state, turn);
    held.letSent(this.#world.pool, turn);
    forget(held);
  }

  async #takeBack(place: BlockPlace, held: Held, turn: number): Promise<void> {
    const { view: present, returned, cameBack, ordered, lookAfter } = this.#driver;
    const view = present();
    const isKept = (): boolean => present() === view && held.sent.has(turn);
    const hasIt = await takeBack(held, turn, this.#world, isKept) ?? (present() === view ? false : undefined);
    if (hasIt !== undefined) {
      returned(place, hasIt);
      cameBack(held);
      this.#world.nudge();
      held.wake();
    }
    // What came meanwhile was awaited, and what was ordered was put off: also in a view that began since.
    if (held.state.order !== undefined) ordered(held);
    lookAfter(held);
  }
}

/**
 * Makes a block this member's again, unless whoever had it brought it home and gave it up before he heard of
 * the new view: all have by now, so what is home stays as it is. Answers whether this member has it;
 * undefined when the view has ended meanwhile: in the next it is asked again; or when it was forsaken.
 * Whoever wants the block waits for this: what cannot be read is told once, and read again until it can.
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
