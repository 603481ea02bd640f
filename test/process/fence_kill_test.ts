/** An evicted owner in another process of this host, stopped from here: real processes, real signals. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createProcessFence } from "../../adapters/fence_process.ts";
import type { OwnerIdentity, StopReport } from "../../src/ports/mod.ts";
import { assertQuiet, assertWrites, outcome, startWriter, stateOf, threadsOf } from "./fence_play.ts";
import { inScene, killIfThere, type Scene, until } from "./play.ts";

const fence = createProcessFence();

function stop(scene: Scene, owner: OwnerIdentity): Promise<StopReport> {
  const clock = createSystemClock();
  return fence.stop(owner, { directories: [scene.directory], clock, patienceMs: 10_000 });
}

test("fence: a process that writes in a loop is killed, and nothing of it reaches the disk any more", () =>
  inScene(async (scene) => {
    const times: number[] = [];
    for (const runtime of ["deno", "bun", "deno", "bun", "deno", "bun"] as const) {
      const { child, owner } = await startWriter(scene, runtime);
      try {
        await assertWrites(scene);
        const begun = performance.now();
        const report = await stop(scene, owner);
        times.push(performance.now() - begun);
        assert(["Z", undefined].includes(stateOf(owner.pid)), "it is gone when the answer comes");
        await assertQuiet(scene);
        assertEquals(outcome(report), "kill", report.reason);
        assertEquals(outcome(await stop(scene, owner)), "gone", "and gone when asked again");
      } finally {
        await child.kill();
      }
    }
    times.sort((a, b) => a - b);
    assert(times[2]! < 1000, `stopped in ${times.map((ms) => ms.toFixed(1)).join(", ")} ms`);
  }));

test("fence: a stopped process is killed, and what it held back never comes", () =>
  inScene(async (scene) => {
    const { child, owner } = await startWriter(scene, "bun");
    try {
      process.kill(owner.pid, "SIGSTOP");
      await until("the stop", () => stateOf(owner.pid) === "T");
      assertEquals(outcome(await stop(scene, owner)), "kill");
      await assertQuiet(scene);
      let isThere = true;
      try {
        process.kill(owner.pid, "SIGCONT");
      } catch {
        isThere = false;
      }
      assert(!isThere || stateOf(owner.pid) === "Z", "nothing is left to go on");
      await assertQuiet(scene);
    } finally {
      await child.kill();
    }
  }));

test("fence: a zombie is gone, and so is one that becomes it by the kill", () =>
  inScene(async (scene) => {
    for (const isDeadBefore of [true, false]) {
      // The shell becomes `sleep`, which never waits for the child it has got.
      const lead = ["sh", "-c", '"$@" & exec sleep 60', "sh"];
      const { child, owner } = await startWriter(scene, "bun", lead);
      try {
        if (isDeadBefore) {
          process.kill(owner.pid, "SIGKILL");
          // Its leader may be one before the last of its threads has ended, and then it is not gone.
          await until("the zombie", () => stateOf(owner.pid) === "Z" && threadsOf(owner.pid) === 1);
        }
        const report = await stop(scene, owner);
        assertEquals(outcome(report), isDeadBefore ? "gone" : "kill", report.reason);
        assertEquals(stateOf(owner.pid), "Z", "nobody has reaped it");
        await assertQuiet(scene);
      } finally {
        killIfThere(owner.pid);
        await child.kill();
      }
    }
  }));

test("fence: a process is killed for nobody else's identity", () =>
  inScene(async (scene) => {
    const { child, owner } = await startWriter(scene, "deno");
    try {
      const rows: [string, Partial<OwnerIdentity>, string][] = [
        ["another start", { startTime: String(Number(owner.startTime) + 1) }, "gone"],
        ["another boot", { boot: "another" }, "gone"],
        ["another host", { boot: "another", host: "machine:another" }, "unproven"],
        ["another pid namespace", { pidNamespace: owner.pidNamespace + 1 }, "unreachable"],
        ["no start time", { startTime: "" }, "unproven"],
      ];
      // Only where the kernel shows the program of a process can it be told that it was replaced.
      if (isProgramShown(owner)) rows.push(["another program", { exec: "0123456789abcdef" }, "gone"]);
      for (const [what, change, expected] of rows) {
        assertEquals(outcome(await stop(scene, { ...owner, ...change })), expected, what);
        await assertWrites(scene);
      }
      assertEquals(outcome(await stop(scene, { ...owner, exec: "" })), "kill", "no program known");
      await assertQuiet(scene);
    } finally {
      await child.kill();
    }
  }));

function isProgramShown({ pid }: OwnerIdentity): boolean {
  try {
    return readFileSync(`/proc/${pid}/auxv`).length > 0;
  } catch {
    return false;
  }
}

test("fence: a node of this process is never killed, whatever is known of it", () =>
  inScene(async (scene) => {
    const own = await fence.identify("a".repeat(32));
    // Nobody has a gate of that nonce, nor any file of the directory open for writing.
    assertEquals(outcome(await stop(scene, own)), "gate");
    const first = await stop(scene, { ...own, pid: 1, startTime: startOf(1) });
    assertEquals(outcome(first), "spared");
    assertStringIncludes(first.reason, "first of its pid namespace");
  }));

function startOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19]!;
}
