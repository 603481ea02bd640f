/**
 * Slot: what a member says of itself on the shared storage, over and over, and what reaches the others there
 * while the network is dead. Pure.
 *
 *     0  u32  "CSL1"                14 u48  view that it is in
 *     4  u32  CRC-32 of the rest    20 u16  members that it hears, each: incarnation (16)
 *     8  u48  counter                  u16  bytes of a message, message
 *
 * Two of them lie in a file, written in turns, so that one is whole while the other is torn.
 */
import { crc32 } from "node:zlib";
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { putU32 } from "../ground/bytes.ts";
import { CohortError, invariant } from "../ground/errors.ts";
import { putRecordId, readRecordId } from "../storage/record_parts.ts";
import { MEMBERS_MAX } from "./next_view.ts";

/** First four bytes of a slot: "CSL1". */
export const SLOT_MAGIC = 0x314c_5343;
/** Bytes of one half of a slot's file. */
export const SLOT_BYTES = 4096;
/** Most bytes of a message in a slot. */
export const SLOT_MESSAGE_BYTES_MAX = 1024;

const CHECKED_FROM = 8;

/** What a slot says. */
export interface SlotRecord {
  /** Rises with each write. */
  readonly counter: number;
  /** Number of the view that its member is in; 0 for none. */
  readonly view: number;
  /** Incarnations that its member hears over the network. */
  readonly hears: readonly string[];
  readonly message: Uint8Array;
}

/** One half of a slot's file. Throws `RangeError` for a message that is too long. */
export function encodeSlot({ counter, view, hears, message }: SlotRecord): Uint8Array {
  if (hears.length > MEMBERS_MAX) throw new RangeError(`A slot names at most ${MEMBERS_MAX} members`);
  if (message.length > SLOT_MESSAGE_BYTES_MAX) {
    throw new RangeError(
      `A message in a slot has at most ${SLOT_MESSAGE_BYTES_MAX} bytes, got ${message.length}`,
    );
  }
  const writer = new ByteWriter(SLOT_BYTES);
  writer.u32(SLOT_MAGIC);
  writer.u32(0);
  writer.u48(counter);
  writer.u48(view);
  writer.u16(hears.length);
  for (const incarnation of hears) putRecordId(writer, incarnation);
  writer.u16(message.length);
  writer.append(message, 0, message.length);
  // What a slot may say at most fits, so the writer's array is the slot, with zeros behind what is said.
  const { bytes } = writer;
  invariant(bytes.length === SLOT_BYTES, "What a slot says fits into it");
  putU32(bytes, 4, crc32(bytes.subarray(CHECKED_FROM)));
  return bytes;
}

/** Where in its file the half with this counter lies. */
export function slotOffset(counter: number): number {
  return (counter % 2) * SLOT_BYTES;
}

/** The later of the whole halves of a slot's file; undefined when none is. */
export function decodeSlot(file: Uint8Array): SlotRecord | undefined {
  const halves = [0, SLOT_BYTES].map((at) => readHalf(file.subarray(at, at + SLOT_BYTES)));
  const [first, second] = halves;
  if (first === undefined || second === undefined) return first ?? second;
  return first.counter > second.counter ? first : second;
}

function readHalf(bytes: Uint8Array): SlotRecord | undefined {
  if (bytes.length < SLOT_BYTES) return undefined;
  const reader = new ByteReader(bytes, "slot");
  if (reader.u32() !== SLOT_MAGIC || reader.u32() !== crc32(bytes.subarray(CHECKED_FROM))) return undefined;
  try {
    const counter = reader.u48(), view = reader.u48(), count = reader.u16();
    if (count > MEMBERS_MAX) return undefined;
    const hears = Array.from({ length: count }, () => readRecordId(reader));
    const length = reader.u16();
    if (length > SLOT_MESSAGE_BYTES_MAX) return undefined;
    const at = reader.skip(length);
    return { counter, view, hears, message: bytes.slice(at, at + length) };
  } catch (error) {
    if (error instanceof CohortError) return undefined;
    throw error;
  }
}
