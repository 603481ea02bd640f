import { test } from "#test";
import { assertEquals } from "@std/assert";
import { blockLevel, blockStamp, blockTree, verifyBlock } from "../../src/ground/block.ts";
import { applyOps } from "../../src/ground/block_op.ts";
import {
  childAt,
  entryCount,
  highInto,
  keyInto,
  lowInto,
  valueLength,
  valueOffset,
} from "../../src/ground/entries.ts";
import { checkBlock } from "../../src/ground/image.ts";
import { mapAllocated, mapFindFree } from "../../src/ground/space_map.ts";
import { payloadLength, payloadOffset } from "../../src/ground/value_block.ts";
import golden from "../golden/blocks.json" with { type: "json" };
import { textOf } from "./entry_model.ts";
import {
  blockOfLines,
  bytesOfHex,
  GOLDEN_SIZE,
  goldenBlocks,
  goldenOps,
  hexOf,
  linesOf,
} from "./golden_blocks.ts";

const NUMBERS: Record<string, number> = { map: 2 };
const stored: Record<string, string[]> = golden.blocks;
const out = new Uint8Array(100);

function stand(name: string): Uint8Array {
  return blockOfLines(stored[name]!);
}

function entriesOf(block: Uint8Array): string[][] {
  return Array.from({ length: entryCount(block, 0) }, (_, index) => {
    const at = valueOffset(block, 0, index);
    const key = textOf(out, 0, keyInto(block, 0, index, out));
    return [key, textOf(block, at, at + valueLength(block, 0, index))];
  });
}

test("golden blocks: written as they always were", () => {
  const made = Object.entries(goldenBlocks()).map(([name, block]) => [name, linesOf(block)]);
  assertEquals(Object.fromEntries(made), stored);
});

test("golden blocks: read as they always were", () => {
  for (const name of Object.keys(stored)) {
    const block = stand(name);
    assertEquals(verifyBlock(block, 0, GOLDEN_SIZE, NUMBERS[name] ?? 9, 0xfeedface), undefined, name);
    assertEquals(checkBlock(block, 0, GOLDEN_SIZE), undefined, name);
    assertEquals(blockStamp(block, 0), 0x010203040506);
  }
  const leaf = stand("leaf");
  assertEquals(entriesOf(leaf), [
    ["user\0a", "first"],
    ["user\0b", "1234567890"],
    ["user\0bob", ""],
    ["user\0carol", "\x01value"],
  ]);
  assertEquals(blockTree(leaf, 0), 5);
  assertEquals(textOf(out, 0, lowInto(leaf, 0, out)), "user\0a");
  assertEquals(textOf(out, 0, highInto(leaf, 0, out)), "user\0m");
  const branch = stand("branch");
  assertEquals([0, 1, 2].map((index) => childAt(branch, 0, index)), [17, 18, 0x01020304]);
  assertEquals([blockLevel(branch, 0), highInto(branch, 0, out)], [1, -1]);
  assertEquals([mapAllocated(stand("map"), 0), mapFindFree(stand("map"), 0, 1024, 1024, 0)], [22, 21]);
  const value = stand("value");
  assertEquals(
    textOf(value, payloadOffset(0), payloadOffset(0) + payloadLength(value, 0)),
    "part of a large value",
  );
});

test("golden operations: written as they always were", () => {
  const made = Object.entries(goldenOps()).map(([name, ops]) => [name, hexOf(ops)]);
  assertEquals(Object.fromEntries(made), golden.ops);
});

test("golden operations: applied as they always were", () => {
  const block = stand("leaf");
  for (const hex of [golden.ops.put, golden.ops.remove, golden.ops["remove range"], golden.ops.truncate]) {
    const ops = bytesOfHex(hex);
    applyOps(block, 0, GOLDEN_SIZE, ops, 0, ops.length);
  }
  const expected = stand("changed");
  assertEquals(block.subarray(4), expected.subarray(4));
  assertEquals(entriesOf(expected), [["user\0a", "first"], ["user\0ann", "value"]]);
  const ops = bytesOfHex(golden.ops.format);
  applyOps(block, 0, GOLDEN_SIZE, ops, 0, ops.length);
  assertEquals([entryCount(block, 0), childAt(block, 0, 0)], [1, 258]);
});
