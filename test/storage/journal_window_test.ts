import { assertEquals } from "@std/assert";
import { test } from "#test";
import type { StreamFile } from "../../src/ports/mod.ts";
import { readFully, StreamWindow } from "../../src/storage/journal_window.ts";

/** A file of ten bytes whose reads stop short as told: after so many bytes each, then never more. */
function shortFile(stops: number[]): StreamFile {
  const content = Uint8Array.from({ length: 10 }, (_, i) => i + 1);
  const read = (position: number, into: Uint8Array): number => {
    const there = Math.min(into.length, Math.max(0, content.length - position), stops.shift() ?? Infinity);
    into.set(content.subarray(position, position + there));
    return there;
  };
  return { path: "/f", read, size: () => content.length } as unknown as StreamFile;
}

test("readFully: a read may stop short, even at once; the file ends where two give nothing", async () => {
  for (const stops of [[], [3], [0], [3, 0, 2, 0, 1], [0, 4, 0]]) {
    const into = new Uint8Array(12);
    assertEquals(await readFully(shortFile([...stops]), 0, into), 10, `stops ${stops}`);
    assertEquals([...into], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0]);
  }
  assertEquals(await readFully(shortFile([]), 10, new Uint8Array(4)), 0);
});

test("StreamWindow: what is there is loaded though reads stop short", async () => {
  const window = new StreamWindow(shortFile([0, 5]));
  assertEquals(await window.load(2, 8), true);
  assertEquals([...window.bytes.subarray(window.index(2), window.index(10))], [3, 4, 5, 6, 7, 8, 9, 10]);
  assertEquals(await window.load(8, 3), false);
});
