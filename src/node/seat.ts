/**
 * Seat: a node's place in its cluster: taken when it is first needed, given back in good order, taken again
 * if it is needed again.
 */
import { atEnd } from "../ground/at_end.ts";
import { CohortError } from "../ground/errors.ts";
import type { Joined } from "./joined.ts";

/** What a seat takes from its node. */
export interface SeatWorld {
  /** Makes the node a member; `coming` is told what is to become one. */
  readonly take: (coming: (joined: Joined) => void) => Promise<Joined>;
  /** It left. */
  readonly onLeft: () => void;
  /** It could not leave in good order, so that the others will fence it. */
  readonly onRefused: (cause: CohortError) => void;
}

/** Of one node. */
export class Seat {
  readonly #world: SeatWorld;
  /** Mounts under way that need it. */
  readonly #sharing = new Set<Promise<unknown>>();
  #joining: Promise<Joined> | undefined;
  #joined: Joined | undefined;
  /** It is on its way in. */
  #coming: Joined | undefined;
  #leaving: Promise<void> | undefined;

  constructor(world: SeatWorld) {
    this.#world = world;
  }

  /** This node as a member; undefined while it is none. */
  get joined(): Joined | undefined {
    return this.#joined;
  }

  /** The same, or as what is to become a member: to be shown, and ended with its node. */
  get present(): Joined | undefined {
    return this.#joined ?? this.#coming;
  }

  /** Becomes a member, unless it is one; what refused it may be tried again. */
  async join(): Promise<Joined> {
    while (this.#leaving !== undefined) await this.#leaving.catch(() => {});
    return await (this.#joining ??= this.#join());
  }

  async #join(): Promise<Joined> {
    try {
      return this.#joined = await this.#world.take((coming) => this.#coming = coming);
    } catch (error) {
      this.#joining = undefined;
      throw error;
    } finally {
      this.#coming = undefined;
    }
  }

  /** Runs what makes this node share something; it does not leave meanwhile. */
  async share<T>(run: (joined: Joined) => Promise<T>): Promise<T> {
    let joined = await this.join();
    // Somebody may have begun to leave in the turns between.
    while (this.#leaving !== undefined || joined !== this.#joined) joined = await this.join();
    const work = run(joined);
    this.#sharing.add(work);
    return await atEnd(work, () => this.#sharing.delete(work));
  }

  /** Leaves in good order once `dismount` has let go of all that is shared. */
  leave(dismount: () => Promise<void>): Promise<void> {
    return this.#leaving ??= atEnd(this.#leave(dismount), () => this.#leaving = undefined);
  }

  async #leave(dismount: () => Promise<void>): Promise<void> {
    const joined = await this.#joining?.catch(() => undefined);
    if (joined === undefined) return;
    while (this.#sharing.size > 0) await Promise.allSettled(this.#sharing);
    await dismount();
    try {
      await joined.leave();
    } catch (error) {
      if (error instanceof CohortError) this.#world.onRefused(error);
      throw error;
    } finally {
      this.#joining = undefined;
      this.#joined = undefined;
    }
    this.#world.onLeft();
  }

  /** Ends it with its node: in good order, or as it stands when the node stopped. */
  async end(cause: () => CohortError | undefined): Promise<void> {
    await this.#leaving?.catch(() => {});
    const joined = await this.#joining?.catch(() => undefined);
    const stopped = cause();
    await (stopped === undefined ? joined?.leave() : joined?.abort(stopped));
  }
}
