import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import {
  drawnDelays,
  drawnFaults,
  type Fault,
  type FaultCall,
  faultList,
  type FaultPlan,
} from "../../src/testing/fault_plan.ts";

const OPERATIONS = ["read", "write", "sync", "grow", "openVolume"] as const;

function decide(plan: FaultPlan, calls: number): (Fault | undefined)[] {
  return Array.from({ length: calls }, (_, index) => {
    const call: FaultCall = {
      operation: OPERATIONS[index % 5]!,
      path: "v",
      nth: Math.floor(index / 5),
      index,
    };
    return plan(call);
  });
}

test("faultList: the first line that fits a call decides, by operation, path and count", () => {
  const error: Fault = { kind: "error", code: "IO", errno: "EIO" };
  const lost: Fault = { kind: "lostWrite" };
  const plan = faultList([
    { operation: "write", path: "b", nth: 1, fault: error },
    { operation: "write", nth: 2, fault: lost },
    { operation: "read", fault: { kind: "staleRead" } },
  ]);
  const ask = (operation: "read" | "write" | "sync", path: string) =>
    plan({ operation, path, nth: 0, index: 0 })?.kind;
  assertEquals(ask("write", "a"), undefined);
  assertEquals(ask("write", "b"), undefined);
  assertEquals(ask("sync", "b"), undefined);
  assertEquals(ask("write", "a"), "lostWrite");
  assertEquals(ask("write", "b"), "error");
  assertEquals(ask("write", "b"), undefined);
  assertEquals([ask("read", "x"), ask("read", "y")], ["staleRead", "staleRead"]);
});

test("drawnDelays: one seed is one sequence, values and promises both among it", () => {
  const first = decide(drawnDelays(5), 200);
  assertEquals(decide(drawnDelays(5), 200), first);
  const delays = first.filter((fault) => fault?.kind === "delay").length;
  assert(delays > 60 && delays < 140, `${delays} of 200`);
});

test("drawnFaults: one seed is one sequence; kinds strike what they can, as often as asked", () => {
  const rates = { error: 50, shortRead: 200, lostWrite: 100, syncFailure: 1000 };
  const faults = decide(drawnFaults(9, rates), 5000);
  assertEquals(decide(drawnFaults(9, rates), 5000), faults);
  const counts: Record<string, number> = {};
  faults.forEach((fault, index) => {
    if (fault === undefined) return;
    counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
    if (fault.kind === "shortRead") assertEquals(OPERATIONS[index % 5], "read");
    if (fault.kind === "lostWrite") assertEquals(OPERATIONS[index % 5], "write");
    if (fault.kind === "syncFailure") assertEquals(OPERATIONS[index % 5], "sync");
    if (fault.kind === "error" && fault.code === "FULL") {
      assert(["write", "grow"].includes(OPERATIONS[index % 5]!));
    }
  });
  assert(counts["error"]! > 150 && counts["error"]! < 350, `${counts["error"]} errors of 5000`);
  assert(counts["shortRead"]! > 130 && counts["shortRead"]! < 270, `${counts["shortRead"]} of 1000 reads`);
  assert(counts["syncFailure"]! > 900, `${counts["syncFailure"]} of 1000 syncs`);
});

test("drawnFaults: without rates nothing strikes", () => {
  assertEquals(decide(drawnFaults(9, {}), 100).filter((fault) => fault !== undefined), []);
});
