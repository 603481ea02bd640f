/**
 * Reading a large value that has more blocks than a step may pin: some blocks at a time.
 *
 * What was copied survives the waits between, and counts only while the leaf still holds the very same entry:
 * value blocks are written once, and whoever replaces a value writes other blocks and another entry. Should
 * all come back as it was but for the bytes, the checksum of the whole tells.
 */
import { MISS, type Step } from "../buffer/step.ts";
import { blockKind, HEADER_BYTES, KIND_VALUE } from "../ground/block.ts";
import { compareBytes } from "../ground/bytes.ts";
import { largeBlocks, largeLength } from "../ground/large_value.ts";
import { payloadLength } from "../ground/value_block.ts";
import type { Volume } from "../storage/volume.ts";

/** Pins left for the way to the leaf, and for what a change does besides reading. */
const OTHER_PINS = 8;

/** A value on its way out of its blocks. */
class Parts {
  readonly entry: Uint8Array;
  readonly blocks: readonly number[];
  readonly whole: Uint8Array;
  /** Blocks copied, in their order. */
  copied = 0;

  constructor(entry: Uint8Array) {
    this.entry = entry;
    this.blocks = largeBlocks(entry, 0, entry.length);
    this.whole = new Uint8Array(largeLength(entry, 0));
  }
}

/** Whether a value of so many blocks is read in parts by this step. */
export function isReadInParts(step: Step, blocks: number): boolean {
  return !step.light && blocks > step.pinsMost - OTHER_PINS;
}

/**
 * The bytes of the value whose entry stands at `bytes[at, at + length)`, undefined when a part is lacking;
 * `wrong` says that a block is no part of it.
 */
export function readInParts(
  step: Step,
  volume: Volume,
  at: number,
  length: number,
): Uint8Array | undefined | { readonly wrong: number } {
  const parts = partsOf(step, volume, step.pool.bytes.subarray(at, at + length));
  const { blocks, whole } = parts;
  const payload = step.pool.blockSize - HEADER_BYTES;
  const end = Math.min(blocks.length, parts.copied + Math.max(1, step.pinsMost - OTHER_PINS));
  const frames: number[] = [];
  for (let i = parts.copied; i < end; i++) frames.push(step.find(volume, blocks[i]!));
  for (const frame of frames) {
    if (frame === MISS) return undefined;
    const base = frame * step.pool.blockSize;
    const from = parts.copied * payload;
    const expected = Math.min(payload, whole.length - from);
    const { bytes } = step.pool;
    if (blockKind(bytes, base) !== KIND_VALUE || payloadLength(bytes, base) !== expected) {
      return { wrong: blocks[parts.copied]! };
    }
    whole.set(bytes.subarray(base + HEADER_BYTES, base + HEADER_BYTES + expected), from);
    parts.copied++;
    step.letGo(frame);
  }
  return parts.copied === blocks.length ? whole : undefined;
}

/** What earlier attempts of the step copied of this value, if its entry is still the same. */
function partsOf(step: Step, volume: Volume, entry: Uint8Array): Parts {
  const name = `${volume.index}:${largeBlocks(entry, 0, entry.length)[0]}`;
  const kept = step.kept.get(name);
  if (
    kept instanceof Parts &&
    compareBytes(kept.entry, 0, kept.entry.length, entry, 0, entry.length) === 0
  ) return kept;
  const parts = new Parts(entry.slice());
  step.kept.set(name, parts);
  return parts;
}
