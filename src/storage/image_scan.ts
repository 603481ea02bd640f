/**
 * What an image journal holds after its author is gone (rules R1-R4), read in bounded memory.
 *
 * - `sealed`: every image verifies, and nothing says that the cycle is home: its images are to be written
 * - `released`: the cycle is home, by its mark or because a later cycle had begun to overwrite it
 * - `torn`: the cycle was not completely written, so that none of its blocks was written in place; or it was
 *   damaged since
 * - `empty`: there never was a cycle
 */
import { crc32 } from "node:zlib";
import { blockStamp } from "../ground/block.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import type { Storage, StreamFile } from "../ports/mod.ts";
import {
  type CycleHeader,
  decodeCycle,
  decodeRelease,
  ENTRY_BYTES,
  type EntryHeader,
  getEntry,
  IMAGE_HEADER_BYTES,
  RELEASE_AT,
  RELEASE_BYTES,
} from "./image_format.ts";
import { readFully, StreamWindow } from "./journal_window.ts";

/** How far a cycle came; see the head of this file. */
export type ImageState = "sealed" | "released" | "torn" | "empty";

/** One image. */
export interface StoredImage {
  /** 32 hexadecimal digits. */
  readonly volumeId: string;
  /** 32 hexadecimal digits. */
  readonly volumeIncarnation: string;
  readonly block: number;
  /** Commit stamp of the block. */
  readonly stamp: number;
  /** The block; a view that lives until the next image is asked for. */
  readonly bytes: Uint8Array;
}

/** What an image journal holds. */
export interface ImageScan {
  readonly state: ImageState;
  /** The cycle's header; undefined when there is none to be read. */
  readonly header: CycleHeader | undefined;
  /** How many images verify, of `header.count`. */
  readonly sound: number;
  /**
   * The images that verify, in any state that has a header. Of a torn cycle they may mend a block whose
   * checksum is bad (their redo was safe before they were written), and of a released one they can be
   * compared with the volumes (R4).
   */
  images(): AsyncGenerator<StoredImage>;
}

/**
 * Whether an image is to be written over the block in place (D4b): over one that does not verify, and over
 * one that is not newer.
 */
export function imageApplies(currentVerifies: boolean, currentStamp: number, imageStamp: number): boolean {
  return !currentVerifies || currentStamp <= imageStamp;
}

/**
 * Reads the image journal at `path`; `empty` when there is none. Rejects `FORMAT_NEWER`, and `CORRUPT` for
 * another node's.
 */
export async function scanImages(storage: Storage, path: string, incarnation?: string): Promise<ImageScan> {
  let file: StreamFile;
  try {
    file = await storage.openStream(path, { access: "read" });
  } catch (error) {
    if (isCode(error, "NOT_FOUND")) return judged("empty", undefined, 0, storage, path);
    throw error;
  }
  try {
    const head = new Uint8Array(RELEASE_AT + RELEASE_BYTES);
    const length = await readFully(file, 0, head);
    const header = decodeCycle(head.subarray(0, length), path);
    if (header === undefined) {
      const isBlank = head.subarray(0, length).every((byte) => byte === 0);
      const state = isBlank && !(await holdsEntry(file)) ? "empty" : "torn";
      return judged(state, undefined, 0, storage, path);
    }
    if (incarnation !== undefined && header.incarnation !== incarnation) {
      const message = `Read image journal ${path}: it belongs to incarnation ${header.incarnation}`;
      throw new CohortError("CORRUPT", message, { path, expected: incarnation, found: header.incarnation });
    }
    const { sound, isWhole, isOverwritten } = await verify(file, header);
    const isReleased = decodeRelease(head.subarray(RELEASE_AT, length), header.incarnation) >= header.cycle;
    const state = isReleased || isOverwritten ? "released" : isWhole ? "sealed" : "torn";
    return judged(state, header, sound, storage, path);
  } finally {
    await file.close();
  }
}

function judged(
  state: ImageState,
  header: CycleHeader | undefined,
  sound: number,
  storage: Storage,
  path: string,
): ImageScan {
  return { state, header, sound, images: () => readImages(storage, path, header) };
}

async function verify(
  file: StreamFile,
  header: CycleHeader,
): Promise<{ sound: number; isWhole: boolean; isOverwritten: boolean }> {
  let sound = 0;
  let tableChecksum = 0;
  let isOverwritten = false;
  for await (const { entry, at, bytes, isSound } of readEntries(file, header)) {
    if (isSound) sound++;
    if (entry !== undefined && entry.cycle > header.cycle) isOverwritten = true;
    tableChecksum = crc32(bytes.subarray(at, at + ENTRY_BYTES), tableChecksum);
  }
  return { sound, isWhole: sound === header.count && tableChecksum === header.tableChecksum, isOverwritten };
}

async function* readImages(
  storage: Storage,
  path: string,
  header: CycleHeader | undefined,
): AsyncGenerator<StoredImage> {
  if (header === undefined) return;
  const file = await storage.openStream(path, { access: "read" });
  try {
    for await (const { entry, at, bytes, isSound } of readEntries(file, header)) {
      if (!isSound || entry === undefined) continue;
      const { volumeId, volumeIncarnation, block, size } = entry;
      const from = at + ENTRY_BYTES;
      const stamp = blockStamp(bytes, from);
      yield { volumeId, volumeIncarnation, block, stamp, bytes: bytes.subarray(from, from + size) };
    }
  } finally {
    await file.close();
  }
}

interface PlacedEntry {
  readonly entry: EntryHeader | undefined;
  readonly bytes: Uint8Array;
  readonly at: number;
  /** True when the entry is of this cycle, stands in its place, and its image verifies. */
  readonly isSound: boolean;
}

/** The entries as far as the file reaches. */
async function* readEntries(file: StreamFile, header: CycleHeader): AsyncGenerator<PlacedEntry> {
  const window = new StreamWindow(file);
  if (header.stride < ENTRY_BYTES) return;
  for (let index = 0; index < header.count; index++) {
    const offset = IMAGE_HEADER_BYTES + index * header.stride;
    if (!window.has(offset, header.stride) && !(await window.load(offset, header.stride))) return;
    const { bytes } = window;
    const at = window.index(offset);
    const entry = getEntry(bytes, at);
    const isPlaced = entry !== undefined && entry.index === index && entry.cycle === header.cycle &&
      entry.size <= header.stride - ENTRY_BYTES;
    const from = at + ENTRY_BYTES;
    const isSound = isPlaced && crc32(bytes.subarray(from, from + entry.size)) === entry.checksum;
    yield { entry, bytes, at, isSound };
  }
}

/** Whether an entry lies where the first one does, although there is no header. */
async function holdsEntry(file: StreamFile): Promise<boolean> {
  const bytes = new Uint8Array(ENTRY_BYTES);
  return await readFully(file, IMAGE_HEADER_BYTES, bytes) === ENTRY_BYTES && getEntry(bytes, 0) !== undefined;
}
