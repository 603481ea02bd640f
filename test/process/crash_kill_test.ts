import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { runCampaign } from "./crash/campaign.ts";

for (const durability of ["sync", "relaxed"] as const) {
  test(
    `kill -9 (${durability}): nothing acknowledged is lost, nothing is broken`,
    { timeoutMs: 180_000 },
    async () => {
      const report = await runCampaign({ seed: 5, kills: 5, durability });
      assertEquals(report.problems, []);
      assert(
        report.killsUnderLoad === 5 && report.operations > 0 && report.compared > 5,
        JSON.stringify(report),
      );
    },
  );
}
