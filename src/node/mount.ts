/** Mount: one mounted volume of a node, and how it is let go. */
import { quarantined } from "../buffer/engine.ts";
import { CohortError } from "../ground/errors.ts";
import type { DatabaseCore } from "../global/database.ts";
import type { Janitor } from "../global/janitor.ts";
import type { Claim } from "../storage/claim.ts";
import { Database } from "./database.ts";
import { forgetFrames, writesEnded } from "./letting_go.ts";
import type { Member } from "./member.ts";
import type { MountMode } from "./mount_options.ts";
import { writeHeader } from "./volume_file.ts";

/** Milliseconds for which a dismount waits for work that holds blocks. */
const FORGET_MS_MAX = 100;

/** One mounted volume. */
export class Mount {
  readonly member: Member;
  readonly core: DatabaseCore;
  readonly claim: Claim | undefined;
  readonly mode: MountMode = "private";
  readonly database: Database;
  /** Set while and after it is let go. */
  leaving: Promise<void> | undefined;
  readonly #janitor: Janitor | undefined;
  readonly #onGone: () => void;

  constructor(
    member: Member,
    core: DatabaseCore,
    claim: Claim | undefined,
    janitor: Janitor | undefined,
    onGone: () => void,
  ) {
    this.member = member;
    this.core = core;
    this.claim = claim;
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
      await this.#abandon();
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
    if (stopped === undefined && this.claim?.lost !== true) {
      return volume.quarantine === undefined ? undefined : quarantined(volume);
    }
    const why = stopped?.message ?? "another node took it over";
    return new CohortError("STOPPED", `Could not bring ${this.core.directory} home: ${why}`, {}, stopped);
  }

  async #bringHome(): Promise<void> {
    const { volume } = this.core;
    const { daemon, engine, directory, world } = this.member;
    if (!volume.readOnly) {
      await daemon.checkpoint();
      await writeHeader(volume, engine.stamps.last);
    }
    if (this.claim !== undefined) {
      await writesEnded(this.claim, world.clock);
      await this.claim.release();
    }
    // Who took it over meanwhile needs this member's directory until it has recovered the volume.
    if (volume.readOnly || this.claim?.lost === true) return;
    await world.storage.remove(`${directory}/mount.${volume.facts.id}`);
  }

  /** Lets go without giving back: the next owner recovers from this member's journal. */
  async #abandon(): Promise<void> {
    this.member.volumes.delete(this.core.volume.index);
    if (this.claim === undefined) return;
    await writesEnded(this.claim, this.member.world.clock);
    await this.claim.abandon();
  }
}
