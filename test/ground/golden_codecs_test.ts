/** Keys, values and entries of large values as bytes: what was once stored must stay readable for ever. */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { ByteWriter } from "../../src/ground/byte_writer.ts";
import { decodeKey, keyOf } from "../../src/ground/key.ts";
import { largeBlocks, largeChecksum, largeLength, writeLarge } from "../../src/ground/large_value.ts";
import type { Subscript } from "../../src/ground/subscript.ts";
import { decodeValue, encodeValue, type Value } from "../../src/ground/value.ts";
import golden from "../golden/codecs.json" with { type: "json" };
import { bytesOfHex, hexOf } from "./golden_blocks.ts";

const KEYS: Readonly<Record<string, readonly Subscript[]>> = {
  "no subscripts": [],
  "0": [0],
  "12345": [12345],
  "-12345": [-12345],
  ".5": [0.5],
  "-1E-43": ["-." + "0".repeat(42) + "1"],
  "999999999999999999E29": ["9".repeat(18) + "0".repeat(29)],
  "123, name": [123, "name"],
  "bytes 0 and 1": ["\0\x01"],
  "ä, 😀": ["ä", "😀"],
};

const VALUES: Readonly<Record<string, Value>> = {
  "empty text": "",
  "text of bytes": "Ada é",
  "text": "€ 😀",
  "integer": 1234567,
  "negative integer": -65,
  "float": 0.1,
  "minus zero": -0,
  "bigint": 18446744073709551616n,
  "negative bigint": -5n,
  "true": true,
  "false": false,
  "null": null,
  "bytes": new Uint8Array([1, 2, 255]),
  "array": [1, -1, "a", null, true, 0.5, 4294967296n, new Uint8Array([7])],
  "object": { b: 1, a: [{ c: {} }] },
};

const LARGE = { length: 20_000, checksum: 0x01020304, blocks: [9, 10, 0x00a0b0c0] };

function hexOfValue(value: Value): string {
  const writer = new ByteWriter(64);
  encodeValue(value, writer);
  return hexOf(writer.copy());
}

function hexOfLarge(): string {
  const bytes = new Uint8Array(100);
  return hexOf(bytes.slice(0, writeLarge(bytes, LARGE.length, LARGE.checksum, LARGE.blocks)));
}

test("golden codecs: written as they always were", () => {
  const made = {
    keys: Object.fromEntries(Object.entries(KEYS).map(([name, it]) => [name, hexOf(keyOf(it))])),
    values: Object.fromEntries(Object.entries(VALUES).map(([name, it]) => [name, hexOfValue(it)])),
    large: hexOfLarge(),
  };
  assertEquals(made, golden);
});

test("golden codecs: read as they always were", () => {
  for (const [name, hex] of Object.entries(golden.keys)) {
    const bytes = bytesOfHex(hex);
    assertEquals(hexOf(keyOf(decodeKey(bytes, 0, bytes.length))), hex, name);
  }
  for (const [name, hex] of Object.entries(golden.values)) {
    const bytes = bytesOfHex(hex);
    assertEquals(decodeValue(bytes, 0, bytes.length), VALUES[name], name);
  }
  const entry = bytesOfHex(golden.large);
  assertEquals(
    {
      length: largeLength(entry, 0),
      checksum: largeChecksum(entry, 0),
      blocks: largeBlocks(entry, 0, entry.length),
    },
    LARGE,
  );
});
