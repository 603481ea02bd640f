/** Mount: one mounted volume of a node, and how it is let go. */
import { quarantined } from "../buffer/engine.ts";
import { oldestDirtyOf } from "../buffer/left_behind.ts";
import { CohortError } from "../ground/errors.ts";
import type { DatabaseCore } from "../global/database.ts";
import type { Janitor } from "../global/janitor.ts";
import type { Gate } from "../ports/mod.ts";
import { Database } from "./database.ts";
import { forgetFrames, writesEnded } from "./letting_go.ts";
import type { Member } from "./member.ts";
import type { MountMode } from "./mount_options.ts";

/** Milliseconds for which a dismount waits for work that holds blocks. */
const FORGET_MS_MAX = 100;

/** The right to write a volume: of one owner alone, or of one member among others. */
export interface Hold {
  /** True once it is lost to another. */
  readonly lost: boolean;
  /** Every write to the volume passes it. */
  readonly gate: Gate;
  /** Gives it back; every write must be over. */
  release(): Promise<void>;
  /** Lets go without giving back: whoever comes recovers. */
  abandon(): Promise<void>;
}

/** By which right a volume is mounted, and how it is brought to where that may be given back. */
export interface Holding {
  readonly mode: MountMode;
  readonly hold: Hold;
  /** Brings home what this member answers for. */
  readonly bringHome: () => Promise<void>;
  /**
   * It cannot be brought home, while its member lives: others, and what comes after, must not wait for it.
   */
  readonly forsake?: (cause: unknown) => Promise<void>;
  /** It was given back. */
  readonly onReleased?: () => Promise<void>;
}

/** One mounted volume. */
export class Mount {
  readonly member: Member;
  readonly core: DatabaseCore;
  readonly mode: MountMode;
  readonly database: Database;
  /** Set while and after it is let go. */
  leaving: Promise<void> | undefined;
  readonly #holding: Holding;
  readonly #janitor: Janitor | undefined;
  readonly #onGone: () => void;

  constructor(
    member: Member,
    core: DatabaseCore,
    holding: Holding,
    janitor: Janitor | undefined,
    onGone: () => void,
  ) {
    this.member = member;
    this.core = core;
    this.mode = holding.mode;
    this.#holding = holding;
    this.#janitor = janitor;
    this.#onGone = onGone;
    this.database = new Database(this);
  }

  get readOnly(): boolean {
    return this.core.volume.readOnly;
  }

  /**
   * Another node has taken the volume over: nothing of it is served or written any more. Whoever took it has
   * fixed the end of this member's journal, so that nothing written there since would be recovered: the
   * member stops, with all its other volumes.
   */
  lose(cause: CohortError): void {
    this.core.close(cause);
    this.member.world.observer.event("volume.lost", "error", {
      path: this.core.volume.path,
      cause: cause.message,
    });
    if (!this.readOnly) this.member.stop(cause);
    void this.dismount().catch(() => {});
  }

  /** Runs work while nothing is freed in the background. */
  async undisturbed<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.#janitor?.hold();
    try {
      return await work();
    } finally {
      release?.();
    }
  }

  /**
   * Brings everything home, gives the claim back and closes the file. Where that cannot be, it is let go all
   * the same, and the error says why: the next owner recovers it.
   */
  dismount(): Promise<void> {
    return this.leaving ??= this.#dismount();
  }

  async #dismount(): Promise<void> {
    const { volume, directory, engine } = this.core;
    const { clock } = this.member.world;
    this.core.close(
      new CohortError("NOT_MOUNTED", `The database ${directory} is not mounted any more`, { directory }),
    );
    try {
      volume.onQueued = undefined;
      await this.#janitor?.stop();
      // A reader has nothing to bring home: it gives back what it holds however its node fares.
      const flaw = volume.readOnly ? undefined : this.#flaw();
      if (flaw !== undefined) throw flaw;
      await this.#bringHome();
    } catch (error) {
      await this.#abandon(error);
      throw error;
    } finally {
      // What stalled work still holds, the next mount waits for.
      await forgetFrames(engine.pool, volume.index, clock, FORGET_MS_MAX);
      this.member.volumes.delete(volume.index);
      await this.member.tidied();
      try {
        await volume.close();
      } finally {
        this.#onGone();
      }
    }
  }

  /** Why nothing can be brought home any more. */
  #flaw(): CohortError | undefined {
    const { volume, engine } = this.core;
    const { stopped } = engine;
    if (stopped === undefined && !this.#holding.hold.lost) {
      return volume.quarantine === undefined ? undefined : quarantined(volume);
    }
    const why = stopped?.message ?? "another node took it over";
    return new CohortError("STOPPED", `Could not bring ${this.core.directory} home: ${why}`, {}, stopped);
  }

  async #bringHome(): Promise<void> {
    const { hold, bringHome, onReleased } = this.#holding;
    await bringHome();
    await writesEnded(hold.gate, this.member.world.clock);
    await hold.release();
    await onReleased?.();
  }

  /** Lets go without giving back: the next owner recovers from this member's journal, which stays for it. */
  async #abandon(cause: unknown): Promise<void> {
    const { hold, forsake } = this.#holding;
    const { engine, volume: { index } } = this.core;
    const { daemon, volumes } = this.member;
    daemon.left.keep(index, oldestDirtyOf(engine.pool, index));
    if (engine.stopped === undefined) await forsake?.(cause);
    // From now on frames of it go as the write daemon meets them.
    volumes.delete(index);
    await writesEnded(hold.gate, this.member.world.clock);
    await hold.abandon();
  }
}
