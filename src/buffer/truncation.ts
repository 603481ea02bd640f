/**
 * Truncation: from where a member's journal is needed, and who is told so (DESIGN D6).
 *
 * What the member has itself is home when its write daemon says so. What it changed and sent on is looked for
 * on its volume, some blocks at a time and beside the write cycles, which wait for none of it; what is not
 * there yet its present holder is asked to bring home. Where nothing was sent on nothing is looked for.
 */
import { CohortError, isCode } from "../ground/errors.ts";
import type { Clock } from "../ports/mod.ts";
import type { Coherence } from "./coherence.ts";
import type { LeftBehind } from "./left_behind.ts";

/** Milliseconds between two looks while something comes home, and at most when nothing does. */
const LOOK_MS_FIRST = 20;
const LOOK_MS_MAX = 200;
/** More of them for each block that is looked over, whose number is what a look costs. */
const LOOK_MS_EACH = 0.01;

/** What it needs. */
export interface TruncationWorld {
  readonly clock: Clock;
  /** Shared blocks of this member, if it has any. */
  readonly coherence: () => Coherence | undefined;
  /** Volumes that were let go of as they were, before a cluster was left, too. */
  readonly left: LeftBehind;
  /** The journal is needed no more below a position. */
  readonly onHome: (position: number) => Promise<void>;
  /** A sync failed: nothing more is done. */
  readonly onFailed: (error: unknown) => void;
}

/** Lets the journal of one member be dropped as far as it is needed no more. */
export class Truncation {
  readonly #world: TruncationWorld;
  #reached = 0;
  #told: Promise<void> = Promise.resolve();
  #isLooking = false;
  #stopped = false;
  #cancel: (() => void) | undefined;

  constructor(world: TruncationWorld) {
    this.#world = world;
  }

  /** All that was changed here before a position and is here still is home. Resolves once that was told. */
  reached(position: number): Promise<void> {
    this.#reached = Math.max(this.#reached, position);
    const told = this.#tell();
    this.#look(LOOK_MS_FIRST);
    return told;
  }

  /** Ends it. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** One after another: a journal is dropped by one at a time. */
  #tell(): Promise<void> {
    const { left, onHome } = this.#world;
    const told = this.#told.then(() => onHome(left.oldest(this.#neededFrom())));
    this.#told = told.catch(() => {});
    return told;
  }

  #neededFrom(): number {
    const coherence = this.#world.coherence();
    if (coherence?.isRecovering === true) return 0;
    return coherence === undefined ? this.#reached : coherence.owed.oldest(this.#reached);
  }

  #look(pauseMs: number): void {
    const coherence = this.#world.coherence();
    if (coherence === undefined || coherence.owed.size === 0 || this.#isLooking || this.#stopped) return;
    this.#isLooking = true;
    this.#cancel?.();
    this.#lookOnce(coherence, pauseMs).catch((error) => {
      // A volume that was closed, or an author that ended: both have others to tell of it.
      if (isCode(error, "SYNC_FAILED") || !(error instanceof CohortError)) this.#world.onFailed(error);
    });
  }

  async #lookOnce(coherence: Coherence, pauseMs: number): Promise<void> {
    const before = coherence.owed.oldest(Infinity);
    try {
      const missing = await coherence.owed.lookHome();
      if (this.#stopped) return;
      for (const { volume, block } of missing) coherence.askHome(volume, block);
      if (coherence.owed.oldest(Infinity) > before) await this.#tell();
    } finally {
      this.#isLooking = false;
      const isBetter = coherence.owed.oldest(Infinity) > before;
      const next = isBetter ? LOOK_MS_FIRST : Math.min(LOOK_MS_MAX, pauseMs * 2);
      if (!this.#stopped && coherence.owed.size > 0) {
        const restMs = pauseMs + Math.floor(coherence.owed.size * LOOK_MS_EACH);
        this.#cancel = this.#world.clock.after(restMs, () => this.#look(next), true);
      }
    }
  }
}
