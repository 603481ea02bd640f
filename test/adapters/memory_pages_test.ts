import { existsSync, readFileSync } from "node:fs";
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
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

/** Bytes of this process's memory that were advised to lie on large pages. */
function advisedKiB(): number {
  const regions = readFileSync("/proc/self/smaps", "utf8").split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  const advised = regions.filter((it) => /^VmFlags:.* hg( |$)/m.test(it));
  return advised.reduce((sum, it) => sum + Number(/^Size: +([0-9]+) kB/m.exec(it)?.[1] ?? 0), 0);
}

test("memory pages: the host is asked for large ones, where it has them", () => {
  if (!existsSync("/sys/kernel/mm/transparent_hugepage/enabled")) {
    return console.log("skipped: this kernel has no large pages");
  }
  const before = advisedKiB();
  const memory = allocatePages(64 * 2 ** 20);
  const advised = advisedKiB() - before;
  assert(advised >= 60 * 2 ** 10, `${advised} KiB of ${memory.length / 1024} were advised`);
});
