/**
 * Directories: made when needed, synced when a name in them must last, listed, and names removed.
 *
 * A directory is made only after its parent is there and synced, so one that Cohort made and someone finds
 * needs at most a sync of its own parent. Write-once registers live here too: they are a matter of names.
 */
import { Buffer } from "node:buffer";
import { randomFillSync } from "node:crypto";
import { constants } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import * as calls from "./calls.ts";

/**
 * Age in milliseconds from which a temporary file is taken for a dead process's; its maker would make
 * another.
 */
const TEMPORARY_AGE_MS = 600_000;
/** Temporaries are never listed. */
const TEMPORARY = /^\.cohort-\d+-\d+-[0-9a-f]{16}\.tmp$/;
/** How often a register is tried again when its temporary file was cleaned away under it. */
const TRIES_MAX = 3;

/** Mode of what nobody but its owner may read. */
const OWNER_ONLY = 0o600;

/** A link is its maker's, whoever owns what it leads to. */
const NO_FOLLOW: number = constants.O_NOFOLLOW ?? 0;

const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = constants;

let temporaries = 0;

/** Directory work with the given modes for what is made (the process's umask applies). */
export class Directories {
  readonly #fileMode: number;
  readonly #directoryMode: number;
  /** Directories known to be there, durably. */
  readonly #known = new Set<string>();

  constructor(fileMode: number, directoryMode: number) {
    this.#fileMode = fileMode;
    this.#directoryMode = directoryMode;
  }

  /** Makes what names in `directory` last. */
  async sync(operation: string, directory: string): Promise<void> {
    const fd = await calls.openDirectory(operation, directory);
    try {
      await calls.syncAll(`${operation} (sync of the directory)`, directory, fd);
    } finally {
      await calls.close(operation, directory, fd);
    }
  }

  /** Runs `make` once the directory of `path` is there; once more should that have gone meanwhile. */
  async within<T>(operation: string, path: string, make: () => Promise<T>): Promise<T> {
    const directory = dirname(path);
    const known = this.#known.has(directory);
    await this.#ensure(operation, directory);
    try {
      return await make();
    } catch (error) {
      if (!known || !isCode(error, "NOT_FOUND")) throw error;
    }
    this.#known.clear();
    await this.#ensure(operation, directory);
    return await make();
  }

  async #ensure(operation: string, directory: string): Promise<void> {
    if (this.#known.has(directory)) return;
    const parent = dirname(directory);
    if (await exists(operation, directory)) {
      await this.#syncParent(operation, parent);
      await this.#clean(operation, directory, TEMPORARY_AGE_MS);
    } else {
      await this.#ensure(operation, parent);
      await this.#make(operation, directory, parent);
    }
    this.#known.add(directory);
  }

  async #make(operation: string, directory: string, parent: string): Promise<void> {
    const fd = await calls.openDirectory(operation, parent);
    try {
      await calls.makeDirectory(operation, directory, this.#directoryMode).catch((error) => {
        if (!isErrno(error, "EEXIST")) throw error;
      });
      await calls.syncAll(`${operation} (sync of the directory)`, parent, fd);
    } finally {
      await calls.close(operation, parent, fd);
    }
  }

  /**
   * Another process may have made the directory a moment ago; where its parent is out of reach, it was not
   * us.
   */
  async #syncParent(operation: string, parent: string): Promise<void> {
    await this.sync(operation, parent).catch((error) => {
      if (!isCode(error, "PERMISSION")) throw error;
    });
  }

  /**
   * Removes temporaries of at least this age, in milliseconds, which dead processes left; that of a slow one
   * costs it another try. Answers how many went.
   */
  async #clean(operation: string, directory: string, ageMs: number): Promise<number> {
    let cleaned = 0;
    for (const name of await calls.readDirectory(operation, directory)) {
      if (!TEMPORARY.test(name)) continue;
      const path = join(directory, name);
      try {
        const { mtimeMs } = await calls.linkStatus(operation, path);
        if (Date.now() - mtimeMs < ageMs) continue;
        await calls.unlink(operation, path);
        cleaned++;
      } catch {
        // Someone else cleaned it, or may: what is left is never listed.
      }
    }
    return cleaned;
  }

  /** Storage's `createRegister`. */
  async createRegister(path: string, bytes: Uint8Array, ownerOnly: boolean): Promise<boolean> {
    const mode = ownerOnly ? OWNER_ONLY : this.#fileMode;
    const operation = "create a register";
    return await this.within(operation, path, async () => {
      for (let tries = 1;; tries++) {
        if (await isThere(operation, path)) return false;
        try {
          return await this.#link(operation, path, bytes, mode);
        } catch (error) {
          if (tries === TRIES_MAX || !isCode(error, "NOT_FOUND")) throw error;
        }
      }
    });
  }

  async #link(operation: string, path: string, bytes: Uint8Array, mode: number): Promise<boolean> {
    const random = Buffer.from(randomFillSync(new Uint8Array(8))).toString("hex");
    const temporary = join(dirname(path), `.cohort-${process.pid}-${++temporaries}-${random}.tmp`);
    const fd = await calls.open(operation, temporary, O_CREAT | O_EXCL | O_WRONLY, mode);
    let made = true;
    try {
      try {
        await calls.writeFile(operation, temporary, fd, bytes);
        await calls.syncAll(operation, temporary, fd);
      } finally {
        await calls.close(operation, temporary, fd);
      }
      await calls.link(operation, path, temporary).catch((error) => {
        if (!isErrno(error, "EEXIST")) throw error;
        made = false;
      });
    } finally {
      await calls.unlink(operation, temporary).catch(() => {});
    }
    if (made) await this.sync(operation, dirname(path));
    return made;
  }

  /**
   * Storage's `readRegister`. The name may be newer than the last sync of its directory: that comes first.
   */
  async readRegister(path: string, ownerOnly: boolean): Promise<Uint8Array | undefined> {
    const operation = "read a register";
    const read = ownerOnly ? readOwnersFile : calls.readFile;
    const bytes = await read(operation, path).catch(orUndefined);
    if (bytes === undefined) return undefined;
    await this.sync(operation, dirname(path));
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Storage's `list`. */
  async list(directory: string): Promise<string[]> {
    const names = await calls.readDirectory("list", directory).catch(orUndefined);
    return (names ?? []).filter((name) => !TEMPORARY.test(name)).sort();
  }

  /**
   * Storage's `remove`. The directory is synced even when the name was gone: its remover may not have done so
   * yet.
   */
  async remove(path: string): Promise<boolean> {
    const operation = "remove";
    const removed = await this.#unlink(operation, path).catch(orUndefined) ?? false;
    await this.sync(operation, dirname(path)).catch(orUndefined);
    return removed;
  }

  async #unlink(operation: string, path: string): Promise<true> {
    const status = await calls.linkStatus(operation, path);
    if (!status.isDirectory()) {
      await calls.unlink(operation, path);
      return true;
    }
    this.#known.clear();
    await calls.removeDirectory(operation, path).catch(async (error) => {
      if (!isErrno(error, "ENOTEMPTY") || (await this.list(path)).length > 0) throw error;
      // Temporaries alone, of whatever age: a killed process may have left them a moment ago.
      await this.#clean(operation, path, -Infinity);
      await calls.removeDirectory(operation, path);
    });
    return true;
  }

  /** Storage's `resolve`. The path is cut at each `..`, which goes up from where a link before it led. */
  async resolve(path: string): Promise<string> {
    const [first = path, ...parts] = path.split(/\/\.\.(?=\/|$)/);
    let real = await canonical(first);
    for (const part of parts) real = await canonical(dirname(real) + part);
    return real;
  }
}

/** The real path of a path without `..`: of what exists of it, the rest as it stands. */
async function canonical(path: string): Promise<string> {
  const rest: string[] = [];
  for (let prefix = path === "" ? "/" : path;; prefix = dirname(prefix)) {
    const real = await calls.realPath("resolve", prefix).catch(orUndefined);
    if (real !== undefined) return resolve(join(real, ...rest));
    rest.unshift(prefix.slice(dirname(prefix).length));
  }
}

/**
 * All bytes of a file, or `PERMISSION` when anybody but this process's user may have read or put them there.
 * What is looked at is what is read, whatever happens to the name meanwhile.
 */
async function readOwnersFile(operation: string, path: string): Promise<Uint8Array> {
  const fd = await calls.open(operation, path, O_RDONLY | NO_FOLLOW);
  try {
    const { uid, mode } = await calls.status(operation, path, fd);
    const self = process.geteuid?.();
    const why = (mode & 0o077) !== 0
      ? `its mode is 0${(mode & 0o777).toString(8)}, where only its owner may have access (chmod 600)`
      : self !== undefined && uid !== self
      ? `user ${uid} owns it, and this process runs as ${self}`
      : undefined;
    if (why === undefined) return await calls.readOpen(operation, path, fd);
    const text = `${operation} that is for its owner alone, but ${why}: ${path}`;
    throw new CohortError("PERMISSION", text, { operation, path, mode: mode & 0o777, uid });
  } finally {
    await calls.close(operation, path, fd);
  }
}

function orUndefined(error: unknown): undefined {
  if (!isCode(error, "NOT_FOUND")) throw error;
}

function isErrno(error: unknown, errno: string): boolean {
  return error instanceof CohortError && error.facts["errno"] === errno;
}

async function isThere(operation: string, path: string): Promise<boolean> {
  return await calls.linkStatus(operation, path).catch(orUndefined) !== undefined;
}

async function exists(operation: string, directory: string): Promise<boolean> {
  const status = await calls.directoryStatus(operation, directory).catch(orUndefined);
  if (status === undefined || status.isDirectory()) return status !== undefined;
  const facts = { operation, path: directory, errno: "ENOTDIR" };
  throw new CohortError("IO", `${operation} failed with ENOTDIR: ${directory}`, facts);
}
