/** One sample of every block kind and of every operation, made by the code of today. */
import { formatFree, sealBlock, setBlockStamp } from "../../src/ground/block.ts";
import {
  applyOps,
  opFormat,
  opMapClear,
  opMapSet,
  opPut,
  opRemove,
  opRemoveRange,
  opTruncate,
} from "../../src/ground/block_op.ts";
import { ByteWriter } from "../../src/ground/byte_writer.ts";
import { formatMap, mapSet } from "../../src/ground/space_map.ts";
import { formatValue } from "../../src/ground/value_block.ts";
import { branchOf, leafOf } from "./entry_blocks.ts";
import { bytesOf } from "./entry_model.ts";

/** Size of the sample blocks. */
export const GOLDEN_SIZE = 8192;
const SIZE = GOLDEN_SIZE;

/** Sealed sample blocks by name, each its own array. */
export function goldenBlocks(): Record<string, Uint8Array> {
  const leaf = leafOf("user\0a", "user\0m", [
    ["user\0a", "first"],
    ["user\0carol", "\x01value"],
    ["user\0bob", ""],
    ["user\0b", "1234567890"],
  ]);
  const branch = branchOf("", undefined, [["", 17], ["k", 18], ["user\0a", 0x01020304]]);
  const map = new Uint8Array(3 * SIZE);
  formatMap(map, SIZE, SIZE, 2, 0xfeedface);
  mapSet(map, SIZE, 0, 21);
  mapSet(map, SIZE, 30, 1);
  const value = new Uint8Array(3 * SIZE);
  formatValue(value, SIZE, SIZE, 9, 5, 0xfeedface, bytesOf("..part of a large value"), 2, 21);
  const free = new Uint8Array(3 * SIZE);
  formatFree(free, SIZE, SIZE, 9, 0xfeedface);
  const changed = leaf.slice();
  for (const ops of Object.values(goldenLeafOps())) applyOps(changed, SIZE, SIZE, ops, 0, ops.length);
  const blocks = { leaf, branch, map, value, free, changed };
  return Object.fromEntries(Object.entries(blocks).map(([name, pool]) => [name, sealed(pool)]));
}

/** Operations of every code by name; those of `goldenLeafOps` suit the sample leaf in this order. */
export function goldenOps(): Record<string, Uint8Array> {
  const branch = branchOf("b", "d", [["b", 258]]);
  return {
    ...goldenLeafOps(),
    "remove range, no end": written((ops) => opRemoveRange(ops, bytesOf("key"), 3, undefined, 0)),
    "map set": written((ops) => opMapSet(ops, 258, 3)),
    "map clear": written((ops) => opMapClear(ops, 1, 513)),
    format: written((ops) => opFormat(ops, branch, SIZE, SIZE)),
  };
}

function goldenLeafOps(): Record<string, Uint8Array> {
  return {
    put: written((ops) => opPut(ops, bytesOf("user\0ann"), 8, bytesOf("_value"), 1, 5)),
    remove: written((ops) => opRemove(ops, bytesOf("user\0bob"), 8)),
    "remove range": written((ops) => opRemoveRange(ops, bytesOf("user\0b"), 6, bytesOf("user\0ba"), 7)),
    truncate: written((ops) => opTruncate(ops, bytesOf("user\0b"), 6)),
  };
}

function written(write: (ops: ByteWriter) => void): Uint8Array {
  const ops = new ByteWriter(8);
  write(ops);
  return ops.copy();
}

function sealed(pool: Uint8Array): Uint8Array {
  setBlockStamp(pool, SIZE, 0x010203040506);
  sealBlock(pool, SIZE, SIZE);
  return pool.slice(SIZE, 2 * SIZE);
}

/** Hexadecimal digits of bytes. */
export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of hexadecimal digits. */
export function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** A block as lines of 16 bytes, "offset: digits"; lines of zeros are left out. */
export function linesOf(block: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < block.length; at += 16) {
    const line = block.subarray(at, at + 16);
    if (line.some((byte) => byte !== 0)) lines.push(`${at}: ${hexOf(line)}`);
  }
  return lines;
}

/** The block of such lines. */
export function blockOfLines(lines: readonly string[]): Uint8Array {
  const block = new Uint8Array(SIZE);
  for (const line of lines) {
    const [at, hex] = line.split(": ") as [string, string];
    block.set(bytesOfHex(hex), Number(at));
  }
  return block;
}
