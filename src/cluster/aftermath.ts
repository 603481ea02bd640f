/**
 * Aftermath: what the master sees to after an eviction. Whoever is pending is fenced and recovered, and then
 * outlasted: until its process is gone or its lease over, nothing that it held may be granted (DESIGN D8).
 */
import { CohortError, type ErrorCode } from "../ground/errors.ts";
import type { View } from "../ground/view.ts";
import { pause } from "../storage/claim_lease.ts";
import { LostLeases } from "./lease.ts";
import type { MembershipWorld } from "./membership_world.ts";
import { slotName } from "./slots.ts";
import { probeName } from "./welcome.ts";

/** Milliseconds between looks whether an evicted process is gone. */
const LOOK_MS = 50;

/** Why those who are lost are not recovered yet. */
export interface RecoveryTrouble {
  /** Code of the error that the last try ended with. */
  readonly code: ErrorCode;
  /** With what can be done about it. */
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/** Of one member, for all the views that it is the master of. */
export class Aftermath {
  readonly #world: MembershipWorld;
  readonly #lost: LostLeases;
  #running: Promise<void> | undefined;
  /** Number of the view in which others are granted again what the lost had. */
  #resumed = 0;
  #trouble: RecoveryTrouble | undefined;
  #isOver = false;

  constructor(world: MembershipWorld) {
    const { leaseMs, leaseMarginMs } = world.timings;
    this.#world = world;
    this.#lost = new LostLeases(leaseMs, leaseMarginMs);
  }

  /** What keeps those who are pending from being recovered; undefined when nothing does. */
  get trouble(): RecoveryTrouble | undefined {
    return this.#trouble;
  }

  /** A view is in force. */
  entered(view: View): void {
    this.#trouble = undefined;
    this.#lost.entered(view, this.#world.clock.monotonicMs());
  }

  /**
   * Begins with those who are pending in a view, unless it is at it. Calls `done` with their incarnations
   * when they may be forgotten; ends early once `isCurrent` says no.
   */
  start(view: View, isCurrent: () => boolean, done: (incarnations: Set<string>) => Promise<void>): void {
    if (view.pending.length === 0 || this.#running !== undefined || this.#isOver) return;
    const goesOn = (): boolean => isCurrent() && !this.#isOver;
    this.#running = this.#run(view, goesOn, done).then(() => this.#running = undefined);
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Begins nothing more, and resolves when nothing runs. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(
    view: View,
    isCurrent: () => boolean,
    done: (incarnations: Set<string>) => Promise<void>,
  ): Promise<void> {
    const { recover, resume } = this.#world;
    try {
      // What the living reported is old once blocks are granted again: recovered anew, images of the lost
      // would go home over what was changed since. What is left to do then only writes down that it is so.
      if (this.#resumed !== view.number) {
        await recover(view, isCurrent);
        await this.#outlast(view, isCurrent);
        if (!isCurrent()) return;
        this.#resumed = view.number;
        resume();
      }
      if (isCurrent()) await this.#clear(view);
      if (isCurrent()) await done(new Set(view.pending.map((it) => it.incarnation)));
    } catch (error) {
      if (!(error instanceof CohortError)) return this.#world.onBroken(error);
      if (isCurrent() && error.code !== "VIEW_CHANGED") this.#failed(view, error);
    }
  }

  /** It is tried again each pulse: told is what is new. */
  #failed(view: View, { code, message, facts }: CohortError): void {
    if (this.#trouble?.code === code && this.#trouble.message === message) return;
    const { observer, clock } = this.#world;
    this.#trouble = { code, message, sinceMs: clock.wallMs() };
    observer.event("cluster.recovery_failed", "error", { ...facts, view: view.number, code, cause: message });
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
