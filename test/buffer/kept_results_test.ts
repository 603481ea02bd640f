/** What others had done here, and who took what was here. */
import { assertEquals } from "@std/assert";
import { test } from "#test";
import { KeptResults } from "../../src/buffer/kept_results.ts";
import { LeftBehind } from "../../src/buffer/left_behind.ts";
import { OwedBlocks } from "../../src/buffer/owed_blocks.ts";
import { TakenAway } from "../../src/buffer/taken_away.ts";

const result = (value: number, from: number, volume = 1) => ({ value, from, after: from + 10, volume });

test("KeptResults: an answer stays until it is known to have come, and its journal as long", () => {
  const kept = new KeptResults();
  assertEquals([kept.oldest(900), kept.has(1)], [900, false]);
  kept.keep("a", 1, result(5, 300));
  kept.keep("b", 1, result(6, 200, 2));
  kept.keep("a", 3, result(7, 400));
  assertEquals([kept.find("a", 3)?.value, kept.find("a", 2), kept.find("c", 1)], [7, undefined, undefined]);
  assertEquals([kept.oldest(900), kept.oldest(100), kept.countOf("a")], [200, 100, 2]);
  kept.acknowledge("b", 1);
  assertEquals([kept.oldest(900), kept.has(1), kept.has(2)], [300, true, false]);
  kept.acknowledge("a", 2);
  assertEquals([kept.find("a", 1), kept.find("a", 3)?.value, kept.oldest(900)], [undefined, 7, 400]);
  kept.keepOnly(["b", "c"]);
  assertEquals([kept.oldest(900), kept.countOf("a")], [900, 0]);
});

test("KeptResults: one that was refused and done later stands in the order of the journal", () => {
  const kept = new KeptResults();
  kept.keep("a", 6, result(1, 100));
  kept.keep("a", 5, result(2, 200));
  assertEquals(kept.oldest(900), 100);
  kept.acknowledge("a", 5);
  assertEquals([kept.find("a", 5), kept.find("a", 6)?.value], [undefined, 1]);
});

test("OwedBlocks: the journal is needed from where an answer is that may be asked for again", () => {
  const owed = new OwedBlocks(new LeftBehind());
  assertEquals(owed.oldest(500), 500);
  owed.results.keep("a", 1, result(5, 300));
  assertEquals([owed.oldest(500), owed.oldest(Infinity)], [300, 300]);
  owed.results.acknowledge("a", 1);
  assertEquals(owed.oldest(500), 500);
});

test("TakenAway: the last who took a block, as long as it is a member; the oldest are forgotten", () => {
  const taken = new TakenAway();
  taken.note(1, "a");
  taken.note(2, "b");
  taken.note(1, "c");
  assertEquals([taken.find(1)?.by, taken.find(2)?.by, taken.find(3)], ["c", "b", undefined]);
  taken.keepOnly(["a", "c"]);
  assertEquals([taken.find(1)?.by, taken.find(2)], ["c", undefined]);
  taken.forget(1);
  for (let key = 0; key < 5000; key++) taken.note(key, "a");
  assertEquals([taken.find(0), taken.find(903), taken.find(904)?.by], [undefined, undefined, "a"]);
});
