/** `cohort recover`, as a user runs it: a member is killed, and what it has left is told and recovered. */
import { test } from "#test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openNode } from "@cohort/db";
import { cohort, withFolder } from "./run_cohort.ts";

const MOD = fileURLToPath(new URL("../../mod.ts", import.meta.url));
/** Sets as fast as it can, and says so after the hundredth. */
const MEMBER = `
import { openNode } from ${JSON.stringify(MOD)};
const node = await openNode({ pij: process.argv[2], name: "alpha", idleMs: 3_600_000 });
const database = await node.mount(process.argv[2] + "/shop", { mode: "clustered", create: true });
const orders = database.global("Order");
for (let i = 0; i < 100; i++) await orders.set([i], i);
console.log("hundred");
setInterval(() => {}, 1000);
`;

test("cohort recover: what a killed member has left is told, recovered and gone", () =>
  withFolder(async (folder) => {
    const pij = join(folder, "pij"), script = join(folder, "member.ts");
    writeFileSync(script, MEMBER);
    const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : ["run"];
    const child = spawn(process.execPath, [...flags, script, pij], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((done) => child.stdout!.once("data", () => done()));
    const ended = new Promise<void>((done) => child.once("close", () => done()));
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

test("cohort recover: a directory that is no cluster is left as it is", () =>
  withFolder((folder) => {
    const { code, err } = cohort(["recover", folder]);
    assertEquals(code, 3);
    assert(err.includes("NOT_FOUND"), err);
    return Promise.resolve();
  }));
