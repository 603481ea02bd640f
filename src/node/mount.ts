/** Mount: one mounted volume of a node, and how it is let go. */
import { CohortError } from "../ground/errors.ts";
import type { DatabaseCore } from "../global/database.ts";
import type { Janitor } from "../global/janitor.ts";
import type { WaitOptions } from "../global/patience.ts";
import type { Claim } from "../storage/claim.ts";
import { Database } from "./database.ts";
import type { Member } from "./member.ts";
import { writeHeader } from "./volume_file.ts";

/** How a database is mounted. */
export type MountMode = "private";

/** Options of `mount`. */
export interface MountOptions extends WaitOptions {
  /** `"private"` (default): this node alone. */
  readonly mode?: MountMode;
  /** Refuses writes; the volume is not changed, and others may read it too. */
  readonly readOnly?: boolean;
  /** Makes the database when it is missing; `"new"` insists that it was missing (`EXISTS`). */
  readonly create?: boolean | "new";
  /** Block size of a database that is created; the node's by default. */
  readonly blockSize?: number;
  /** Blocks a space map covers in a database that is created; 1024 by default. */
  readonly extentBlocks?: number;
  /** A person's word that the unreachable or unproven holder is gone; logged. */
  readonly confirmGone?: boolean;
}

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

  /** Another node has taken the volume over: nothing of it is served or written any more. */
  lose(cause: CohortError): void {
    this.core.close(cause);
    this.member.world.observer.event("volume.lost", "error", {
      path: this.core.volume.path,
      cause: cause.message,
    });
    void this.dismount().catch(() => {});
  }

  /** Brings everything home, gives the claim back and closes the file. */
  dismount(): Promise<void> {
    return this.leaving ??= this.#dismount();
  }

  async #dismount(): Promise<void> {
    const { volume, directory, engine } = this.core;
    this.core.close(
      new CohortError("NOT_MOUNTED", `The database ${directory} is not mounted any more`, { directory }),
    );
    try {
      volume.onQueued = undefined;
      await this.#janitor?.stop();
      const sound = engine.stopped === undefined && volume.quarantine === undefined &&
        this.claim?.lost !== true;
      if (sound) await this.#bringHome();
      else {
        this.member.volumes.delete(volume.index);
        await this.claim?.abandon();
      }
    } finally {
      await this.#forgetFrames();
      this.member.volumes.delete(volume.index);
      await volume.close();
      this.#onGone();
    }
  }

  async #bringHome(): Promise<void> {
    const { volume } = this.core;
    const { daemon, engine, directory, world } = this.member;
    if (!volume.readOnly) {
      await daemon.checkpoint();
      await writeHeader(volume, engine.stamps.last);
    }
    await this.claim?.release();
    if (!volume.readOnly) await world.storage.remove(`${directory}/mount.${volume.facts.id}`);
  }

  /** The pool forgets the volume; readers still at work end first, for they hold pins. */
  async #forgetFrames(): Promise<void> {
    const { pool } = this.core.engine;
    for (let round = 0; round < 100; round++) {
      let pinned = false;
      for (const frame of [...pool.framesOf(this.core.volume.index)]) {
        if (pool.pinsOf(frame) > 0 || pool.isLoading(frame)) pinned = true;
        else pool.drop(frame);
      }
      if (!pinned) return;
      await new Promise<void>((done) => void this.member.world.clock.after(1, done));
    }
  }
}
