/** What the bytes behind a bad frame still say: frames that name a synced position (DESIGN D3). */
import { Buffer } from "node:buffer";
import { FRAME_ALIGN, FRAME_HEADER_BYTES, FRAME_MAGIC, readFrameHeader } from "./journal_frame.ts";
import type { StreamWindow } from "./journal_window.ts";

const STEP_BYTES = 1024 * 1024;
/**
 * Space that was taken and never written is zeros, often megabytes of them: they are passed over in such
 * pieces.
 */
const PIECE_BYTES = 32_768;
const ZEROS: Uint8Array = new Uint8Array(PIECE_BYTES);
const MAGIC_FIRST = FRAME_MAGIC & 0xff;

/** The highest claim found. */
export interface LaterNames {
  /** Highest position named as synced; -1 when nothing names any. */
  readonly synced: number;
  /** Position of the frame that names it. */
  readonly position: number;
  /** Bytes from the beginning to the last one that is not zero. */
  readonly bytes: number;
}

/**
 * Searches a file from `offset` to its end for frame headers of this incarnation and segment. A frame torn
 * behind its header counts: the header has its own check, and what it names was true when it was written.
 */
export async function laterNames(
  window: StreamWindow,
  offset: number,
  tag: number,
  segment: number,
): Promise<LaterNames> {
  let synced = -1;
  let position = 0;
  let last = offset;
  let at = offset;
  for (;;) {
    await window.load(at, STEP_BYTES);
    const available = window.available(at);
    const isLast = available < STEP_BYTES;
    const bytes = window.bytes;
    const from = window.index(at);
    // The last header of a step may reach into the next one, which therefore begins a header earlier.
    const until = isLast ? available : Math.floor(available / FRAME_ALIGN) * FRAME_ALIGN - FRAME_HEADER_BYTES;
    for (let i = 0; i < until; i += FRAME_ALIGN) {
      const index = from + i;
      if (i % PIECE_BYTES === 0 && isZero(bytes, index, Math.min(index + PIECE_BYTES, from + available))) {
        i += PIECE_BYTES - FRAME_ALIGN;
        continue;
      }
      if (bytes[index] !== MAGIC_FIRST || i + FRAME_HEADER_BYTES > available) continue;
      const header = readFrameHeader(bytes, index, tag);
      if (header === undefined || header.segment !== segment || header.synced > header.position) continue;
      if (header.synced > synced) {
        synced = header.synced;
        position = header.position;
      }
    }
    const end = lastNonZero(bytes, from, from + available);
    if (end > from) last = at + end - from;
    if (isLast) return { synced, position, bytes: last - offset };
    at += until;
  }
}

/** Index behind the last byte that is not zero, or `from`. */
function lastNonZero(bytes: Uint8Array, from: number, to: number): number {
  let at = to;
  while (at - from >= PIECE_BYTES && isZero(bytes, at - PIECE_BYTES, at)) at -= PIECE_BYTES;
  while (at > from && bytes[at - 1] === 0) at--;
  return at;
}

/** Whether at most `PIECE_BYTES` bytes are all zero. */
function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  return Buffer.compare(bytes.subarray(from, to), ZEROS.subarray(0, to - from)) === 0;
}
