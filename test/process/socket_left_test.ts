/** A socket file that a killed process left, and what else keeps one from listening. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "#test";
import { CohortError, openNode } from "@cohort/db";
import { listenError } from "../../adapters/common/socket_listen.ts";
import { Child, here, runtimeCommand } from "./play.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/cohort-left-`);
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the join of a node that is to listen at a path of a folder rejects. */
async function refusedAt(folder: string, path: string): Promise<CohortError> {
  await using node = await openNode({ pij: folder, name: "other", address: `unix:${path}` });
  return await assertRejects(() => node.join(), CohortError, `Could not listen at unix:${path}`);
}

test("socket left: of a killed process it is removed, of a living one it is not", () =>
  inFolder(async (folder) => {
    const options = { pij: folder, name: "alpha", address: `unix:${folder}/alpha.sock` };
    const child = new Child(runtimeCommand([], here("member_child.ts"), [JSON.stringify(options)]));
    try {
      assertEquals((await child.hear())["what"], "joined");
      const taken = await refusedAt(folder, `${folder}/alpha.sock`);
      assertEquals([taken.code, taken.facts["errno"]], ["UNREACHABLE", "EADDRINUSE"]);
      assertStringIncludes(taken.message, "another process listens there");
      await child.kill();
      assertEquals(existsSync(`${folder}/alpha.sock`), true);
      for (let life = 2; life < 4; life++) {
        await using node = await openNode(options);
        await node.join();
        assertEquals(node.status.cluster?.members.map((it) => it.address), [options.address]);
      }
    } finally {
      await child.kill();
    }
  }));

test("socket left: a file that is none is left as it is", () =>
  inFolder(async (folder) => {
    writeFileSync(`${folder}/notes`, "mine");
    const error = await refusedAt(folder, `${folder}/notes`);
    assertEquals([error.code, readFileSync(`${folder}/notes`, "utf8")], ["UNREACHABLE", "mine"]);
    assertStringIncludes(error.message, "a file is there that is no socket");
  }));

test("listen error: says what is wrong, and what to do", () =>
  inFolder(async (folder) => {
    const long = await refusedAt(folder, `${folder}/${"x".repeat(120)}`);
    assertEquals([long.code, long.retryable], ["IO", new CohortError("IO", "").retryable]);
    assertStringIncludes(long.message, "at most 107");
    const nowhere = await refusedAt(folder, `${folder}/none/x`);
    assertEquals([nowhere.code, nowhere.facts["errno"]], ["UNREACHABLE", "ENOENT"]);
    const cases: [object, string, string][] = [
      [{ code: "EACCES" }, "PERMISSION", "EACCES"],
      [{ code: "EPERM" }, "PERMISSION", "EPERM"],
      [{ name: "NotCapable" }, "PERMISSION", "run with -A"],
      [{ code: "EADDRNOTAVAIL" }, "UNREACHABLE", "this host has no such address"],
      [{ code: "EADDRINUSE" }, "UNREACHABLE", "another process listens there"],
    ];
    for (const [like, code, said] of cases) {
      const error = listenError({ host: "127.0.0.1", port: 81 }, Object.assign(new Error("no"), like));
      assertEquals([error.code, error.facts["address"]], [code, "tcp://127.0.0.1:81"]);
      assertStringIncludes(error.message, said);
    }
  }));
