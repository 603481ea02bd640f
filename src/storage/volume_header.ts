/**
 * Volume header: what a volume is, in two slots (blocks 0 and 1) of which the newest valid one counts.
 *
 * Within the sealed header block, after its 40 bytes, all little-endian: 40 "COHORTDB" · 48 u16 format · 50
 * u16 zero · 52 u32 block size · 56 u32 blocks an extent · 60 volume id (16) · 76 volume incarnation (16) ·
 * 92 u32 sequence · 96 u48 stamp ceiling · 102 u48 created (ms since 1970).
 * A slot is written and synced before the other may be; a torn one leaves the other.
 */
import {
  HEADER_BYTES,
  KIND_HEADER,
  KIND_LEAF,
  sealBlock,
  setBlockStamp,
  verifyBlock,
  writeHeader,
} from "../ground/block.ts";
import { getU16, getU32, getU48, putU16, putU32, putU48 } from "../ground/bytes.ts";
import { formatEntries } from "../ground/entries_write.ts";
import { CohortError } from "../ground/errors.ts";
import { getId, ID_BYTES, putId } from "../ground/hex.ts";
import { BLOCK_BYTES_ALLOWED } from "../ground/limits.ts";
import { formatMap, mapBitsMax, mapSet } from "../ground/space_map.ts";
import { CATALOG_ROOT, QUEUE_ROOT } from "./volume.ts";

/** Newest volume format this code writes and reads. */
export const VOLUME_FORMAT = 1;
/** Blocks a new volume begins with: two headers, map, catalog, free queue. */
export const FIRST_BLOCKS = 5;
/** Bytes at the front of slot A that tell the block size. */
export const PROBE_BYTES = 512;
/** Stamp of the blocks a volume is created with. */
export const FIRST_STAMP = 1;

const MAGIC = "COHORTDB";
const AT_MAGIC = HEADER_BYTES;
const AT_FORMAT = 48;
const AT_BLOCK_SIZE = 52;
const AT_EXTENT = 56;
const AT_ID = 60;
const AT_INCARNATION = AT_ID + ID_BYTES;
const AT_SEQUENCE = 92;
const AT_CEILING = 96;
const AT_CREATED = 102;

/** Fields of a volume header. */
export interface VolumeHeader {
  readonly blockSize: number;
  readonly extentBlocks: number;
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** 32 hexadecimal digits; another after restore or copy. */
  readonly incarnation: string;
  /** Rises with every write of a slot; its parity is the slot. */
  readonly sequence: number;
  /** No stamp above it was given to a block of this volume by a member that closed it. */
  readonly stampCeiling: number;
  readonly createdMs: number;
}

/** The 32 bits that every block of a volume incarnation carries. */
export function tagOf(incarnation: string): number {
  const bytes = new Uint8Array(ID_BYTES);
  putId(bytes, 0, incarnation);
  return getU32(bytes, 0);
}

/** One sealed header slot. */
export function encodeVolumeHeader(header: VolumeHeader): Uint8Array {
  const bytes = new Uint8Array(header.blockSize);
  const block = header.sequence % 2;
  writeHeader(bytes, 0, {
    kind: KIND_HEADER,
    level: 0,
    block,
    tree: 0,
    stamp: Math.max(FIRST_STAMP, header.stampCeiling),
    volumeTag: tagOf(header.incarnation),
  });
  for (let i = 0; i < MAGIC.length; i++) bytes[AT_MAGIC + i] = MAGIC.charCodeAt(i);
  putU16(bytes, AT_FORMAT, VOLUME_FORMAT);
  putU32(bytes, AT_BLOCK_SIZE, header.blockSize);
  putU32(bytes, AT_EXTENT, header.extentBlocks);
  putId(bytes, AT_ID, header.id);
  putId(bytes, AT_INCARNATION, header.incarnation);
  putU32(bytes, AT_SEQUENCE, header.sequence);
  putU48(bytes, AT_CEILING, header.stampCeiling);
  putU48(bytes, AT_CREATED, header.createdMs);
  sealBlock(bytes, 0, header.blockSize);
  return bytes;
}

/**
 * The block size a slot claims, from its first `PROBE_BYTES`: undefined when it is no header. Only a hint
 * until the slot is verified, and so is its format: `newestHeader` judges both.
 */
export function probeBlockSize(bytes: Uint8Array): number | undefined {
  if (!hasMagic(bytes)) return undefined;
  const size = getU32(bytes, AT_BLOCK_SIZE);
  return BLOCK_BYTES_ALLOWED.includes(size) ? size : undefined;
}

/** The header in one slot, undefined when the slot is damaged or of a newer format. */
export function decodeVolumeHeader(bytes: Uint8Array, block: number): VolumeHeader | undefined {
  const found = readSlot(bytes, block);
  return typeof found === "number" ? undefined : found;
}

/**
 * The header in one slot, its format when that is newer than this code, undefined when the slot is damaged.
 */
function readSlot(bytes: Uint8Array, block: number): VolumeHeader | number | undefined {
  if (bytes.length < PROBE_BYTES || !hasMagic(bytes)) return undefined;
  const incarnation = getId(bytes, AT_INCARNATION);
  const fault = verifyBlock(bytes, 0, bytes.length, block, tagOf(incarnation));
  const format = getU16(bytes, AT_FORMAT);
  if (fault === "format newer" || (fault === undefined && format > VOLUME_FORMAT)) return format;
  if (fault !== undefined || format !== VOLUME_FORMAT) return undefined;
  const header: VolumeHeader = {
    blockSize: getU32(bytes, AT_BLOCK_SIZE),
    extentBlocks: getU32(bytes, AT_EXTENT),
    id: getId(bytes, AT_ID),
    incarnation,
    sequence: getU32(bytes, AT_SEQUENCE),
    stampCeiling: getU48(bytes, AT_CEILING),
    createdMs: getU48(bytes, AT_CREATED),
  };
  const sane = header.blockSize === bytes.length && header.extentBlocks >= 8 &&
    header.extentBlocks <= mapBitsMax(bytes.length) && header.sequence % 2 === block;
  return sane ? header : undefined;
}

function hasMagic(bytes: Uint8Array): boolean {
  for (let i = 0; i < MAGIC.length; i++) if (bytes[AT_MAGIC + i] !== MAGIC.charCodeAt(i)) return false;
  return true;
}

/**
 * The newer of two slots. Throws `FORMAT_NEWER` when a sound slot is of a newer Cohort, `CORRUPT` when
 * neither is sound.
 */
export function newestHeader(slotA: Uint8Array, slotB: Uint8Array, path: string): VolumeHeader {
  const a = readSlot(slotA, 0);
  const b = readSlot(slotB, 1);
  if (typeof a === "number") throw formatNewer(path, a);
  if (typeof b === "number") throw formatNewer(path, b);
  if (a === undefined && b === undefined) {
    throw new CohortError("CORRUPT", `Could not open ${path}: both header slots are damaged`, {
      path,
      block: 0,
    });
  }
  return a === undefined || (b !== undefined && b.sequence > a.sequence) ? b! : a;
}

function formatNewer(path: string, found: number): CohortError {
  const message = `Could not open ${path}: its format ${found} is newer than ${VOLUME_FORMAT}`;
  return new CohortError("FORMAT_NEWER", message, { path, expected: VOLUME_FORMAT, found });
}

/** All bytes of a new volume. */
export function initialImage(header: Omit<VolumeHeader, "sequence" | "stampCeiling">): Uint8Array {
  const { blockSize, extentBlocks } = header;
  const tag = tagOf(header.incarnation);
  const bytes = new Uint8Array(FIRST_BLOCKS * blockSize);
  for (const sequence of [0, 1]) {
    bytes.set(encodeVolumeHeader({ ...header, sequence, stampCeiling: FIRST_STAMP }), sequence * blockSize);
  }
  formatMap(bytes, 2 * blockSize, blockSize, 2, tag);
  mapSet(bytes, 2 * blockSize, 0, Math.min(FIRST_BLOCKS, extentBlocks));
  const none = new Uint8Array(0);
  for (const root of [CATALOG_ROOT, QUEUE_ROOT]) {
    formatEntries(bytes, root * blockSize, blockSize, KIND_LEAF, 0, root, root, tag, none, 0, undefined, -1);
  }
  for (let block = 2; block < FIRST_BLOCKS; block++) {
    setBlockStamp(bytes, block * blockSize, FIRST_STAMP);
    sealBlock(bytes, block * blockSize, blockSize);
  }
  return bytes;
}
