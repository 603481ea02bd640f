import { test } from "#test";
import { assertEquals } from "@std/assert";
import { allocatePages } from "../../adapters/memory_pages.ts";

test("memory pages: zeroed bytes of exactly the length asked for, from end to end", () => {
  for (const length of [0, 1, 8192, 2 ** 22, 2 ** 22 + 1, 2 ** 24 - 8192]) {
    const memory = allocatePages(length);
    assertEquals(memory.length, length);
    assertEquals(memory.findIndex((byte) => byte !== 0), -1);
    memory.fill(255);
    assertEquals(memory.findIndex((byte) => byte !== 255), -1);
  }
});
