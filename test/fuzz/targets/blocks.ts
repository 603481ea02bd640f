/** Blocks, block images and block operations: `ground/block.ts`, `image.ts`, `block_op.ts`. */
import {
  HEADER_BYTES,
  KIND_BRANCH,
  KIND_LEAF,
  KIND_MAP,
  sealBlock,
  verifyBlock,
} from "../../../src/ground/block.ts";
import { blockKind, blockNumber } from "../../../src/ground/block.ts";
import { applyOps, opPut, opRemove, opRemoveRange, opTruncate } from "../../../src/ground/block_op.ts";
import { ByteReader } from "../../../src/ground/byte_reader.ts";
import { ByteWriter } from "../../../src/ground/byte_writer.ts";
import {
  compareKeyAt,
  entryCount,
  highInto,
  keyInto,
  lowerBound,
  lowInto,
  search,
  slotsAt,
  valueLength,
  valueOffset,
} from "../../../src/ground/entries.ts";
import { fits, putAt } from "../../../src/ground/entries_write.ts";
import { checkBlock, imageLength, readImage, writeImage } from "../../../src/ground/image.ts";
import { BLOCK_BYTES_ALLOWED, KEY_BYTES_MAX } from "../../../src/ground/limits.ts";
import { mapFindFree } from "../../../src/ground/space_map.ts";
import { payloadLength, payloadOffset } from "../../../src/ground/value_block.ts";
import { bytesOf, randomKey, randomValue } from "../../ground/entry_model.ts";
import { goldenBlocks, goldenOps } from "../../ground/golden_blocks.ts";
import { LeafRow } from "../../ground/leaf_row.ts";
import { Prng } from "../../support/prng.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { answerOf, find, sameBytes } from "../judge.ts";
import { concat, garbage, mutate, spoil } from "../mutate.ts";

const TAG = 0xfeedface;
const SIZE_MAX = Math.max(...BLOCK_BYTES_ALLOWED);
const scratch: Uint8Array = new Uint8Array(SIZE_MAX);
const second: Uint8Array = new Uint8Array(SIZE_MAX);
const key: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
const writer = new ByteWriter(2 * SIZE_MAX);

/** Sealed blocks of every kind and size. */
export const SAMPLE_BLOCKS: readonly Uint8Array[] = makeBlocks();
const IMAGES: readonly Uint8Array[] = SAMPLE_BLOCKS.map(imageOf);
/** Operations that suit some sample or other. */
export const SAMPLE_OPS: readonly Uint8Array[] = makeOps();
/** What `checkBlock` says of a branch that has given back all its children. */
const NO_CHILD = "a branch has no child";
const LEAF_OPS = ["put", "remove", "remove range", "truncate"].map((name) => goldenOps()[name]!);

function makeBlocks(): Uint8Array[] {
  const blocks = Object.values(goldenBlocks());
  const prng = new Prng(7);
  for (const size of BLOCK_BYTES_ALLOWED) {
    const row = new LeafRow(size, prng);
    for (let i = 0; i < 500; i++) row.step("mixed");
    for (const { base } of row.row.slice(0, 4)) {
      sealBlock(row.pool, base, size);
      blocks.push(row.pool.slice(base, base + size));
    }
  }
  return blocks;
}

function imageOf(block: Uint8Array): Uint8Array {
  const image = new ByteWriter(block.length);
  writeImage(image, block, 0, block.length);
  return image.copy();
}

function makeOps(): Uint8Array[] {
  const prng = new Prng(8);
  const ops = Object.values(goldenOps());
  for (let i = 0; i < 60; i++) {
    writer.length = 0;
    for (let count = prng.below(5, 1); count > 0; count--) appendOp(prng);
    ops.push(writer.copy());
  }
  return ops;
}

function appendOp(prng: Prng): void {
  const a = bytesOf(randomKey(prng, "tiny alphabet", 0));
  const b = bytesOf(randomKey(prng, "tiny alphabet", 0));
  const value = bytesOf(randomValue(prng, 400));
  switch (prng.below(5)) {
    case 0:
      return opRemove(writer, a, a.length);
    case 1:
      return opRemoveRange(writer, a, a.length, prng.once(3) ? undefined : b, b.length);
    case 2:
      return opTruncate(writer, a, a.length);
    default:
      return opPut(writer, a, a.length, value, 0, value.length);
  }
}

/** One changed byte of a sealed block, or the wrong place, always shows. */
function damaged(prng: Prng): Outcome {
  const sample = prng.pick(SAMPLE_BLOCKS);
  const size = sample.length;
  const number = blockNumber(sample, 0);
  if (prng.once(16)) {
    const fault = prng.once(2)
      ? verifyBlock(sample, 0, size, number ^ (1 << prng.below(32)) >>> 0, TAG)
      : verifyBlock(sample, 0, size, number, TAG ^ (1 << prng.below(32)));
    return fault === undefined ? find("a block of another place or volume passed") : "detected";
  }
  const edge = prng.once(3) ? Math.min(200, size) : size;
  const at = prng.below(edge);
  const kept = sample[at]!;
  sample[at]! ^= prng.below(256, 1);
  const fault = verifyBlock(sample, 0, size, number, TAG);
  sample[at] = kept;
  return fault === undefined ? find(`a changed byte ${at} of block ${number} passed`) : "detected";
}

/** A spoiled block with a right checksum: it is refused, or all that reads and changes blocks can use it. */
function resealed(prng: Prng): Outcome {
  const sample = prng.pick(SAMPLE_BLOCKS);
  const size = sample.length;
  scratch.set(sample);
  if (prng.once(8)) scratch.set(garbage(prng, size - HEADER_BYTES), prng.once(2) ? 0 : HEADER_BYTES);
  const edge = prng.below(3);
  const slots = slotsAt(sample, 0);
  if (edge === 0) spoil(prng, scratch, 4, HEADER_BYTES);
  else if (edge === 1) spoil(prng, scratch, HEADER_BYTES, Math.min(size, slots + entryCount(sample, 0) * 6));
  else spoil(prng, scratch, 4, size);
  sealBlock(scratch, 0, size);
  const fault = verifyBlock(scratch, 0, size, blockNumber(sample, 0), TAG);
  const wrong = checkBlock(scratch, 0, size);
  if (wrong === undefined) use(prng, scratch, size);
  return fault === undefined && wrong === undefined ? "read" : "refused";
}

/** Reads all of a block that passed its checks, and changes it. */
function use(prng: Prng, block: Uint8Array, size: number): void {
  const kind = blockKind(block, 0);
  writer.length = 0;
  writeImage(writer, block, 0, size);
  if (writer.length !== imageLength(block, 0, size)) find("the image's length is not the one announced");
  readImage(new ByteReader(writer.bytes, "image", 0, writer.length), second, 0, size);
  if (kind === KIND_MAP) mapFindFree(block, 0, 1024, 1024, prng.below(1024));
  else if (kind === KIND_LEAF || kind === KIND_BRANCH) useEntries(prng, block, size);
  else if (payloadOffset(0) + payloadLength(block, 0) > size) find("a payload reaches beyond its block");
}

function useEntries(prng: Prng, block: Uint8Array, size: number): void {
  const count = entryCount(block, 0);
  for (let i = 0; i < count; i += prng.below(9, 1)) {
    const length = keyInto(block, 0, i, key);
    if (search(block, 0, key, length) !== i) find(`key ${i} is not found where it stands`);
    if (lowerBound(block, 0, key, length) !== i) find(`key ${i} is not its own lower bound`);
    if (compareKeyAt(block, 0, i, key, length) !== 0) find(`key ${i} is not itself`);
    if (valueOffset(block, 0, i) + valueLength(block, 0, i) > size) find(`value ${i} reaches beyond`);
  }
  highInto(block, 0, key);
  const length = lowInto(block, 0, key);
  const value = prng.bytes(blockKind(block, 0) === KIND_BRANCH ? 4 : prng.below(60));
  const found = search(block, 0, key, length);
  if (!fits(block, 0, size, found, length, value.length)) return;
  putAt(block, 0, size, found, key, length, value, 0, value.length);
  const wrong = checkBlock(block, 0, size);
  if (wrong !== undefined) find(`after a put: ${wrong}`);
}

/** A spoiled image: refused, or it made a sound block of which it is the image. */
function image(prng: Prng): Outcome {
  const which = prng.below(IMAGES.length);
  const sample = IMAGES[which]!;
  const size = SAMPLE_BLOCKS[which]!.length;
  let bytes: Uint8Array;
  if (prng.once(12)) bytes = garbage(prng, size, sample.subarray(0, 36));
  else if (prng.once(3)) bytes = mutate(prng, sample, IMAGES);
  else {
    bytes = sample.slice();
    spoil(prng, bytes, 0, prng.once(2) ? Math.min(60, bytes.length) : bytes.length);
  }
  const reader = new ByteReader(bytes, "image");
  const answer = answerOf(["CORRUPT"], () => readImage(reader, scratch, 0, size));
  if ("code" in answer) return "refused";
  const wrong = checkBlock(scratch, 0, size);
  if (wrong !== undefined) find(`an image was taken, but ${wrong}`);
  writer.length = 0;
  writeImage(writer, scratch, 0, size);
  const taken = bytes.subarray(0, reader.position);
  if (!sameBytes(taken, writer.bytes.subarray(0, writer.length))) find("a block has two images");
  return "read";
}

/** Spoiled operations on a sound block: refused, or the block is sound afterwards. */
function operations(prng: Prng): Outcome {
  const sample = prng.once(2) ? SAMPLE_BLOCKS[0]! : prng.pick(SAMPLE_BLOCKS);
  const size = sample.length;
  scratch.set(sample);
  if (prng.once(200)) scratch.fill(0, 0, size);
  const ops = spoiledOps(prng);
  const answer = answerOf(["CORRUPT"], () => applyOps(scratch, 0, size, ops, 0, ops.length));
  if ("code" in answer) return "refused";
  const wrong = ops.length === 0 ? undefined : checkBlock(scratch, 0, size);
  // A branch that is cut off gives back its children, the last ones first, until it has none.
  if (wrong !== undefined && wrong !== NO_CHILD) find(`operations were applied, but ${wrong}`);
  return "read";
}

function spoiledOps(prng: Prng): Uint8Array {
  if (prng.once(10)) return garbage(prng, 600, Uint8Array.of(prng.below(8)));
  const suited = prng.once(2) ? LEAF_OPS.slice(0, prng.below(5)) : [prng.pick(SAMPLE_OPS)];
  const sample = concat(
    ...suited,
    prng.once(6) ? concat(Uint8Array.of(1), prng.pick(IMAGES)) : new Uint8Array(0),
  );
  return prng.once(8) ? sample : mutate(prng, sample, SAMPLE_OPS);
}

/** The targets of this file. */
export const BLOCK_TARGETS: readonly Target[] = [
  { name: "block, one byte damaged", weight: 14, run: damaged },
  { name: "block, spoiled and sealed", weight: 14, run: resealed },
  { name: "block image", weight: 10, run: image },
  { name: "block operations", weight: 14, run: operations },
];
