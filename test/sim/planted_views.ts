/** Bugs planted in what waits, after a loss, until the lost are fenced and recovered. */
import type { Plant } from "./plant.ts";
import { WRONG } from "./planted_cluster.ts";

/** The table's part. */
export const VIEW_PLANTS: readonly Plant[] = [
  {
    id: "recovery-without-fence",
    mistake: "the lost are recovered without being fenced",
    edits: [{
      file: "src/node/cluster_recovery.ts",
      find: "  for (const lost of view.pending) await fence(world, view, lost);",
      replace: '  for (const lost of view.pending) if (lost.name === "") await fence(world, view, lost);',
    }],
    tier: "cluster",
    seed: 1,
    seedsMax: 20,
    checkers: ["fence", ...WRONG],
  },
  {
    id: "grants-before-recovery",
    mistake: "after a loss a keeper grants what the lost held before that is recovered",
    edits: [{
      file: "src/buffer/block_keeping.ts",
      find: "    this.#isBarred = isAfterLoss;",
      replace: "    this.#isBarred = isAfterLoss && members.length === 0;",
    }],
    tier: "cluster",
    seed: 1,
    seedsMax: 20,
    checkers: WRONG,
  },
  {
    id: "resume-before-recovery",
    mistake: "the master lets all go on before it has recovered what the lost held",
    edits: [{
      file: "src/cluster/aftermath.ts",
      find: "      await recover(view, isCurrent);",
      replace: "      this.#world.resume();\n      await recover(view, isCurrent);",
    }],
    tier: "cluster",
    seed: 1,
    seedsMax: 20,
    checkers: WRONG,
  },
];
