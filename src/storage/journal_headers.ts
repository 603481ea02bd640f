/**
 * Reads the headers of all segments of a journal; a damaged one is a fault, to be judged when it is needed.
 */
import { CohortError, isCode } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";
import {
  decodeSegmentHeader,
  SEGMENT_HEADER_UNIT,
  segmentHeaderBytes,
  segmentName,
  segmentNumber,
  type StoredSegmentHeader,
} from "./journal_segment.ts";
import { readFully } from "./journal_window.ts";

/** A segment file: its header, or why it cannot be read. */
export interface ChainSegment {
  readonly number: number;
  readonly path: string;
  readonly header: StoredSegmentHeader | undefined;
  readonly fault: CohortError | undefined;
}

/**
 * Reads every header in `directory`, by rising number. Rejects `NOT_FOUND` without segments, `FORMAT_NEWER`,
 * and `CORRUPT` for a sound header that is of another number or incarnation than it should be.
 */
export async function readSegmentHeaders(
  storage: Storage,
  directory: string,
  incarnation: string | undefined,
): Promise<ChainSegment[]> {
  const numbers: number[] = [];
  for (const name of await storage.list(directory)) {
    const number = segmentNumber(name);
    if (number !== undefined) numbers.push(number);
  }
  if (numbers.length === 0) {
    throw new CohortError("NOT_FOUND", `Read journal ${directory}: it has no segments`, { path: directory });
  }
  numbers.sort((a, b) => a - b);
  const segments: ChainSegment[] = [];
  let expected = incarnation;
  for (const number of numbers) {
    const segment = await readHeader(storage, directory, number, expected);
    expected ??= segment.header?.incarnation;
    segments.push(segment);
  }
  return segments;
}

/**
 * Reads one header. What cannot be read is a fault to be judged later, but a newer format is refused at once.
 */
async function readHeader(
  storage: Storage,
  directory: string,
  number: number,
  incarnation: string | undefined,
): Promise<ChainSegment> {
  const path = `${directory}/${segmentName(number)}`;
  const file = await storage.openStream(path, { access: "read" });
  try {
    let bytes: Uint8Array = new Uint8Array(SEGMENT_HEADER_UNIT);
    bytes = bytes.subarray(0, await readFully(file, 0, bytes));
    const size = segmentHeaderBytes(bytes);
    if (size !== undefined && size > SEGMENT_HEADER_UNIT && size <= await file.size()) {
      bytes = new Uint8Array(size);
      await readFully(file, 0, bytes);
    }
    const header = decodeHeader(bytes, path);
    if (header instanceof CohortError) return { number, path, header: undefined, fault: header };
    // A sound header of another journal or another number was put there by somebody: never a tail.
    if (header.number !== number || (incarnation !== undefined && header.incarnation !== incarnation)) {
      const found = `it is segment ${header.number} of incarnation ${header.incarnation}`;
      throw new CohortError("CORRUPT", `Read journal segment ${path}: ${found}`, { path, found });
    }
    return { number, path, header, fault: undefined };
  } finally {
    await file.close();
  }
}

function decodeHeader(bytes: Uint8Array, path: string): StoredSegmentHeader | CohortError {
  try {
    return decodeSegmentHeader(bytes, path);
  } catch (error) {
    if (isCode(error, "CORRUPT")) return error;
    throw error;
  }
}
