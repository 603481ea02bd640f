import { test } from "#test";
import { assertEquals } from "@std/assert";
import { openClusterEngine } from "../../src/testing/sim/bind_cluster.ts";
import { runCluster } from "../../src/testing/sim/cluster/run_cluster.ts";
import { nativeDrain } from "./drain.ts";

test("cluster: reads that stop short set no volume aside", { timeoutMs: 300_000 }, async () => {
  const drain = await nativeDrain();
  const rules = [{ kind: "short_read", use: "volume", per10000: 300, most: 12 }] as const;
  const { problems } = await runCluster(4, {
    open: openClusterEngine,
    drain,
    change: (drawn) => ({ ...drawn, rules, manner: { ...drawn.manner, delayUs: 50 } }),
  });
  assertEquals(problems, []);
});
