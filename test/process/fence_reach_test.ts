/** Owners that cannot be stopped from here, and what is said then. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import process from "node:process";
import { test } from "#test";
import type { OwnerIdentity, SharingReport } from "../../src/ports/mod.ts";
import { scriptCommand } from "../support/runtimes.mjs";
import { findService } from "../support/services.ts";
import { assertWrites, isSuperuser, OWN_RUNTIME, startWriter } from "./fence_play.ts";
import { Child, type Fact, here, inScene } from "./play.ts";

/** Has a process of its own try to stop an owner. */
async function ask(
  command: (script: string, options: string) => string[],
  owner: OwnerIdentity,
): Promise<Fact> {
  const child = new Child(command(here("fence_ask.ts"), JSON.stringify({ owner, directory: tmpdir() })));
  try {
    return await child.hear();
  } finally {
    await child.kill();
  }
}

test("fence: another user's process is not killed, and the answer says so", () =>
  inScene(async (scene) => {
    const setpriv = findService("setpriv");
    if (setpriv === undefined || !isSuperuser()) return; // nobody here can become somebody else
    const lead = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "env", `HOME=${scene.root}`];
    const { child, owner } = await startWriter(scene);
    try {
      const told = await ask(
        (script, options) => [...lead, ...scriptCommand(OWN_RUNTIME, script, [options])],
        owner,
      );
      assertEquals([told["over"], told["why"]], [false, "denied"], JSON.stringify(told));
      await assertWrites(scene);
    } finally {
      await child.kill();
    }
  }));

test("fence: under few permissions of Deno nobody is judged or killed, and nothing is shared", () =>
  inScene(async (scene) => {
    if (OWN_RUNTIME !== "deno") return; // only Deno has permissions to lack
    const { child, owner } = await startWriter(scene);
    try {
      const flags = ["--no-prompt", `--allow-read=${tmpdir()}`, `--allow-write=${tmpdir()}`, "--allow-run"];
      const told = await ask(
        (script, options) => [process.execPath, "run", "--no-check", ...flags, script, options],
        owner,
      );
      assertEquals([told["over"], told["why"]], [false, "unproven"], JSON.stringify(told));
      assertStringIncludes(String(told["reason"]), "run with -A");
      const { allowed, reason } = told["sharing"] as SharingReport;
      assertEquals(allowed, false);
      assertStringIncludes(reason, "run with -A");
      await assertWrites(scene);
    } finally {
      await child.kill();
    }
  }));

test("fence: a process in another pid namespace is out of reach, from either side", () =>
  inScene(async (scene) => {
    const unshare = findService("unshare");
    const lead = [unshare ?? "", "-p", "--fork", "--mount-proc", "--kill-child"];
    if (unshare === undefined || spawnSync(unshare, [...lead.slice(1), "true"]).status !== 0) return;
    for (const [writer, asker] of [[lead, []], [[], lead]] as const) {
      const { child, owner } = await startWriter(scene, "bun", writer);
      try {
        const told = await ask(
          (script, options) => [...asker, ...scriptCommand(OWN_RUNTIME, script, [options])],
          owner,
        );
        assertEquals([told["over"], told["why"]], [false, "unreachable"], JSON.stringify(told));
        assertStringIncludes(String(told["reason"]), "another pid namespace");
        await assertWrites(scene);
      } finally {
        await child.kill();
      }
    }
  }));
