/** A share of the differential run against GT.M in every test run; proof that it notices wrong answers. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { LIES } from "./differential/lies.ts";
import { describeDifferential, runDifferential } from "./differential/run.ts";

const OPERATIONS = 2_500;

for (const mode of ["M", "UTF-8"] as const) {
  test(
    `globals: ${OPERATIONS} drawn operations give GT.M's answers in ${mode} mode`,
    { timeoutMs: 120_000 },
    async () => {
      const report = await runDifferential({ mode, seed: 81, operations: OPERATIONS });
      if (report === undefined) return;
      assert(report.differences.length === 0, describeDifferential(report).join("\n"));
      assert(report.operations >= OPERATIONS && report.nodes > 100, describeDifferential(report).join("\n"));
      assertEquals(Object.keys(report.byKind).length, 13);
    },
  );
}

test(
  "globals: the comparison with GT.M notices every kind of wrong answer",
  { timeoutMs: 240_000 },
  async () => {
    for (const lie of LIES) {
      const report = await runDifferential({ mode: "M", seed: 82, operations: 1_200, lie });
      if (report === undefined) return;
      assert(report.differences.length > 0, `${lie.what} was not noticed`);
    }
  },
);
