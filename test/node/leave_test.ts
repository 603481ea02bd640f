import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { CohortError, type Node, openNode } from "@cohort/db";

async function inPij(body: (pij: string) => Promise<void>): Promise<void> {
  const pij = mkdtempSync(`${tmpdir()}/cohort-leave-`);
  try {
    await body(pij);
  } finally {
    rmSync(pij, { recursive: true, force: true });
  }
}

const open = (pij: string, name: string): Promise<Node> => openNode({ pij, name, poolBytes: 4 << 20 });

test("leave: shared databases are let go, private ones go on, and it may come back", async () => {
  await inPij(async (pij) => {
    await using alpha = await open(pij, "alpha");
    await using beta = await open(pij, "beta");
    const shared = { mode: "clustered", create: true } as const;
    const [here, there] = [await alpha.mount(`${pij}/hr`, shared), await beta.mount(`${pij}/hr`, shared)];
    const own = (await alpha.mount(`${pij}/own`, { create: true })).global<number>("A");
    await here.global<number>("A").set([1], 1);
    const writes = Array.from({ length: 200 }, (_, i) => own.set([i], i));
    await Promise.all([alpha.leave(), ...writes]);
    assertEquals(alpha.status.cluster, undefined);
    assertEquals(alpha.databases().map((it) => it.directory), [`${pij}/own`]);
    assertEquals(await own.get([199]), 199);
    await assertRejects(() => here.global("A").get([1]), CohortError, "not mounted");
    assertEquals(await there.global<number>("A").get([1]), 1);
    assertEquals(beta.status.cluster?.isMaster, true);
    const again = await alpha.mount(`${pij}/hr`, shared);
    await again.global<number>("A").set([1], 2);
    assertEquals(await there.global<number>("A").get([1]), 2);
    assertEquals(alpha.status.cluster?.members.map((it) => it.name), ["beta", "alpha"]);
  });
});

test("leave: mounts that come meanwhile are let go, or make it a member again", async () => {
  await inPij(async (pij) => {
    await using alpha = await open(pij, "alpha");
    await using beta = await open(pij, "beta");
    await beta.join();
    const shared = { mode: "clustered", create: true } as const;
    const delays = [0, 1, 3, 6, 10, 20, 40];
    for (const delay of delays) {
      await alpha.join();
      const mounting = [1, 2, 3].map((n) => alpha.mount(`${pij}/${n}`, shared));
      await new Promise((go) => setTimeout(go, delay));
      const leaving = [alpha.leave(), alpha.leave()];
      const late = alpha.mount(`${pij}/late`, shared);
      await Promise.all([...mounting, ...leaving]);
      await (await late).global<number>("A").increment([1], 1);
      await alpha.leave();
      assertEquals([alpha.databases(), alpha.status.cluster], [[], undefined]);
    }
    const late = await beta.mount(`${pij}/late`, shared);
    assertEquals(await late.global<number>("A").get([1]), delays.length);
  });
});

test("leave: who is no member has nothing to leave; a closed node is refused", async () => {
  await inPij(async (pij) => {
    const alpha = await open(pij, "alpha");
    await alpha.leave();
    assertEquals(alpha.daemons(), []);
    await alpha.close();
    await assertRejects(() => alpha.leave(), CohortError, "closed");
  });
});

test("dismount: by what names a database", async () => {
  await using node = await openNode({ dir: "/node", devices: { "TEST$DKA1": "/disk" } });
  await node.mount("/disk/HR", { create: true });
  await node.dismount("DKA1:[HR]");
  const error = await assertRejects(() => node.dismount("/disk/HR"), CohortError);
  assertEquals(error.code, "NOT_MOUNTED");
  await assertRejects(() => node.dismount(""), TypeError);
});
