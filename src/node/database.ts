/**
 * Database: what a program holds after a mount: its globals, and the way to let go of it.
 */
import type { VolumeCoherence } from "../buffer/block_counts.ts";
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { unlessAborted } from "../buffer/waiting.ts";
import { isCode } from "../ground/errors.ts";
import { checkName } from "../ground/name.ts";
import type { Value } from "../ground/value.ts";
import { findRoot, nextName, NO_ROOT } from "../global/catalog.ts";
import { checkDatabase, type CheckReport } from "../global/check.ts";
import type { DatabaseCore } from "../global/database.ts";
import { Global } from "../global/global.ts";
import { patienceOf, type WaitOptions } from "../global/patience.ts";
import type { Mount } from "./mount.ts";
import type { MountMode } from "./mount_options.ts";

/** What can be told of a mounted database. */
export interface DatabaseStatus {
  /** Its directory in the one canonical spelling. */
  readonly directory: string;
  /** How it is mounted. */
  readonly mode: MountMode;
  /** Whether writes are refused. */
  readonly readOnly: boolean;
  /** Bytes of a block. */
  readonly blockSize: number;
  /** Blocks the volume has room for now. */
  readonly blocks: number;
  /** Of those, blocks not in use. */
  readonly blocksFree: number;
  /** 32 hexadecimal digits. */
  readonly volumeId: string;
  /** Why every access is refused. */
  readonly quarantined: string | undefined;
  /**
   * What sharing it has cost this node since it was mounted, and whether it has it as a whole now; undefined
   * for a private mount.
   */
  readonly coherence: VolumeCoherence | undefined;
}

/** A mounted database. */
export class Database implements AsyncDisposable {
  readonly #mount: Mount;
  readonly #core: DatabaseCore;
  readonly #globals = new Map<string, Global<never>>();

  /** @internal Made by `Node.mount`. */
  constructor(mount: Mount) {
    this.#mount = mount;
    this.#core = mount.core;
  }

  /** The directory it was mounted by, in its one canonical spelling. */
  get directory(): string {
    return this.#core.directory;
  }

  /** @internal For tools of the same package. */
  get core(): DatabaseCore {
    return this.#core;
  }

  /** What can be told of it now. */
  get status(): DatabaseStatus {
    const { volume, directory, engine } = this.#core;
    const { extentBlocks } = volume.facts;
    const used = volume.freeIn.reduce((sum, free) => sum + extentBlocks - free, 0);
    return {
      directory,
      mode: this.#mount.mode,
      readOnly: volume.readOnly,
      blockSize: volume.facts.blockSize,
      blocks: volume.blocks,
      blocksFree: volume.blocks - used,
      volumeId: volume.facts.id,
      quarantined: volume.quarantine?.message,
      coherence: volume.isShared ? engine.coherence?.statusOf(volume) : undefined,
    };
  }

  /**
   * A global by name: a letter or `%`, then letters and digits, at most 31 characters; longer is a
   * `RangeError`. It need
   * not exist: the first set creates it. `T` says what the program stores in it.
   */
  global<T = Value>(name: string): Global<T> {
    const known = this.#globals.get(name);
    if (known !== undefined) return known as unknown as Global<T>;
    checkName(name);
    const made = new Global<T>(this.#core, name);
    this.#globals.set(name, made as unknown as Global<never>);
    return made;
  }

  /** Names of the globals that exist, in order. */
  async *globals(): AsyncIterableIterator<string> {
    for (let name = await this.nextGlobal(""); name !== undefined; name = await this.nextGlobal(name)) {
      yield name;
    }
  }

  /** @internal Name of the first global behind `name`. */
  async nextGlobal(name: string, options?: WaitOptions): Promise<string | undefined> {
    const { engine, volume, clock } = this.#core;
    this.#core.admitRead();
    const look = (step: Step): { readonly found: string | undefined } | Again => {
      this.#core.admitRead();
      const found = nextName(step, volume, name);
      return found === MISS ? AGAIN : { found };
    };
    return (await patienceOf(clock, options, (patience) => engine.read(look, patience))).found;
  }

  /** Whether a global exists. */
  async has(name: string, options?: WaitOptions): Promise<boolean> {
    checkName(name);
    const { engine, volume, clock } = this.#core;
    this.#core.admitRead();
    const look = (step: Step): boolean | Again => {
      this.#core.admitRead();
      const root = findRoot(step, volume, name);
      return root === MISS ? AGAIN : root !== NO_ROOT;
    };
    return await patienceOf(clock, options, (patience) => engine.read(look, patience));
  }

  /**
   * The full walk: every block reachable or free, every fence, order and value whole. Nothing should write
   * meanwhile; what is freed in the background rests by itself. The loop goes on with others between some
   * hundred blocks.
   */
  check(options?: WaitOptions): Promise<CheckReport> {
    return patienceOf(
      this.#core.clock,
      options,
      ({ signal }) => this.#mount.undisturbed(() => checkDatabase(this.#core, signal)),
    );
  }

  /**
   * Brings everything home and lets go of the volume; later calls on it are refused `NOT_MOUNTED`. Safe to
   * call twice. It goes on when its caller gives up waiting. A node that stopped lets go, too, but rejects
   * with
   * `STOPPED`: nothing was brought home, the next mount recovers it.
   */
  dismount(options?: WaitOptions): Promise<void> {
    const { clock, engine } = this.#core;
    return patienceOf(clock, options, ({ signal }) => unlessAborted(this.#mount.dismount(), signal), engine);
  }

  /** The same as `dismount`, but for `STOPPED`: whoever leaves a scope by that error has it already. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.dismount();
    } catch (error) {
      if (!isCode(error, "STOPPED")) throw error;
    }
  }
}
