/** Rounds of checkpoints: the master leads, all answer, and the cluster journal log says what came of it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Node, openNode } from "@cohort/db";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { readJournalLogs } from "../../src/cluster/journal_log_read.ts";
import { settingsOf } from "../../src/node/options.ts";

const open = (pij: string, name: string): Promise<Node> =>
  openNode({ pij, name, poolBytes: 4 << 20, checkpointMs: 100, idleMs: 3_600_000 });

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isSo()) await new Promise((go) => setTimeout(go, 20));
}

const masterWrite = (node: Node): string | undefined =>
  node.daemons().find((it) => it.name === "master_write")?.detail;

test("rounds: what one changed and others have by now is home, and no journal is needed for it", async () => {
  const pij = mkdtempSync(`${tmpdir()}/cohort-rounds-`);
  const storage = createFileStorage();
  try {
    const alpha = await open(pij, "alpha");
    await using beta = await open(pij, "beta");
    await using gamma = await open(pij, "gamma");
    const how = { mode: "clustered", create: true } as const;
    const nodes = [alpha, beta, gamma];
    const globals = [];
    for (const node of nodes) globals.push((await node.mount(`${pij}/hr`, how)).global<number>("A"));
    for (let i = 0; i < 60; i++) await globals[i % 3]!.set([i % 7], i);
    await until(() => (alpha.status.cluster?.round?.neededBytes ?? 1) === 0);
    assertEquals([masterWrite(beta), beta.status.cluster?.round], [undefined, undefined]);
    const { round, view } = alpha.status.cluster!.round!;
    assert(masterWrite(alpha)!.startsWith(`round ${round} of view ${view} left 0 bytes`));
    const { journals, round: logged } = await readJournalLogs(storage, pij);
    assertEquals(journals.map((it) => it.name), ["alpha", "beta", "gamma"]);
    assert(journals.every((it) => (it.neededFrom ?? 0) > 0));
    assertEquals(logged?.view, view);
    for (const [i, node] of nodes.entries()) {
      const needed = journals.find((it) => it.name === ["alpha", "beta", "gamma"][i])!.neededFrom!;
      assert(needed <= node.status.journalSafe);
    }
    // Nothing is changed any more: no further round is written.
    const { endedMs } = alpha.status.cluster!.round!;
    await until(() => Date.now() > endedMs + 400);
    assert(alpha.status.cluster!.round!.round <= round + 2);
    await alpha.close();
    await globals[1]!.set([1], 61);
    await until(() => (beta.status.cluster?.round?.neededBytes ?? 1) === 0);
    assertEquals(masterWrite(gamma), undefined);
    assertEquals(await globals[2]!.get([1]), 61);
  } finally {
    await storage.close();
    rmSync(pij, { recursive: true, force: true });
  }
});

test("rounds: how often they come is an option of a node of a cluster", () => {
  assertEquals(settingsOf({ pij: "/pij" }).cluster?.checkpointMs, 30_000);
  for (const checkpointMs of [0, 99, 1.5, 3_600_001, NaN]) {
    assertThrows(
      () => settingsOf({ pij: "/pij", checkpointMs }),
      RangeError,
      "checkpointMs is a whole number",
    );
  }
  assertThrows(() => settingsOf({ checkpointMs: 1_000 }), TypeError, "give pij too");
});
