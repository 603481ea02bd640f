import { test } from "#test";
import { assertEquals } from "@std/assert";
import { Pace } from "../../../adapters/file/pace.ts";

/** Makes `calls` calls; one on the loop takes `ms`. Answers how many were on it. */
function drive(pace: Pace, calls: number, ms: number): number {
  let onLoop = 0;
  for (let call = 0; call < calls; call++) {
    if (!pace.onLoop()) continue;
    onLoop++;
    pace.took(ms);
  }
  return onLoop;
}

test("Pace: quick calls stay on the loop", () => {
  assertEquals(drive(new Pace(0.2), 1000, 0.19), 1000);
});

test("Pace: with a limit of 0 no call is on the loop", () => {
  assertEquals(drive(new Pace(0), 1000, 0), 0);
});

test("Pace: slow calls leave the loop after a few, and trials get rarer", () => {
  const pace = new Pace(0.2);
  assertEquals(drive(pace, 8, 0.4), 6, "a mean of 0.2 is reached by the sixth call of 0.4");
  assertEquals(drive(pace, 14 + 32 + 64 + 128, 0.4), 4);
  assertEquals(drive(pace, 256 + 512 + 1024, 0.4), 3);
  assertEquals(drive(pace, 10_240, 0.4), 10, "then one in 1024");
});

test("Pace: one long stall among quick calls leaves nothing off the loop", () => {
  const pace = new Pace(0.2);
  for (let round = 0; round < 10; round++) {
    assertEquals(drive(pace, 100, 0.002), 100);
    assertEquals(drive(pace, 1, 5000), 1);
  }
});

test("Pace: a second stall soon after leaves the loop, and a quick trial brings it back", () => {
  const pace = new Pace(0.2);
  drive(pace, 100, 0.002);
  assertEquals([drive(pace, 1, 5000), drive(pace, 5, 0.002), drive(pace, 1, 5000)], [1, 5, 1]);
  assertEquals(drive(pace, 15, 0.002), 0);
  assertEquals(drive(pace, 100, 0.002), 100);
});

test("Pace: after a quick trial a single slow call does not leave the loop again", () => {
  const pace = new Pace(1);
  drive(pace, 8, 3);
  drive(pace, 40, 0.1);
  assertEquals(drive(pace, 1, 3), 1);
  assertEquals(drive(pace, 1, 0.1), 1);
});
