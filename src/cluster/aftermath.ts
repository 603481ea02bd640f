/**
 * Aftermath: what the master sees to after an eviction. Whoever is pending is fenced and recovered, and then
 * outlasted: until its process is gone or its lease over, nothing that it held may be granted (DESIGN D8).
 */
import type { View } from "../ground/view.ts";
import { pause } from "../storage/claim_lease.ts";
import { LostLeases } from "./lease.ts";
import type { MembershipWorld } from "./membership_world.ts";
import { slotName } from "./slots.ts";
import { probeName } from "./welcome.ts";

/** Milliseconds between looks whether an evicted process is gone. */
const LOOK_MS = 50;

/** Of one member, for all the views that it is the master of. */
export class Aftermath {
  readonly #world: MembershipWorld;
  readonly #lost: LostLeases;
  #running: Promise<void> | undefined;

  constructor(world: MembershipWorld) {
    const { leaseMs, leaseMarginMs } = world.timings;
    this.#world = world;
    this.#lost = new LostLeases(leaseMs, leaseMarginMs);
  }

  /** A view is in force. */
  entered(view: View): void {
    this.#lost.entered(view, this.#world.clock.monotonicMs());
  }

  /**
   * Begins with those who are pending in a view, unless it is at it. Calls `done` with their incarnations
   * when they may be forgotten; ends early once `isCurrent` says no.
   */
  start(view: View, isCurrent: () => boolean, done: (incarnations: Set<string>) => Promise<void>): void {
    if (view.pending.length === 0 || this.#running !== undefined) return;
    this.#running = this.#run(view, isCurrent, done).then(() => this.#running = undefined);
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(
    view: View,
    isCurrent: () => boolean,
    done: (incarnations: Set<string>) => Promise<void>,
  ): Promise<void> {
    const { recover, observer } = this.#world;
    try {
      await recover(view, isCurrent);
      await this.#outlast(view, isCurrent);
      if (isCurrent()) await this.#clear(view);
      if (isCurrent()) await done(new Set(view.pending.map((it) => it.incarnation)));
    } catch (error) {
      observer.event("cluster.recovery_failed", "error", { view: view.number, cause: String(error) });
    }
  }

  /** Takes away what the evicted said of themselves: one that slept while it joined must not join again. */
  async #clear({ pending }: View): Promise<void> {
    const { storage, directory } = this.#world;
    for (const { incarnation } of pending) {
      for (const name of [probeName(incarnation), slotName(incarnation)]) {
        await storage.remove(`${directory}/${name}`);
      }
    }
  }

  async #outlast(view: View, isCurrent: () => boolean): Promise<void> {
    const { clock, storage } = this.#world;
    for (const { incarnation, owner } of view.pending) {
      for (;;) {
        const ms = this.#lost.remainsMs(incarnation, clock.monotonicMs());
        if (ms === 0 || !isCurrent() || (await storage.fence.examine(owner)).state === "gone") break;
        await pause(clock, Math.min(Math.ceil(ms), LOOK_MS));
      }
    }
  }
}
