import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { isCode } from "../../src/ground/errors.ts";
import { KeyRun } from "../../src/ground/key_run.ts";
import { compareKeys, decodeKey, keyOf } from "../../src/ground/key.ts";
import { KEY_BYTES_MAX } from "../../src/ground/limits.ts";
import type { Subscript } from "../../src/ground/subscript.ts";
import { Prng } from "../support/prng.ts";
import { randomSubscript } from "../support/subscripts.ts";

/** Decodes keys by one run, with what all of them share as the prefix. */
function decodeRun(run: KeyRun, keys: readonly Uint8Array[], prefix: number): Subscript[][] {
  run.begin(keys[0]!, 0, prefix);
  return keys.map((key) => run.next(key, prefix, key.length, prefix));
}

function commonPrefix(keys: readonly Uint8Array[]): number {
  let length = 0;
  while (keys.every((key) => length < key.length && key[length] === keys[0]![length])) length++;
  return length;
}

test("KeyRun: decodes what decodeKey does, in order and out of it", () => {
  const prng = new Prng(7);
  const run = new KeyRun();
  for (let round = 0; round < 300; round++) {
    const pool = Array.from({ length: 4 }, () => randomSubscript(prng));
    const keys = Array.from({ length: 12 }, () => {
      const count = prng.below(5);
      const one = (): Subscript => prng.once(3) ? randomSubscript(prng) : prng.pick(pool);
      return keyOf(Array.from({ length: count }, one));
    });
    if (round % 2 === 0) keys.sort((a, b) => compareKeys(a, 0, a.length, b, 0, b.length));
    const prefix = prng.below(commonPrefix(keys) + 1);
    assertEquals(decodeRun(run, keys, prefix), keys.map((key) => decodeKey(key, 0, key.length)));
  }
});

test("KeyRun: every list is its own", () => {
  const keys = [keyOf(["a", 1, "x"]), keyOf(["a", 1, "y"])];
  const [first, second] = decodeRun(new KeyRun(), keys, 3);
  first!.push("more");
  first![0] = "changed";
  assertEquals(second, ["a", 1, "y"]);
});

test("KeyRun: texts of equal hash length and escapes are told apart", () => {
  const texts = ["\x01", "\x02", "é", "ab", "ba", "a\0", "a\x02", "0a", "abcdefghijklmnop"];
  texts.push(texts.at(-1) + "q");
  const run = new KeyRun();
  for (let round = 0; round < 3; round++) {
    for (const text of texts) {
      const key = keyOf([text]);
      run.begin(key, 0, 0);
      assertEquals(run.next(key, 0, key.length, 0), [text]);
    }
  }
});

test("KeyRun: bytes that are no key are CORRUPT, and the next key is decoded whole", () => {
  const run = new KeyRun();
  const good = keyOf(["a", 5]);
  const bad = [
    Uint8Array.of(0xff, 0x61),
    Uint8Array.of(0xff, 0x31, 0),
    Uint8Array.of(0x01, 0),
    new Uint8Array(KEY_BYTES_MAX + 1),
  ];
  for (const key of bad) {
    run.begin(good, 0, 0);
    run.next(good, 0, good.length, 0);
    assert(isCode(assertThrows(() => run.next(key, 0, key.length, 0)), "CORRUPT"));
    assertEquals(run.next(good, 0, good.length, 0), ["a", 5]);
  }
});
