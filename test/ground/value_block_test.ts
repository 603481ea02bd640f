import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { AT_PAYLOAD_LENGTH, blockKind, blockTree, KIND_VALUE } from "../../src/ground/block.ts";
import { putU16 } from "../../src/ground/bytes.ts";
import { InvariantError } from "../../src/ground/errors.ts";
import { BLOCK_BYTES_ALLOWED } from "../../src/ground/limits.ts";
import {
  checkValue,
  formatValue,
  payloadCapacity,
  payloadLength,
  payloadOffset,
} from "../../src/ground/value_block.ts";
import { Prng } from "../support/prng.ts";

test("formatValue: payloads up to the capacity come back", () => {
  for (const size of BLOCK_BYTES_ALLOWED) {
    const payload = new Prng(size).bytes(payloadCapacity(size) + 10);
    for (const length of [1, 100, payloadCapacity(size)]) {
      const pool = new Uint8Array(3 * size).fill(0x77);
      formatValue(pool, size, size, 12, 5, 1, payload, 7, length);
      assertEquals(blockKind(pool, size), KIND_VALUE);
      assertEquals(blockTree(pool, size), 5);
      assertEquals(payloadLength(pool, size), length);
      const at = payloadOffset(size);
      assertEquals(pool.slice(at, at + length), payload.slice(7, 7 + length));
      assert(pool.subarray(at + length, 2 * size).every((byte) => byte === 0));
      assert(pool.subarray(2 * size).every((byte) => byte === 0x77));
      assertEquals(checkValue(pool, size, size), undefined);
    }
  }
});

test("formatValue: no payload, or too much, is an invariant", () => {
  const pool = new Uint8Array(8192);
  const payload = new Uint8Array(9000);
  for (const length of [0, 8153]) {
    assertThrows(() => formatValue(pool, 0, 8192, 12, 5, 1, payload, 0, length), InvariantError);
  }
});

test("checkValue: the payload length", () => {
  const pool = new Uint8Array(8192);
  formatValue(pool, 0, 8192, 12, 5, 1, new Uint8Array(10), 0, 10);
  for (const length of [0, 8153, 65535]) {
    putU16(pool, AT_PAYLOAD_LENGTH, length);
    assertEquals(checkValue(pool, 0, 8192), "the payload length is out of range");
  }
  assertEquals(checkValue(pool, 1, 8192), "the block is cut short");
});
