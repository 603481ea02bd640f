import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { decideReplay, ForkDetector } from "../../src/storage/replay_rule.ts";
import { mergeGroups } from "../../src/storage/replay_merge.ts";
import type { ScannedGroup } from "../../src/storage/journal_items.ts";

test("decideReplay(): the table of D3", () => {
  const table: [before: number, after: number, current: number, isFormat: boolean, expected: string][] = [
    [5, 8, 5, false, "apply"],
    [0, 8, 0, false, "apply"],
    [5, 8, 8, false, "skip"],
    [5, 8, 9, false, "skip"],
    [5, 8, 4, false, "gap"],
    [5, 8, 0, false, "gap"],
    [5, 8, 6, false, "gap"],
    [5, 8, 7, false, "gap"],
    [0, 8, 3, false, "gap"],
    [0, 8, 0, true, "apply"],
    [0, 8, 3, true, "apply"],
    [5, 8, 4, true, "apply"],
    [5, 8, 6, true, "apply"],
    [0, 8, 8, true, "skip"],
    [0, 8, 9, true, "skip"],
    [8, 8, 8, false, "gap"],
    [9, 8, 3, false, "gap"],
    [9, 8, 3, true, "gap"],
  ];
  for (const [before, after, current, isFormat, expected] of table) {
    const verdict = decideReplay(before, after, current, isFormat);
    const found = typeof verdict === "string" ? verdict : "gap";
    assertEquals(found, expected, `${before} → ${after} over ${current}${isFormat ? ", format" : ""}`);
  }
});

test("decideReplay(): a history replayed twice, and from any point of it, ends in the same state", () => {
  const history = [3, 7, 8, 20];
  for (let start = 0; start <= history.length; start++) {
    let current = start === 0 ? 0 : history[start - 1]!;
    for (let round = 0; round < 2; round++) {
      let before = 0;
      for (const after of history) {
        const verdict = decideReplay(before, after, current, false);
        assert(verdict === "apply" || verdict === "skip");
        if (verdict === "apply") current = after;
        before = after;
      }
    }
    assertEquals(current, 20);
  }
});

test("ForkDetector: two records of one block with the same before or the same after", () => {
  const fork = (...records: [before: number, after: number, isFormat?: boolean][]) => {
    const detector = new ForkDetector();
    return records.some(([before, after, isFormat]) =>
      detector.check(1, 2, before, after, isFormat ?? false) !== undefined
    );
  };
  assert(!fork([5, 6], [6, 7], [7, 9]));
  assert(!fork([5, 6], [8, 9]), "a truncated journal leaves holes");
  assert(fork([5, 6], [5, 8]), "the same before");
  assert(fork([5, 6], [6, 7], [5, 8]), "the same before, later");
  assert(fork([5, 8], [6, 8]), "the same after");
  assert(fork([5, 8], [0, 8, true]), "the same after, by a format record");
  assert(!fork([0, 8, true], [0, 9, true]), "format records need no before");
  assert(!fork([5, 8], [0, 9, true], [9, 10]));
  assert(fork([0, 9, true], [8, 10]));
});

test("ForkDetector keeps blocks and volumes apart, and a bounded number of them", () => {
  const detector = new ForkDetector(3);
  for (const [volume, block] of [[0, 1], [1, 1], [0, 2]] as const) {
    assertEquals(detector.check(volume, block, 5, 6, false), undefined);
  }
  assert(detector.check(0, 1, 5, 7, false) !== undefined);
  assertEquals(detector.check(3, 3, 5, 6, false), undefined);
  assertEquals(detector.check(0, 1, 5, 8, false), undefined, "the oldest is forgotten");
  assert(detector.check(0, 2, 5, 8, false) !== undefined);
});

async function* stream(stamps: number[], closed: { count: number }): AsyncGenerator<ScannedGroup[]> {
  try {
    // Batches of one, two, three and so on, an empty one between.
    for (let at = 0, size = 1; at < stamps.length; at += size++) {
      await null;
      yield stamps.slice(at, at + size).map((stamp) => ({
        stamp,
        records: [],
        results: [],
        position: stamp,
      }));
      yield [];
    }
  } finally {
    closed.count++;
  }
}

test("mergeGroups(): by stamp, then by incarnation, and every stream is closed", async () => {
  const closed = { count: 0 };
  const sources = [
    { incarnation: "b", batches: stream([1, 4, 6, 9], closed) },
    { incarnation: "c", batches: stream([], closed) },
    { incarnation: "a", batches: stream([2, 4, 6, 7], closed) },
  ];
  const found: string[] = [];
  for await (const batch of mergeGroups(sources)) {
    for (const { source, group } of batch) found.push(`${sources[source]!.incarnation}${group.stamp}`);
  }
  assertEquals(found.join(" "), "b1 a2 a4 b4 a6 b6 a7 b9");
  assertEquals(closed.count, 3);
});

test("mergeGroups() left early closes every stream", async () => {
  const closed = { count: 0 };
  const sources = ["a", "b"].map((incarnation) => ({ incarnation, batches: stream([1, 2, 3], closed) }));
  for await (const batch of mergeGroups(sources)) if (batch.some(({ group }) => group.stamp === 2)) break;
  assertEquals(closed.count, 2);
});
