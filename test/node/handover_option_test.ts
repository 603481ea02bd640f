import { assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { type NodeOptions, settingsOf } from "../../src/node/options.ts";

test("handover: direct unless asked otherwise, of a cluster only, and one of two", () => {
  assertEquals(settingsOf({ pij: "/pij" }).cluster!.handover, "direct");
  assertEquals(settingsOf({ pij: "/pij", handover: "disk" }).cluster!.handover, "disk");
  assertThrows(() => settingsOf({ dir: "/nodes", handover: "disk" }), TypeError, "handover");
  const wrong = { pij: "/pij", handover: "tape" } as unknown as NodeOptions;
  assertThrows(() => settingsOf(wrong), RangeError, '"direct" or "disk", got "tape"');
});
