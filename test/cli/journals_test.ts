/** `cohort journals`, as a user runs it: what a killed member has left is named file by file. */
import { test } from "#test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openNode } from "@cohort/db";
import { startMember } from "./member_process.ts";
import { cohort, withFolder } from "./run_cohort.ts";

const MOD = fileURLToPath(new URL("../../mod.ts", import.meta.url));
/** Fills some small segments, and goes on. */
const MEMBER = `
import { openNode } from ${JSON.stringify(MOD)};
const sizes = { segmentBytes: 65_536, checkpointBytes: 300_000 };
const node = await openNode({ pij: process.argv[2], name: "alpha", ...sizes });
const database = await node.mount(process.argv[2] + "/shop", { mode: "clustered", create: true });
const orders = database.global("Order");
const text = "x".repeat(1000);
for (let i = 0; ; i++) {
  await orders.set([i % 500], text + i);
  if (i === 1000) console.log("thousand");
}
`;

test("cohort journals: names the files of a killed member, and says when one is missing", () =>
  withFolder(async (folder) => {
    const pij = join(folder, "pij");
    const { child, ended } = await startMember(folder, MEMBER, pij);
    const living = cohort(["journals", pij]);
    assertEquals(living.code, 0, living.out + living.err);
    child.kill("SIGKILL");
    await ended;
    const { code, out, err } = cohort(["journals", "--json", pij]);
    assertEquals([code, err], [0, ""], out);
    const { journals: [alpha], files, unlogged } = JSON.parse(out);
    assertEquals([alpha.name, alpha.joined, unlogged], ["alpha", 1, []]);
    assert(alpha.floor > 1, "nothing was dropped");
    const there = readdirSync(alpha.journal).filter((it) => /^journal\.\d{6}$/.test(it)).sort();
    const named = files.map((it: { number: number }) => `journal.${String(it.number).padStart(6, "0")}`);
    assertEquals(there.filter((it) => !named.includes(it)), []);
    const needed = files.filter((it: { isDropped: boolean }) => !it.isDropped);
    assert(needed.length >= 2);
    assertMatch(
      cohort(["journals", pij]).out,
      /member alpha, incarnation \w{32}: joined in view 1 of session/,
    );
    rmSync(join(alpha.journal, there.at(-2)!));
    const broken = cohort(["journals", pij]);
    assertEquals(broken.code, 1);
    assertMatch(broken.out, /journal\.\d+ is named and is not there/);
  }));

test("cohort journals: the log goes with the journals that it names", () =>
  withFolder(async (folder) => {
    const pij = join(folder, "pij");
    const node = await openNode({ pij });
    await node.mount(join(pij, "shop"), { mode: "clustered", create: true });
    assertMatch(cohort(["journals", pij]).out, /journal\.000001 of member-/);
    await node.close();
    assertEquals(readdirSync(pij).filter((it) => it.startsWith("journal_log")), []);
    assertMatch(cohort(["journals", pij]).out, /no member has a journal/);
  }));

test("cohort journals: a directory that is no cluster is left as it is", () =>
  withFolder((folder) => {
    const { code, err } = cohort(["journals", folder]);
    assertEquals(code, 3);
    assert(err.includes("NOT_FOUND"), err);
    assertEquals(readdirSync(folder), []);
    return Promise.resolve();
  }));
