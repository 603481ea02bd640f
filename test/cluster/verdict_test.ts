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
  for (const now of [1_050, 1_100, 1_150, 1_200]) watch.looked(undefined, now);
  assertEquals([1_100, 1_101].map((now) => watch.verdict(now)), ["up", "network partition"]);
  watch.looked(undefined, 1_201);
  assertEquals(watch.verdict(1_201), "down");
  watch.heard(1_201);
  assertEquals(watch.verdict(1_201), "storage partition");
  watch.looked(5, 1_300);
  assertEquals(watch.verdict(1_300), "up");
  for (const [counter, now] of [[5, 1_350], [4, 1_400], [5, 1_450], [5, 1_500], [5, 1_501]] as const) {
    watch.looked(counter, now);
  }
  watch.heard(1_501);
  const why = "a counter that stands still, or falls, is no sign";
  assertEquals(watch.verdict(1_501), "storage partition", why);
});

test("PeerWatch: while this member itself did not get to look, nobody's slot stands still", () => {
  const watch = new PeerWatch({ networkMs: 1e9, storageMs: 200 }, 0);
  watch.looked(1, 10);
  assertEquals(watch.verdict(60_000), "up", "no look, no silence");
  watch.looked(1, 60_000);
  assertEquals(watch.verdict(60_000), "up", "one look after a long time says little");
  for (const now of [70_000, 80_000, 90_000, 90_001]) watch.looked(1, now);
  assertEquals(watch.verdict(90_001), "storage partition");
});

test("PeerWatch: what this member slept through is nobody's silence", () => {
  const watch = new PeerWatch({ networkMs: 100, storageMs: 100 }, 0);
  watch.excuse(5_000);
  for (const now of [5_025, 5_050, 5_075, 5_100]) watch.looked(undefined, now);
  assertEquals(watch.verdict(5_100), "up");
  watch.looked(undefined, 5_101);
  assertEquals(watch.verdict(5_101), "down");
});
