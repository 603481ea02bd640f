import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { openClusterEngine } from "../../src/testing/sim/bind_cluster.ts";
import type { ClusterOptions } from "../../src/testing/sim/cluster/cluster_options.ts";
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

test(
  "cluster: the master leads rounds of checkpoints, whoever dies in one",
  { timeoutMs: 300_000 },
  async () => {
    const drain = await nativeDrain();
    const change = (drawn: ClusterOptions): ClusterOptions => ({ ...drawn, checkpointMs: 100 });
    const { problems, rounds, losses } = await runCluster(5, { open: openClusterEngine, drain, change });
    assertEquals(problems, []);
    assert(losses > 2 && rounds > 20, `${rounds} rounds, ${losses} losses`);
  },
);

test("cluster: who alone uses a database has it as a whole", { timeoutMs: 300_000 }, async () => {
  const drain = await nativeDrain();
  const alone = { kind: "alone", window: 1, atUs: 1_000, pick: 6, forMs: 5_000, calls: 0 } as const;
  const { problems, wides } = await runCluster(6, {
    open: openClusterEngine,
    drain,
    change: (drawn) => ({
      ...drawn,
      rules: [],
      phases: drawn.phases.map(({ windows }) => ({ windows, troubles: [alone] })),
    }),
  });
  assertEquals(problems, []);
  assert(wides > 3, `${wides} looks found a database that one member had`);
});

test(
  "cluster: nobody dies in a healed world, who was to be next included",
  { timeoutMs: 300_000 },
  async () => {
    const drain = await nativeDrain();
    let phases = 0;
    const change = (drawn: ClusterOptions): ClusterOptions => {
      phases = drawn.phases.length;
      // The second death falls due a second after the last window's end.
      const twice = { kind: "kill twice", atUs: 1_000, pick: 0, forMs: 5_000, calls: 0 } as const;
      return {
        ...drawn,
        windowMs: 250,
        rules: [],
        phases: drawn.phases.map(({ windows }) => ({
          windows,
          troubles: [{ ...twice, window: windows.length - 1 }],
        })),
      };
    };
    const { problems, losses } = await runCluster(7, { open: openClusterEngine, drain, change });
    assertEquals(problems, []);
    assertEquals(losses, phases);
  },
);
