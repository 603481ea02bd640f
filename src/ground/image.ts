/**
 * Compact image of a block, as a format record carries it: what a header and its kind say is in use.
 *
 * The header from the format byte on, then for a leaf or branch the bytes up to the last slot and the heap;
 * for a map a 16-bit length and that many body bytes, the rest being zero; for a value block its payload; for
 * a free block nothing. The checksum is left out: who writes a block home seals it.
 */
import {
  AT_COUNT,
  AT_FLAGS,
  AT_FORMAT,
  AT_HEAP_LOW,
  AT_LEVEL,
  AT_PAYLOAD_LENGTH,
  AT_VOLUME_TAG,
  BLOCK_FORMAT,
  blockKind,
  HEADER_BYTES,
  KIND_BRANCH,
  KIND_FREE,
  KIND_LEAF,
  KIND_MAP,
  KIND_VALUE,
} from "./block.ts";
import { getU16 } from "./bytes.ts";
import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { entryCount, highBytes, lowLength, SLOT_BYTES } from "./entries.ts";
import { checkEntries } from "./entries_check.ts";
import { InvariantError } from "./errors.ts";
import { checkMap, mapUsedBytes } from "./space_map.ts";
import { checkValue, payloadLength } from "./value_block.ts";

const LENGTH_BYTES = 2;

/** Length of a sound block's image in bytes. */
export function imageLength(bytes: Uint8Array, base: number, size: number): number {
  const kind = blockKind(bytes, base);
  const extra = kind === KIND_MAP ? LENGTH_BYTES : 0;
  return frontEnd(bytes, base, size) - AT_FORMAT + extra + size - backStart(bytes, base, size);
}

/** Appends a sound block's image. Volume header blocks have none. */
export function writeImage(writer: ByteWriter, bytes: Uint8Array, base: number, size: number): void {
  const end = frontEnd(bytes, base, size);
  writer.append(bytes, base + AT_FORMAT, base + HEADER_BYTES);
  if (blockKind(bytes, base) === KIND_MAP) writer.u16(end - HEADER_BYTES);
  writer.append(bytes, base + HEADER_BYTES, base + end);
  writer.append(bytes, base + backStart(bytes, base, size), base + size);
}

/**
 * Makes the whole block from an image, its checksum 0. Anything but the image of a sound block is `CORRUPT`,
 * after which the block's bytes are worthless.
 */
export function readImage(reader: ByteReader, bytes: Uint8Array, base: number, size: number): void {
  const start = reader.position;
  bytes.fill(0, base, base + size);
  take(reader, HEADER_BYTES - AT_FORMAT, bytes, base + AT_FORMAT);
  const fault = checkHeader(bytes, base);
  if (fault !== undefined) reader.fail(fault, start);
  const kind = blockKind(bytes, base);
  let end: number;
  let back = size;
  if (kind === KIND_MAP) end = HEADER_BYTES + reader.u16();
  else if (kind === KIND_VALUE) end = HEADER_BYTES + payloadLength(bytes, base);
  else if (kind === KIND_FREE) end = HEADER_BYTES;
  else {
    end = slotsEnd(bytes, base);
    back = getU16(bytes, base + AT_HEAP_LOW);
  }
  if (end > back || back > size) reader.fail("the image has more bytes than the block", start);
  take(reader, end - HEADER_BYTES, bytes, base + HEADER_BYTES);
  take(reader, size - back, bytes, base + back);
  const found = checkBody(bytes, base, size, end);
  if (found !== undefined) reader.fail(found, start);
}

/**
 * Checks all that holds for a block of any kind but the volume header by itself: undefined, or what is wrong.
 * It reads nothing beyond the block and never throws; it is meant to follow `verifyBlock`.
 */
export function checkBlock(bytes: Uint8Array, base: number, size: number): string | undefined {
  if (!(base >= 0 && base + size <= bytes.length)) return "the block is cut short";
  return checkHeader(bytes, base) ?? checkKind(bytes, base, size);
}

/** Offset behind the bytes in use that follow the header. */
function frontEnd(bytes: Uint8Array, base: number, size: number): number {
  switch (blockKind(bytes, base)) {
    case KIND_LEAF:
    case KIND_BRANCH:
      return slotsEnd(bytes, base);
    case KIND_MAP:
      return HEADER_BYTES + mapUsedBytes(bytes, base, size);
    case KIND_VALUE:
      return HEADER_BYTES + payloadLength(bytes, base);
    case KIND_FREE:
      return HEADER_BYTES;
    default:
      throw new InvariantError(`Take the image of a block of kind ${blockKind(bytes, base)}`);
  }
}

/** Offset of the bytes in use that reach to the block's end. */
function backStart(bytes: Uint8Array, base: number, size: number): number {
  const kind = blockKind(bytes, base);
  return kind === KIND_LEAF || kind === KIND_BRANCH ? getU16(bytes, base + AT_HEAP_LOW) : size;
}

function slotsEnd(bytes: Uint8Array, base: number): number {
  return HEADER_BYTES + lowLength(bytes, base) + highBytes(bytes, base) +
    entryCount(bytes, base) * SLOT_BYTES;
}

function take(reader: ByteReader, count: number, bytes: Uint8Array, at: number): void {
  bytes.set(reader.view(count), at);
}

/** The header's version and kind are known, and fields that the kind does not use are 0. */
function checkHeader(bytes: Uint8Array, base: number): string | undefined {
  if (bytes[base + AT_FORMAT] !== BLOCK_FORMAT) return "the block's format is unknown";
  if (bytes[base + AT_FLAGS] !== 0) return "the block has unknown flags";
  const kind = blockKind(bytes, base);
  if (kind === KIND_LEAF || kind === KIND_BRANCH) return undefined;
  if (kind !== KIND_MAP && kind !== KIND_VALUE && kind !== KIND_FREE) return "the block has no known kind";
  if (bytes[base + AT_LEVEL] !== 0) return "a block outside the tree has a level";
  if (kind !== KIND_MAP && getU16(bytes, base + AT_COUNT) !== 0) return "a block of no units has a count";
  const from = base + AT_VOLUME_TAG + 4;
  const to = base + (kind === KIND_VALUE ? AT_PAYLOAD_LENGTH : HEADER_BYTES);
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return "a field that the kind does not use is set";
  return undefined;
}

function checkKind(bytes: Uint8Array, base: number, size: number): string | undefined {
  switch (blockKind(bytes, base)) {
    case KIND_MAP:
      return checkMap(bytes, base, size);
    case KIND_VALUE:
      return checkValue(bytes, base, size);
    case KIND_FREE:
      return undefined;
    default:
      return checkEntries(bytes, base, size);
  }
}

/** One block has one image: a map's must not end in zeros. */
function checkBody(bytes: Uint8Array, base: number, size: number, end: number): string | undefined {
  if (blockKind(bytes, base) === KIND_MAP && end > HEADER_BYTES && bytes[base + end - 1] === 0) {
    return "a map's image ends in a zero";
  }
  return checkKind(bytes, base, size);
}
