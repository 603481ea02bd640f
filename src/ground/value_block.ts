/** Value blocks: consecutive parts of a large value's encoded bytes (ARCHITECTURE, "Value block"). */
import { AT_PAYLOAD_LENGTH, HEADER_BYTES, KIND_VALUE, startHeader } from "./block.ts";
import { copyBytes, getU16, putU16 } from "./bytes.ts";
import { invariant } from "./errors.ts";

/** Bytes of payload that one value block holds. */
export function payloadCapacity(size: number): number {
  return size - HEADER_BYTES;
}

/** Makes a value block of a tree that holds `payload[from, from + length)`. The stamp is 0. */
export function formatValue(
  bytes: Uint8Array,
  base: number,
  size: number,
  block: number,
  tree: number,
  tag: number,
  payload: Uint8Array,
  from: number,
  length: number,
): void {
  invariant(length > 0 && length <= payloadCapacity(size), "A value block holds a part of a value");
  const body = base + HEADER_BYTES;
  startHeader(bytes, base, KIND_VALUE, 0, block, tree, tag);
  putU16(bytes, base + AT_PAYLOAD_LENGTH, length);
  copyBytes(payload, from, from + length, bytes, body);
  bytes.fill(0, body + length, base + size);
}

/** Length of the payload. */
export function payloadLength(bytes: Uint8Array, base: number): number {
  return getU16(bytes, base + AT_PAYLOAD_LENGTH);
}

/** Absolute offset of the payload. */
export function payloadOffset(base: number): number {
  return base + HEADER_BYTES;
}

/** Checks what holds for a value block by itself, for images from outside: undefined, or what is wrong. */
export function checkValue(bytes: Uint8Array, base: number, size: number): string | undefined {
  if (!(base >= 0 && base + size <= bytes.length)) return "the block is cut short";
  const length = payloadLength(bytes, base);
  return length > 0 && length <= payloadCapacity(size) ? undefined : "the payload length is out of range";
}
