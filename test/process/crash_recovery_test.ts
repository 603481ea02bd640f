import { assertEquals } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "#test";
import { startWorker } from "./crash/campaign.ts";
import { Ledger } from "./crash/ledger.ts";
import { pause } from "./crash/line_child.ts";
import type { WorkerOptions } from "./crash/worker.ts";

/** Workers over one root: each is killed once it has done `then` for `ms` milliseconds. */
async function lives(then: readonly (readonly [then: WorkerOptions["then"], ms: number])[]): Promise<Ledger> {
  const root = mkdtempSync(`${tmpdir()}/cohort-crash-`);
  const ledger = new Ledger();
  try {
    for (const [what, ms] of then) {
      const child = startWorker({
        root,
        seed: 11,
        acknowledged: ledger.acknowledged,
        durability: "sync",
        poolBlocks: 128,
        cycleBlocks: 8,
        segmentBytes: 1 << 20,
        checkpointBytes: 1 << 20,
        then: what,
        closeAfterMs: 0,
      }, ledger);
      try {
        if (await child.fact("ready") === undefined) ledger.problems.push(child.errors);
        if (what === "close") await child.end();
        else await pause(ms);
      } finally {
        await child.kill();
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return ledger;
}

test("recovery: an owner that recovers and dies before it writes lets no stamp fall back", async () => {
  const ledger = await lives([["work", 80], ["work", 80], ["wait", 0], ["work", 80], ["close", 0]]);
  assertEquals(ledger.problems, []);
});
