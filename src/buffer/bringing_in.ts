/**
 * Bringing in: granted blocks get into frames, by image or from their volumes; what was granted to somebody
 * who waits no longer is given back.
 */
import { isPending } from "../ports/mod.ts";
import type { HolderEvent } from "./block_holder.ts";
import type { CoherenceWorld } from "./coherence_world.ts";
import type { Held } from "./held_block.ts";
import { NO_FRAME } from "./pool.ts";
import { recount } from "./shared_shape.ts";
import { unlessAborted } from "./waiting.ts";

/** What carries out what follows. */
export interface HeldDriver {
  /** Runs an event through the table of a block. */
  readonly happened: (held: Held, event: HolderEvent) => void;
  /** Carries out an order that waits, if nothing keeps the block. */
  readonly ordered: (held: Held) => void;
  /** Lets a block go of which there is nothing to remember. */
  readonly forget: (held: Held) => void;
}

/** Loads of the shared blocks of one member. */
export class BringingIn {
  readonly #world: CoherenceWorld;
  readonly #driver: HeldDriver;

  constructor(world: CoherenceWorld, driver: HeldDriver) {
    this.#world = world;
    this.#driver = driver;
  }

  /**
   * Brings the bytes of a granted block into a frame, which is pinned for the caller. Whatever the keeper
   * orders meanwhile waits until whoever needed it had a turn with it: two who want it could take it from
   * each other for ever. `NO_FRAME` when it was given up for the sake of its frame, which others had found.
   */
  async bringIn(held: Held, isFresh: boolean, signal: AbortSignal | undefined): Promise<number> {
    const { pool, position, makeRoom } = this.#world;
    held.loads++;
    let isHopeless = false;
    try {
      for (;;) {
        const frame = held.state.isHere ? held.placed(pool, position()) : await this.#load(held, isFresh);
        if (frame !== NO_FRAME) return frame;
        await unlessAborted(makeRoom(), signal);
        if (held.state.mode === "NL") return NO_FRAME;
      }
    } catch (error) {
      isHopeless = true;
      throw error;
    } finally {
      held.loads--;
      this.#broughtIn(held, isHopeless);
    }
  }

  #broughtIn(held: Held, isHopeless: boolean): void {
    const { happened, ordered, forget } = this.#driver;
    const { mode, isHere, order, wants } = held.state;
    if (held.loads > 0) return;
    // What this member cannot read others may. But a grant of more, on its way, must not be crossed.
    const isUnwanted = order !== undefined || (isHopeless && wants === undefined);
    if (mode !== "NL" && !isHere && isUnwanted) happened(held, { kind: "unload" });
    else if (order !== undefined) ordered(held);
    forget(held);
  }

  /** Reads a granted block from its volume; `NO_FRAME` when none is clean now. */
  async #load(held: Held, isFresh: boolean): Promise<number> {
    const { volume, block } = held;
    const { pool, loader } = this.#world;
    if (block >= volume.blocks) await volume.measure();
    const answer = loader.load(volume, block, isFresh);
    const frame = isPending(answer) ? await answer : answer;
    if (frame === NO_FRAME || held.state.isHere) return frame;
    held.frame = frame;
    this.#driver.happened(held, { kind: "loaded" });
    recount(pool, volume, frame);
    return frame;
  }

  /**
   * Looks, in a later turn, whether anybody still waits for a block that has no frame. If not it is given
   * back: who asks would get it at once, but nobody may, and then it would be remembered for ever. What this
   * member answers for gets a frame, or it never went home: also while somebody waits to change it, who may
   * have to wait until it is home.
   */
  lookAfter(held: Held): void {
    this.#driver.forget(held);
    if (held.state.mode === "NL" || held.frame !== NO_FRAME) return;
    const { soon, onTrouble } = this.#world;
    soon(() => {
      const { mode, isHere, isDirty, wants, order } = held.state;
      if (mode === "NL" || held.frame !== NO_FRAME) return;
      if (isDirty && held.loads === 0) return void this.#findFrame(held).catch(onTrouble);
      if (!held.isAwaited && wants === undefined && order === undefined) {
        this.#driver.happened(held, { kind: isHere ? "evict" : "unload" });
        this.#driver.forget(held);
      }
    });
  }

  /** Finds a frame for the bytes of a block. What is ordered meanwhile goes as it is, and needs none. */
  async #findFrame(held: Held): Promise<void> {
    const { pool, position, makeRoom } = this.#world;
    while (held.isUnplaced && held.state.isHere) {
      if (held.place(pool, position())) return recount(pool, held.volume, held.frame);
      await makeRoom();
    }
  }
}
