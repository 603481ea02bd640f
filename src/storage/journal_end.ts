/**
 * JournalEnd: the register `journal.end` that fixes where a dead journal ends (DESIGN D9).
 *
 * What lies behind the last position that the journal itself names as synced may be in the page cache only,
 * and a sync of a file whose author died proves nothing. So that tail is copied to `journal.tail`, the copy
 * is synced, and this register is created: from then on the tail is read from the copy, and nothing behind
 * its end exists any more.
 */
import { crc32 } from "node:zlib";
import { getU16, getU32, getU48, putU16, putU32, putU48 } from "../ground/bytes.ts";
import { CohortError } from "../ground/errors.ts";
import { getId, putId } from "../ground/hex.ts";
import type { Storage } from "../ports/mod.ts";

/** Name of the register in the journal's directory. */
export const END_NAME = "journal.end";
/** Name of the copied tail in the journal's directory. */
export const TAIL_NAME = "journal.tail";

const END_MAGIC = 0x3145_4a43;
const END_FORMAT = 1;
const END_BYTES = 64;

/** Where a dead journal ends. */
export interface JournalEnd {
  /** Incarnation of the journal: 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Below this position the segments are read; from here on, the copied tail. */
  readonly start: number;
  /** The journal ends here. */
  readonly end: number;
  /** Bytes of the copied tail. */
  readonly tailBytes: number;
  /** True when the journal was closed by its author. */
  readonly closed: boolean;
}

/** Encodes the register. */
export function encodeJournalEnd(end: JournalEnd): Uint8Array {
  const bytes = new Uint8Array(END_BYTES);
  putU32(bytes, 0, END_MAGIC);
  putU16(bytes, 8, END_FORMAT);
  bytes[10] = end.closed ? 1 : 0;
  putId(bytes, 16, end.incarnation);
  putU48(bytes, 32, end.start);
  putU48(bytes, 38, end.end);
  putU48(bytes, 44, end.tailBytes);
  putU32(bytes, 4, crc32(bytes.subarray(8)));
  return bytes;
}

/** Decodes the register. Throws `FORMAT_NEWER`, or `CORRUPT` naming `path`. */
export function decodeJournalEnd(bytes: Uint8Array, path: string): JournalEnd {
  const isWhole = bytes.length === END_BYTES && getU32(bytes, 0) === END_MAGIC &&
    crc32(bytes.subarray(8)) === getU32(bytes, 4);
  if (!isWhole) throw new CohortError("CORRUPT", `Read ${path}: its bytes fail their checksum`, { path });
  const format = getU16(bytes, 8);
  if (format > END_FORMAT) {
    const message = `Read ${path}: its format ${format} is newer than ${END_FORMAT}`;
    throw new CohortError("FORMAT_NEWER", message, { path, expected: END_FORMAT, found: format });
  }
  return {
    incarnation: getId(bytes, 16),
    start: getU48(bytes, 32),
    end: getU48(bytes, 38),
    tailBytes: getU48(bytes, 44),
    closed: bytes[10] === 1,
  };
}

/** Reads the register of a journal, if it has one. */
export async function readJournalEnd(storage: Storage, directory: string): Promise<JournalEnd | undefined> {
  const path = `${directory}/${END_NAME}`;
  const bytes = await storage.readRegister(path);
  return bytes === undefined ? undefined : decodeJournalEnd(bytes, path);
}
