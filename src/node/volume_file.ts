/** Volume file: creates a volume, opens it by its header, and notes the stamps it has reached. */
import { CohortError, isCode } from "../ground/errors.ts";
import { toHex } from "../ground/hex.ts";
import { BLOCK_BYTES_ALLOWED, BLOCK_BYTES_DEFAULT, EXTENT_BLOCKS_DEFAULT } from "../ground/limits.ts";
import { mapBitsMax } from "../ground/space_map.ts";
import type { Answer, VolumeFile } from "../ports/mod.ts";
import { QUEUE_ROOT, readWhole, type Volume } from "../storage/volume.ts";
import {
  encodeVolumeHeader,
  initialImage,
  newestHeader,
  probeBlockSize,
  type VolumeHeader,
} from "../storage/volume_header.ts";
import type { MountOptions } from "./mount_options.ts";
import type { Settings, World } from "./options.ts";

/** Name of the volume file in a database's directory. */
export const VOLUME_NAME = "cohort.dat";

/** Path of the volume file. */
export function volumePath(directory: string): string {
  return `${directory}/${VOLUME_NAME}`;
}

/** Creates the volume of a database, for exactly one caller: true for the one who did. */
export async function createVolume(
  directory: string,
  options: Pick<MountOptions, "blockSize" | "extentBlocks">,
  settings: Settings,
  world: World,
): Promise<boolean> {
  const blockSize = options.blockSize ?? settings.blockSize;
  const extentBlocks = options.extentBlocks ?? EXTENT_BLOCKS_DEFAULT;
  if (!BLOCK_BYTES_ALLOWED.includes(blockSize)) {
    throw new RangeError(`blockSize is one of ${BLOCK_BYTES_ALLOWED.join(", ")}, got ${blockSize}`);
  }
  if (blockSize !== settings.blockSize) {
    throw otherBlockSize(volumePath(directory), blockSize, settings.blockSize);
  }
  const most = mapBitsMax(blockSize);
  if (!(Number.isSafeInteger(extentBlocks) && extentBlocks >= 8 && extentBlocks <= most)) {
    throw new RangeError(`extentBlocks is a whole number from 8 to ${most}, got ${extentBlocks}`);
  }
  const id = toHex(world.entropy.fill(new Uint8Array(16)));
  const incarnation = toHex(world.entropy.fill(new Uint8Array(16)));
  const createdMs = Math.floor(world.clock.wallMs());
  const image = initialImage({ blockSize, extentBlocks, id, incarnation, createdMs });
  const path = volumePath(directory);
  return await storageCall(path, () => world.storage.createRegister(path, image));
}

/** What is wrong about a name whose file, or directory, cannot be there. */
const NO_VOLUME: Readonly<Record<string, string>> = {
  EINVAL: "it is no file",
  EISDIR: "it is a directory",
  ENOTDIR: "a file stands where its directory should be",
};

/** Runs a call of the storage: a volume cannot be where a directory is, nor below a file. */
async function storageCall<T>(path: string, call: () => Answer<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const found = isCode(error, "IO") ? NO_VOLUME[String(error.facts["errno"])] : undefined;
    throw found === undefined ? error : notAVolume(path, found, error);
  }
}

function notAVolume(path: string, found: string, cause?: unknown): CohortError {
  return new CohortError("NOT_A_VOLUME", `Could not open ${path}: ${found}`, { path }, cause);
}

function otherBlockSize(path: string, found: number, expected: number): CohortError {
  const message = `Could not mount ${path}: its blocks have ${found} bytes, the pool's ${expected}`;
  return new CohortError("BLOCK_SIZE", message, { path, found, expected });
}

/** An open volume file with its header. */
export interface OpenedVolume {
  readonly file: VolumeFile;
  readonly header: VolumeHeader;
}

/**
 * Opens a volume file and reads its header. Rejects `NOT_FOUND`, `NOT_A_VOLUME`, `FORMAT_NEWER`, `CORRUPT`,
 * and
 * `BLOCK_SIZE` when the node's pool has blocks of another size.
 */
export async function openVolumeFile(
  directory: string,
  access: "read" | "write",
  settings: Settings,
  world: World,
): Promise<OpenedVolume> {
  const path = volumePath(directory);
  const size = await blockSizeOf(path, world);
  if (size !== settings.blockSize) throw otherBlockSize(path, size, settings.blockSize);
  const file = await world.storage.openVolume(path, { blockSize: size, access });
  try {
    const slotA = new Uint8Array(size);
    const slotB = new Uint8Array(size);
    // An older header in place of one that was read in part would have stamps given again.
    await readWhole(file, 0, slotA);
    await readWhole(file, 1, slotB);
    const header = newestHeader(slotA, slotB, path);
    const blocks = await file.size();
    if (blocks <= QUEUE_ROOT) {
      // Made whole, by one register: what is shorter was cut.
      const found = `it was cut to ${blocks} blocks`;
      throw new CohortError("CORRUPT", `Could not open ${path}: ${found}`, { path, found });
    }
    return { file, header };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The block size a volume's first or second header claims. */
export async function blockSizeOf(path: string, world: Pick<World, "storage">): Promise<number> {
  const options = { blockSize: BLOCK_BYTES_DEFAULT, access: "read" } as const;
  const file = await storageCall(path, () => world.storage.openVolume(path, options));
  try {
    const whole = new Uint8Array(2 * Math.max(...BLOCK_BYTES_ALLOWED));
    const count = await readSome(file, whole);
    const first = probeBlockSize(whole);
    if (first !== undefined) return first;
    for (const size of BLOCK_BYTES_ALLOWED) {
      if (size < count && probeBlockSize(whole.subarray(size)) === size) return size;
    }
  } finally {
    await file.close();
  }
  throw notAVolume(path, "it is not a Cohort volume");
}

async function readSome(file: VolumeFile, into: Uint8Array): Promise<number> {
  try {
    return await readWhole(file, 0, into);
  } catch (error) {
    if (isCode(error, "IO") || !(error instanceof CohortError)) throw error;
    return 0;
  }
}

/** The header of an open volume. */
export async function readHeader(volume: Volume): Promise<VolumeHeader> {
  const slotA = await volume.readRaw(0);
  const slotB = await volume.readRaw(1);
  return newestHeader(slotA.bytes, slotB.bytes, volume.path);
}

/** Writes the next header slot with the stamps reached, and syncs it. */
export async function writeHeader(volume: Volume, stampCeiling: number): Promise<void> {
  const header = await readHeader(volume);
  const next: VolumeHeader = { ...header, sequence: header.sequence + 1, stampCeiling };
  await volume.write([{ block: next.sequence % 2, bytes: encodeVolumeHeader(next) }]);
  await volume.sync();
}
