import { test } from "#test";
import { assertEquals } from "@std/assert";
import { LINE_BYTES_MAX, TextLines } from "../../src/global/text_lines.ts";
import type { Charset } from "../../src/ground/reference.ts";
import { Prng } from "../support/prng.ts";
import { randomText } from "../support/subscripts.ts";

/** All lines, or their faults, of bytes fed in pieces that `cut` sizes; the charset from line 2 on. */
function linesOf(bytes: Uint8Array, charset: Charset, cut: () => number): string[] {
  const lines = new TextLines();
  const found: string[] = [];
  const drain = (): void => {
    while (lines.next()) {
      found.push(lines.fault === undefined ? lines.line : `! ${lines.fault}`);
      assertEquals(lines.number, found.length);
      if (lines.number === 1) lines.charset = charset;
    }
  };
  const scratch = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length;) {
    // The chunk is the caller's again after the call, and is overwritten.
    const chunk = scratch.subarray(0, Math.min(cut(), bytes.length - at));
    chunk.set(bytes.subarray(at, at + chunk.length));
    at += chunk.length;
    lines.feed(chunk);
    drain();
    chunk.fill(0x0a);
  }
  lines.end();
  drain();
  return found;
}

test("TextLines: lines are the same however the bytes are cut", () => {
  const prng = new Prng(64);
  const encoder = new TextEncoder();
  for (let round = 0; round < 60; round++) {
    const isM = round % 2 === 0;
    const wanted = Array.from({ length: prng.below(30, 1) }, () => {
      const text = randomText(prng, prng.pick([1, 10, 300]), isM).replaceAll("\n", "");
      return prng.once(5) ? "" : text;
    });
    wanted[0] = "label";
    wanted.push("last");
    const text = wanted.join("\n") + (prng.once(2) ? "\n" : "");
    const bytes = isM ? Uint8Array.from(text, (it) => it.charCodeAt(0)) : encoder.encode(text);
    for (const most of [2, 7, 64, 5_000]) {
      assertEquals(linesOf(bytes, isM ? "M" : "UTF-8", () => prng.below(most, 1)), wanted);
    }
  }
});

test("TextLines: malformed UTF-8 is the fault of its line alone", () => {
  const head = new TextEncoder().encode("label\ngr\u00fcn\n");
  const bytes = Uint8Array.from([...head, 0x61, 0xff, 0x0a, 0xef, 0xbf, 0xbd, 0x0a, 0xe2, 0x82, 0x0a, 0x62]);
  for (const size of [1, 2, 3, 8, 100]) {
    const wanted = ["label", "gr\u00fcn", "! malformed UTF-8", "\ufffd", "! malformed UTF-8", "b"];
    assertEquals(linesOf(bytes, "UTF-8", () => size), wanted);
  }
});

test("TextLines: a line without an end is given up in bounded memory, the next one is read", () => {
  const lines = new TextLines();
  const chunk = new Uint8Array(1024 * 1024).fill(0x78);
  for (let fed = 0; fed < 2 * LINE_BYTES_MAX + 10; fed += chunk.length) {
    lines.feed(chunk);
    assertEquals(lines.next(), false);
  }
  lines.feed(new TextEncoder().encode("\nnext\n"));
  assertEquals([lines.next(), lines.number, lines.line], [true, 1, ""]);
  assertEquals(lines.fault, `a line of more than ${LINE_BYTES_MAX} bytes`);
  assertEquals([lines.next(), lines.number, lines.line, lines.fault], [true, 2, "next", undefined]);
  assertEquals(lines.next(), false);
});

test("TextLines: no bytes are no lines, an empty line is one", () => {
  assertEquals(linesOf(new Uint8Array(0), "M", () => 1), []);
  assertEquals(linesOf(Uint8Array.of(0x0a), "M", () => 1), [""]);
  assertEquals(linesOf(Uint8Array.of(0x0a, 0x0a, 0x61), "UTF-8", () => 1), ["", "", "a"]);
});
