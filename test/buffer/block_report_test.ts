/** What the keepers of a new view make of what its members say they have. */
import { test } from "#test";
import { assertEquals, assertThrows } from "@std/assert";
import {
  type BlockReports,
  mergeReports,
  type ReportedBlock,
  takenBack,
} from "../../src/buffer/block_report.ts";

const PLACE = { tag: 1, block: 5 };

function has(turn: number, mode: "PR" | "EX", isDirty = false): ReportedBlock {
  return { ...PLACE, turn, mode, isDirty, sentTo: undefined };
}

function sent(turn: number, sentTo: string, isDirty = true): ReportedBlock {
  return { ...PLACE, turn, mode: undefined, isDirty, sentTo };
}

/** Who holds it and who answers for it, and who may have it back. */
function merged(...reports: BlockReports): string {
  const { block, verdicts } = mergeReports(reports);
  const back = verdicts.filter((it) => it.isBack).map((it) => `${it.sender}?${it.turn}`);
  return `EX ${block.exclusive ?? "-"} PR ${block.sharers.join("") || "-"} owner ${block.owner ?? "-"} ` +
    `turns ${block.turns}${back.length > 0 ? ` back ${back.join()}` : ""}`;
}

test("reports: who holds a block", () => {
  assertEquals(merged(["a", has(3, "EX", true)]), "EX a PR - owner a turns 3");
  assertEquals(merged(["a", has(3, "EX")]), "EX a PR - owner a turns 3");
  assertEquals(merged(["a", has(3, "PR")], ["b", has(9, "PR")]), "EX - PR ab owner - turns 9");
  assertEquals(merged(["a", has(3, "PR", true)], ["b", has(9, "PR")]), "EX - PR ab owner a turns 9");
});

test("reports: what was sent on has arrived when somebody says so, or has it by a later turn", () => {
  assertEquals(merged(["a", sent(5, "b")], ["b", has(5, "EX", true)]), "EX b PR - owner b turns 5");
  const chain: BlockReports = [["a", sent(5, "b")], ["b", sent(7, "c")], ["c", has(7, "EX", true)]];
  assertEquals(merged(...chain), "EX c PR - owner c turns 7");
  assertEquals(merged(["a", sent(5, "b", false)]), "EX - PR - owner - turns 5");
});

test("reports: what nobody says he got is asked back of whoever sent it last", () => {
  assertEquals(merged(["a", sent(5, "b")]), "EX - PR - owner - turns 5 back a?5");
  assertEquals(merged(["a", sent(5, "b")], ["b", sent(7, "c")]), "EX - PR - owner - turns 7 back b?7");
  // Whoever was to get it had it to read before.
  assertEquals(merged(["a", sent(5, "b")], ["b", has(3, "PR")]), "EX - PR b owner - turns 5 back a?5");
  const { block } = mergeReports([["a", sent(5, "b")], ["b", has(3, "PR")]]);
  const { sharers, owner } = takenBack(block, "a");
  assertEquals([sharers, owner], [["b", "a"], "a"]);
});

test("reports: what cannot be breaks the invariant", () => {
  assertThrows(() => merged(["a", has(3, "EX")], ["b", has(2, "PR")]));
  assertThrows(() => merged(["a", has(3, "PR", true)], ["b", has(2, "PR", true)]));
});
