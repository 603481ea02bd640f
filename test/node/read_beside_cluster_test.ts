/** Who would read privately what its neighbour in the same process has mounted for the cluster. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, openNode } from "@cohort/db";

test("mount: to read, what a neighbour shares is refused, and the neighbour goes on", async () => {
  const root = mkdtempSync(`${tmpdir()}/cohort-beside-`);
  try {
    await using alpha = await openNode({ pij: `${root}/pij`, name: "alpha", poolBytes: 4 << 20 });
    await using beta = await openNode({ pij: `${root}/pij`, name: "beta", poolBytes: 4 << 20, leaseMs: 100 });
    await using other = await openNode({ dir: `${root}/other`, poolBytes: 4 << 20, leaseMs: 100 });
    const database = await alpha.mount(`${root}/db`, { mode: "clustered", create: true });
    await beta.join();
    for (const node of [beta, other]) {
      for (const readOnly of [true, false]) {
        const mounted = node.mount(`${root}/db`, { mode: "private", readOnly });
        assertEquals((await assertRejects(() => mounted, CohortError)).code, "FOREIGN_OWNER");
      }
    }
    await database.global("X").set([1], "after");
    assertEquals([await database.global("X").get([1]), alpha.status.state], ["after", "active"]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
