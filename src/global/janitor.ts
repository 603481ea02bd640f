/**
 * Janitor: frees what the free queue names, a little at a time, in groups of its own.
 *
 * Runs while there is something queued; asks for nothing while idle. It is woken by whoever may have queued
 * something.
 */
import { atEnd } from "../ground/at_end.ts";
import { isCode } from "../ground/errors.ts";
import type { DatabaseCore } from "./database.ts";
import { freeSome, SHARE_MOST } from "./free_queue.ts";

/** Pause between two groups, so that the foreground goes first. */
const PAUSE_MS = 1;
/** Groups between two pauses. */
const GROUPS_A_TURN = 8;

/** Frees queued blocks of one database. */
export class Janitor {
  readonly #database: DatabaseCore;
  #running: Promise<void> | undefined;
  #woken = false;
  #share = SHARE_MOST;
  #stopped = false;
  /** How many want nothing freed for now. */
  #holds = 0;

  constructor(database: DatabaseCore) {
    this.#database = database;
  }

  /** There may be something to free. */
  wake(): void {
    if (this.#stopped) return;
    this.#woken = true;
    if (this.#holds > 0) return;
    this.#running ??= atEnd(this.#run(), () => {
      this.#running = undefined;
      if (this.#woken) this.wake();
    });
  }

  /** Rests, after the group at hand, until what it resolves to is called. */
  async hold(): Promise<() => void> {
    this.#holds++;
    await this.#running;
    return () => {
      this.#holds--;
      this.wake();
    };
  }

  /** Resolves when all that is queued now was freed, or it was stopped. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends after the group at hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#woken = false;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { observer, directory, clock } = this.#database;
    this.#woken = false;
    try {
      for (let groups = 1; !this.#stopped && this.#holds === 0; groups++) {
        if (!await this.#group()) return;
        if (groups % GROUPS_A_TURN === 0) await new Promise<void>((done) => void clock.after(PAUSE_MS, done));
      }
    } catch (error) {
      if (this.#stopped || isCode(error, "STOPPED")) return;
      const cause = error instanceof Error ? error.message : String(error);
      observer.event("janitor.failed", "warn", { directory, cause });
    }
  }

  /**
   * Frees one group's worth: false when nothing is queued. What is too much for the pool is tried in smaller
   * parts.
   */
  async #group(): Promise<boolean> {
    const { engine, volume } = this.#database;
    for (;;) {
      try {
        return (await engine.change((change) => freeSome(change, volume, this.#share))).value;
      } catch (error) {
        if (this.#share === 1 || !isCode(error, "TRANSACTION_TOO_LARGE")) throw error;
        this.#share >>= 1;
      }
    }
  }
}
