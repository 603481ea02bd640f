import { assertEquals } from "@std/assert";
import { test } from "#test";
import { PeerWatch, verdictOf } from "../../src/cluster/verdict.ts";

test("verdict: the table of rule 92", () => {
  assertEquals(verdictOf(true, true), "up");
  assertEquals(verdictOf(false, true), "network partition");
  assertEquals(verdictOf(true, false), "storage partition");
  assertEquals(verdictOf(false, false), "down");
});

test("PeerWatch: each way is silent for longer than its limit, or it is not", () => {
  const watch = new PeerWatch({ networkMs: 100, storageMs: 200 }, 1_000);
  assertEquals([1_100, 1_101, 1_200, 1_201].map((now) => watch.verdict(now)), [
    "up",
    "network partition",
    "network partition",
    "down",
  ]);
  watch.heard(1_201);
  assertEquals(watch.verdict(1_201), "storage partition");
  watch.seen(5, 1_300);
  assertEquals(watch.verdict(1_300), "up");
  watch.seen(5, 1_450);
  watch.seen(4, 1_460);
  watch.heard(1_500);
  assertEquals(
    watch.verdict(1_501),
    "storage partition",
    "a counter that stands still, or falls, is no sign",
  );
});

test("PeerWatch: what this member slept through is nobody's silence", () => {
  const watch = new PeerWatch({ networkMs: 100, storageMs: 100 }, 0);
  watch.excuse(5_000);
  assertEquals([watch.verdict(5_100), watch.verdict(5_101)], ["up", "down"]);
});
