/** `cohort recover`, as a user runs it: a member is killed, and what it has left is told and recovered. */
import { test } from "#test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openNode } from "@cohort/db";
import { decodeView, encodeView, viewName, viewNumber } from "../../src/cluster/view_record.ts";
import { startMember } from "./member_process.ts";
import { cohort, withFolder } from "./run_cohort.ts";

const MOD = fileURLToPath(new URL("../../mod.ts", import.meta.url));
/** Sets as fast as it can, and says so after the hundredth. */
const MEMBER = `
import { openNode } from ${JSON.stringify(MOD)};
const node = await openNode({ pij: process.argv[2], name: "alpha", idleMs: 3_600_000, ...OPTIONS });
const database = await node.mount(process.argv[2] + "/shop", { mode: "clustered", create: true });
const orders = database.global("Order");
for (let i = 0; i < 100; i++) await orders.set([i], i);
console.log("hundred");
setInterval(() => {}, 1000);
`;

/** Joins, and has nothing mounted. */
const ALONE = `
import { openNode } from ${JSON.stringify(MOD)};
const node = await openNode({ pij: process.argv[2], name: "alpha", consoleLog: false });
await node.join();
console.log("joined");
setInterval(() => {}, 1000);
`;

/** Has the newest view name its member as one of another pid namespace; resolves to its incarnation. */
function moveElsewhere(pij: string): string {
  const numbers = readdirSync(pij).map(viewNumber).filter((it) => it !== undefined);
  const number = Math.max(...numbers);
  const path = join(pij, viewName(number));
  const view = decodeView(readFileSync(path), path, number);
  const members = view.members.map((it) => ({ ...it, owner: { ...it.owner, pidNamespace: 1 } }));
  writeFileSync(path, encodeView({ ...view, members }));
  return members[0]!.incarnation;
}

test("cohort recover: what a killed member has left is told, recovered and gone", () =>
  withFolder(async (folder) => {
    const pij = join(folder, "pij");
    const { child, ended } = await startMember(folder, MEMBER.replace("...OPTIONS", ""), pij);
    child.kill("SIGKILL");
    await ended;
    const plan = cohort(["recover", "--dry-run", pij]);
    assertEquals(plan.code, 1);
    assertMatch(plan.out, /member alpha: gone/);
    assertMatch(plan.out, /groups name \d+ blocks, [1-9]\d* of them not home/);
    assertEquals(cohort(["recover", "--dry-run", pij]).out, plan.out);
    const done = cohort(["recover", pij]);
    assertEquals([done.code, done.err], [0, ""]);
    const after = JSON.parse(cohort(["recover", "--dry-run", "--json", pij]).out);
    assertEquals([after.members, after.volumes], [[], []]);
    await using node = await openNode({ pij });
    const orders = (await node.mount(join(pij, "shop"), { mode: "clustered" })).global<number>("Order");
    assertEquals(await orders.get([99]), 99);
  }));

test("cohort recover: a cluster of larger blocks is recovered with blocks of that size", () =>
  withFolder(async (folder) => {
    const pij = join(folder, "pij");
    const larger = MEMBER.replace("...OPTIONS", "blockSize: 16_384");
    const { child, ended } = await startMember(folder, larger, pij);
    child.kill("SIGKILL");
    await ended;
    // Another size is no reason to set a database aside: whoever has it in mind is told, and nothing is lost.
    {
      await using node = await openNode({ pij });
      await node.join();
      while (node.status.cluster?.trouble === undefined) await new Promise((go) => setTimeout(go, 20));
      assertEquals(node.status.cluster.trouble.code, "BLOCK_SIZE");
      assertMatch(node.daemons().find((it) => it.name === "recovery")!.detail, /alpha: BLOCK_SIZE: .*16384/);
    }
    const done = cohort(["recover", pij]);
    assertEquals([done.code, done.err], [0, ""]);
    await using node = await openNode({ pij, blockSize: 16_384 });
    const orders = (await node.mount(join(pij, "shop"), { mode: "clustered" })).global<number>("Order");
    assertEquals(await orders.get([99]), 99);
  }));

test("cohort recover: a person's word that a member is gone is in the console log", () =>
  withFolder(async (folder) => {
    const pij = join(folder, "pij");
    const { child, ended } = await startMember(folder, ALONE, pij);
    child.kill("SIGKILL");
    await ended;
    const incarnation = moveElsewhere(pij);
    const refused = cohort(["recover", pij]);
    assertEquals(
      [refused.code, refused.err.includes(`confirmGone: "${incarnation}"`)],
      [3, true],
      refused.err,
    );
    const done = cohort(["recover", pij, "--confirm-gone", incarnation]);
    assertEquals([done.code, done.err], [0, ""]);
    const log = readFileSync(join(pij, "cconsole.log"), "utf8");
    for (const event of ["cluster.confirmed_gone", "cluster.fence_confirmed"]) {
      assertMatch(log, new RegExp(`warn ${event} .*${incarnation}`));
    }
  }));

test("cohort recover: a directory that is no cluster is left as it is", () =>
  withFolder((folder) => {
    const { code, err } = cohort(["recover", folder]);
    assertEquals(code, 3);
    assert(err.includes("NOT_FOUND"), err);
    return Promise.resolve();
  }));
