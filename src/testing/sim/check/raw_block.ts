/**
 * A stored block taken apart by its byte layout alone, with everything about it that can be wrong by itself.
 */
import { crc32 } from "node:zlib";

/** Kinds of block. */
export const RAW_KIND = { header: 1, map: 2, leaf: 3, branch: 4, value: 5, free: 6 } as const;

/** Bytes before a block's content. */
const HEADER = 40;
/** Length of a high key that is not there. */
const NO_HIGH = 0xffff;

/** One entry of a leaf or branch. */
export interface RawEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One block. */
export interface RawBlock {
  readonly number: number;
  readonly kind: number;
  readonly level: number;
  readonly tree: number;
  readonly stamp: number;
  readonly tag: number;
  readonly count: number;
  readonly payload: number;
  readonly bytes: Uint8Array;
}

/**
 * Reads a block's header: undefined when it was never written, a text when it is damaged or another block.
 */
export function readRawBlock(bytes: Uint8Array, number: number): RawBlock | string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u16 = (at: number) => view.getUint16(at, true);
  const u32 = (at: number) => view.getUint32(at, true);
  if (u32(0) !== crc32(bytes.subarray(4))) {
    return isBlank(bytes) ? undefined : "its checksum is wrong";
  }
  if (u32(8) !== number) return `it says it is block ${u32(8)}`;
  if (bytes[4] !== 1) return `its format is ${bytes[4]}`;
  return {
    number,
    kind: bytes[5] as number,
    level: bytes[6] as number,
    tree: u32(12),
    stamp: u32(16) + u16(20) * 2 ** 32,
    tag: u32(24),
    count: u16(22),
    payload: u16(38),
    bytes,
  };
}

function isBlank(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** What an entry block holds. */
export interface RawEntries {
  readonly low: Uint8Array;
  /** Undefined for no upper end. */
  readonly high: Uint8Array | undefined;
  readonly entries: readonly RawEntry[];
}

/** Reads the entries of a leaf or branch; adds what is wrong to `faults`. */
export function readEntries(block: RawBlock, faults: string[]): RawEntries {
  const { bytes, count } = block;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u16 = (at: number) => view.getUint16(at, true);
  const [heapLow, dead, prefixLength, lowLength, highLength] = [u16(28), u16(30), u16(32), u16(34), u16(36)];
  const low = bytes.slice(HEADER, HEADER + lowLength);
  const keysEnd = HEADER + lowLength + (highLength === NO_HIGH ? 0 : highLength);
  const high = highLength === NO_HIGH ? undefined : bytes.slice(HEADER + lowLength, keysEnd);
  if (prefixLength !== (high === undefined ? 0 : commonPrefix(low, high))) {
    faults.push(`its prefix length is ${prefixLength}`);
  }
  const slotsEnd = keysEnd + 6 * count;
  if (slotsEnd > heapLow || heapLow > bytes.length) {
    faults.push(`its slots end at ${slotsEnd}, its heap begins at ${heapLow}`);
    return { low, high, entries: [] };
  }
  const prefix = low.slice(0, prefixLength);
  const entries: RawEntry[] = [];
  let used = 0;
  for (let i = 0; i < count; i++) {
    const slot = keysEnd + 6 * i;
    const at = u16(slot + 4);
    const suffixLength = at + 4 <= bytes.length ? u16(at) : 0;
    const valueLength = at + 4 <= bytes.length ? u16(at + 2) : 0;
    const end = at + 4 + suffixLength + valueLength;
    if (at < heapLow || end > bytes.length) {
      faults.push(`entry ${i} lies outside its heap`);
      return { low, high, entries };
    }
    used += end - at;
    const suffix = bytes.subarray(at + 4, at + 4 + suffixLength);
    const key = new Uint8Array(prefixLength + suffixLength);
    key.set(prefix);
    key.set(suffix, prefixLength);
    for (let b = 0; b < 4; b++) {
      if (bytes[slot + b] !== (suffix[b] ?? 0)) faults.push(`the head of entry ${i} is not its key's`);
    }
    entries.push({ key, value: bytes.slice(end - valueLength, end) });
  }
  if (used + dead !== bytes.length - heapLow) {
    faults.push(`its heap has ${bytes.length - heapLow} bytes, ${used} used and ${dead} dead`);
  }
  checkOrder(low, high, entries, faults);
  return { low, high, entries };
}

function checkOrder(
  low: Uint8Array,
  high: Uint8Array | undefined,
  entries: readonly RawEntry[],
  faults: string[],
) {
  let before: Uint8Array | undefined;
  entries.forEach(({ key }, i) => {
    if (before !== undefined && compareRaw(before, key) >= 0) {
      faults.push(`entry ${i} is not above the one before`);
    }
    if (compareRaw(key, low) < 0) faults.push(`entry ${i} is below the low key`);
    if (high !== undefined && compareRaw(key, high) >= 0) faults.push(`entry ${i} is not below the high key`);
    before = key;
  });
}

/** Below 0 when `a` comes before `b`, by bytes. */
export function compareRaw(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

function commonPrefix(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
