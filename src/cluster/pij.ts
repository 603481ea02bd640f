/**
 * PIJ: the directory that is the cluster (DESIGN D7). Who names the same directory, by whatever path, is of
 * the same cluster; who names a copy of it is refused.
 *
 * The first who comes makes the anchor, a file that is never written, and then one register with the
 * cluster's id and the anchor's identity. A copy has another anchor, so it does not fit its record any more.
 * Its owner may adopt it: the next record, which names the anchor that is there.
 */
import { CohortError } from "../ground/errors.ts";
import { toHex } from "../ground/hex.ts";
import type { Clock, Entropy, Storage } from "../ports/mod.ts";
import { decodePij, encodePij, pijName, pijNumber, type PijRecord } from "./pij_record.ts";

/** Name of the file whose identity is the directory's. */
export const ANCHOR_NAME = "anchor";

/** How often the records are looked at again because somebody made one meanwhile. */
const TRIES = 8;

/** What is needed of the world to look at a PIJ directory. */
export interface PijWorld {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** A PIJ directory that is what it says. */
export interface Pij extends PijRecord {
  /** Its one canonical path. */
  readonly directory: string;
}

/**
 * Opens the PIJ directory at a path, or makes it: of many who do so at once one decides which cluster it is.
 * Rejects `COPIED` for the copy of one, `CORRUPT`, `FORMAT_NEWER`, and what the storage refuses.
 */
export async function openPij(world: PijWorld, path: string): Promise<Pij> {
  const directory = await world.storage.resolve(path);
  for (let tries = 0; tries < TRIES; tries++) {
    const newest = await newestOf(world, directory);
    if (newest !== undefined) {
      const anchor = await anchorOf(world, directory, false);
      if (anchor !== newest.anchor) throw copied(directory, newest, anchor);
      return { ...newest, directory };
    }
    const anchor = await anchorOf(world, directory, true);
    const made = recordOf(world, 1, newId(world), anchor!);
    if (await put(world, directory, made)) return { ...made, directory };
  }
  throw new CohortError("IO", `Could not read which cluster ${directory} is: it changes each time`, {
    path: directory,
  });
}

/** How to adopt. */
export interface AdoptOptions {
  /**
   * The original is gone, this is it: the cluster keeps its id, and databases go on to belong to it. False by
   * default: the copy becomes a cluster of its own. That both live under one id would lose data.
   */
  readonly isMoved: boolean;
}

/**
 * Makes a copied directory a cluster of its own. Rejects `NOT_FOUND` where there is no cluster, `EXISTS`
 * where it is no copy.
 */
export async function adoptPij(world: PijWorld, path: string, { isMoved }: AdoptOptions): Promise<Pij> {
  const directory = await world.storage.resolve(path);
  const newest = await newestOf(world, directory);
  if (newest === undefined) {
    throw new CohortError("NOT_FOUND", `There is no cluster in ${directory}`, { path: directory });
  }
  const anchor = (await anchorOf(world, directory, true))!;
  if (anchor === newest.anchor) {
    const text = `Could not adopt ${directory}: it is no copy but cluster ${newest.cluster} itself`;
    throw new CohortError("EXISTS", text, { path: directory, cluster: newest.cluster });
  }
  const cluster = isMoved ? newest.cluster : newId(world);
  const made = recordOf(world, newest.number + 1, cluster, anchor);
  if (await put(world, directory, made)) return { ...made, directory };
  const text = `Could not adopt ${directory}: somebody else has done so in this moment`;
  throw new CohortError("EXISTS", text, { path: directory });
}

async function newestOf({ storage }: PijWorld, directory: string): Promise<PijRecord | undefined> {
  const names = await storage.list(directory);
  const numbers = names.map(pijNumber).filter((it) => it !== undefined).sort((a, b) => b - a);
  const [number] = numbers;
  if (number === undefined) return undefined;
  const path = `${directory}/${pijName(number)}`;
  const bytes = await storage.readRegister(path);
  return bytes === undefined ? undefined : decodePij(bytes, path, number);
}

/** Identity of the anchor, durable by name when it may be made; undefined when there is none. */
async function anchorOf(
  { storage }: PijWorld,
  directory: string,
  make: boolean,
): Promise<string | undefined> {
  const path = `${directory}/${ANCHOR_NAME}`;
  try {
    const file = await storage.openStream(
      path,
      make ? { access: "write", create: true } : { access: "read" },
    );
    try {
      // A record must never outlive the anchor that it names, also when the power goes.
      if (make) await file.sync(true);
      return await file.identity();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!make && error instanceof CohortError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

function recordOf({ clock }: PijWorld, number: number, cluster: string, anchor: string): PijRecord {
  return { number, cluster, madeMs: clock.wallMs(), anchor };
}

async function put({ storage }: PijWorld, directory: string, record: PijRecord): Promise<boolean> {
  return await storage.createRegister(`${directory}/${pijName(record.number)}`, encodePij(record));
}

function newId({ entropy }: PijWorld): string {
  return toHex(entropy.fill(new Uint8Array(16)));
}

function copied(directory: string, { cluster, anchor }: PijRecord, found: string | undefined): CohortError {
  const why = found === undefined
    ? `its file ${ANCHOR_NAME} is missing`
    : "its files are not the ones it began with";
  const text =
    `Could not use the PIJ directory ${directory}: it is a copy of cluster ${cluster}, for ${why}. ` +
    `Use the original. Or let the copy be a cluster of its own: cohort pij adopt ${directory}. ` +
    `Or, if it was moved here and the original is gone for ever: cohort pij adopt --moved ${directory}`;
  return new CohortError("COPIED", text, { path: directory, cluster, expected: anchor, found });
}
