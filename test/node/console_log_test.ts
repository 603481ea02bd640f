import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CohortError, openNode } from "@cohort/db";

async function inHome(run: (home: string) => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "cohort-console-"));
  try {
    await run(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Lines of the console log below a directory, without time and process. */
function consoleOf(home: string): string[] {
  const text = readFileSync(join(home, "node/cconsole.log"), "utf8");
  return text.trimEnd().split("\n").map((line) => line.replace(/^\S+Z \(\d+\) /, ""));
}

test("console log of a node: its start-ups, told as to its observer", () =>
  inHome(async (home) => {
    const dir = join(home, "node");
    const told: string[] = [];
    const observer = {
      traits: { version: 1 } as const,
      event: (name: string) => void told.push(name),
      measure: () => {},
    };
    const hr = join(home, "hr");
    const databases = [{ directory: hr, create: true, mustMount: true }, { directory: join(home, "none") }];
    await (await openNode({ dir, databases }, { observer })).close();
    assertEquals(told, ["startup.mount", "startup.mount", "startup.failed"]);
    const lines = consoleOf(home);
    assertEquals(lines.length, 3);
    assertEquals(lines.slice(0, 2), [
      `info ${"Directory".padEnd(home.length + 5)}  Mode`,
      `info ${hr}    Pvt`,
    ]);
    assert(lines[2]!.startsWith(`warn startup.failed directory=${home}/none mode=private code=NOT_FOUND`));

    // The next start adds to it, and says why it stopped before openNode has rejected.
    const must = [{ directory: hr, mustMount: true }, { directory: join(home, "none"), mustMount: true }];
    const error = await assertRejects(() => openNode({ dir, databases: must }), CohortError);
    assertEquals(error.code, "NOT_FOUND");
    assertEquals(consoleOf(home).length, 6);
    assert(consoleOf(home)[5]!.startsWith(`error startup.stopped directory=${home}/none`));
    assertEquals(readdirSync(dir), ["cconsole.log"]);
    await (await openNode({ dir, databases: [must[0]!] })).close();
  }));

test("console log of a node: quiet nodes, nodes in memory and those that say so keep none", () =>
  inHome(async (home) => {
    const dir = join(home, "node");
    const directory = join(home, "hr");
    await (await openNode({ dir })).close();
    const node = await openNode({ dir });
    await node.createDatabase(directory);
    await node.close();
    await (await openNode({ dir, consoleLog: false, databases: [{ directory }] })).close();
    assertEquals(readdirSync(dir), []);
    await (await openNode({ databases: [{ directory: "/hr", create: true }] })).close();
    assertEquals([readdirSync(home).sort(), existsSync("/hr")], [["hr", "node"], false]);
  }));

test("console log of a node: one that cannot be written stops nothing", () =>
  inHome(async (home) => {
    const dir = join(home, "node");
    mkdirSync(join(dir, "cconsole.log/full"), { recursive: true });
    const directory = join(home, "hr");
    const node = await openNode({ dir, databases: [{ directory, create: true, mustMount: true }] });
    const database = await node.mount(directory);
    await database.global<number>("A").set([1], 1);
    assertEquals(await database.global<number>("A").get([1]), 1);
    await node.close();
    assertEquals(readdirSync(dir), ["cconsole.log"]);
  }));
