import { assert, assertEquals } from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { test } from "#test";
import { createProcessFence, judgeOwner } from "../../adapters/fence_process.ts";
import {
  lookByProc,
  lookByPs,
  parseStat,
  proveByProc,
  type SelfView,
} from "../../adapters/common/process_look.ts";
import type { OwnerIdentity } from "../../src/ports/mod.ts";

const NONCE = "0123456789abcdef0123456789abcdef";
const SELF: SelfView = {
  sight: "proc",
  blindness: "",
  host: "machine:a",
  hostName: "alpha",
  boot: "b1",
  pidNamespace: 7,
  pid: 100,
  startTime: "5000",
  exec: "e1",
};
const OWNER: OwnerIdentity = {
  host: "machine:a",
  hostName: "alpha",
  boot: "b1",
  pidNamespace: 7,
  pid: 100,
  startTime: "5000",
  exec: "e1",
  nonce: NONCE,
};

test("judgeOwner tells every owner by its identity alone, or asks for a look", () => {
  const rows: [string, Partial<SelfView>, Partial<OwnerIdentity>, string][] = [
    ["same process", {}, {}, "self"],
    ["same process, its program replaced", {}, { exec: "e0" }, "gone"],
    ["same process, program not known then", {}, { exec: "" }, "self"],
    ["same process, program not known now", { exec: "" }, {}, "self"],
    ["another pid", {}, { pid: 101 }, "look"],
    ["same pid, another start", {}, { startTime: "4000" }, "look"],
    ["another pid namespace of this boot", {}, { pidNamespace: 8 }, "unreachable"],
    ["another pid namespace, host renamed", {}, { pidNamespace: 8, host: "name:box" }, "unreachable"],
    ["another boot of this host", {}, { boot: "b0" }, "gone"],
    ["another boot, another namespace", {}, { boot: "b0", pidNamespace: 8 }, "gone"],
    ["another host", {}, { host: "machine:b", boot: "b9" }, "unproven"],
    ["this kernel under another host id", {}, { host: "name:box", pid: 101 }, "look"],
    ["owner that saw nothing", {}, { boot: "", startTime: "", pidNamespace: 0 }, "unproven"],
    ["owner without a host", {}, { host: "" }, "unproven"],
    ["we see nothing", { sight: "none", blindness: "run with -A" }, {}, "unproven"],
    ["no boot ids, same host", { sight: "ps", boot: "" }, { boot: "", pid: 101 }, "look"],
    ["no boot ids, another host", { sight: "ps", boot: "" }, { boot: "", host: "name:b" }, "unproven"],
  ];
  for (const [what, self, owner, expected] of rows) {
    const judged = judgeOwner({ ...SELF, ...self }, { ...OWNER, ...owner });
    assertEquals(judged === "look" ? judged : judged.state, expected, what);
    if (judged !== "look") assert(judged.reason.length > 10, what);
  }
});

test("lookByProc tells the dead, the renamed, the zombie and the zombie with a living thread", () => {
  const proc = mkdtempSync(`${tmpdir()}/cohort-proc-`);
  const absent = 2 ** 30; // above every pid that a kernel gives
  try {
    const make = (pid: number, state: string, threads: number[]) => {
      for (const thread of threads) mkdirSync(`${proc}/${pid}/task/${thread}`, { recursive: true });
      const fields = Array.from({ length: 50 }, (_, at) => at === 18 ? "5000" : String(at));
      writeFileSync(`${proc}/${pid}/stat`, `${pid} (a) R (b)) ${state} ${fields.join(" ")}\n`);
    };
    make(11, "S", [11]);
    make(12, "Z", [12]);
    make(13, "Z", [13, 14]);
    make(15, "D", [15]);
    mkdirSync(`${proc}/16`);
    writeFileSync(`${proc}/16/stat`, "no such form");
    assertEquals(lookByProc(11, "5000", proc).state, "alive");
    assertEquals(lookByProc(11, "4999", proc).state, "gone");
    assertEquals(lookByProc(12, "5000", proc).state, "gone");
    assertEquals(lookByProc(13, "5000", proc).state, "alive");
    assertEquals(lookByProc(15, "5000", proc).state, "alive");
    assertEquals(lookByProc(16, "5000", proc).state, "unproven");
    assertEquals(lookByProc(absent, "5000", proc).state, "gone");
    // Hidden from this /proc, yet a signal finds it.
    assertEquals(lookByProc(process.pid, "5000", proc).state, "alive");
    // Whom it cannot look at it does not take for the one that is meant, and so kills nobody.
    assertEquals(proveByProc({ pid: process.pid, startTime: "5000" }, proc).state, "unproven");
    const program = createHash("sha256").update("layout").digest("hex").slice(0, 16);
    writeFileSync(`${proc}/11/auxv`, "layout");
    const rows = [["", "alive"], [program, "alive"], ["0123456789abcdef", "gone"]] as const;
    for (const [exec, state] of rows) {
      assertEquals(proveByProc({ pid: 11, startTime: "5000", exec }, proc).state, state, exec);
    }
    assertEquals(proveByProc({ pid: 11, startTime: "4999", exec: program }, proc).state, "gone");
    assertEquals(
      proveByProc({ pid: 15, startTime: "5000", exec: program }, proc).state,
      "alive",
      "not shown",
    );
  } finally {
    rmSync(proc, { recursive: true });
  }
});

test("parseStat refuses what is no stat", () => {
  for (const text of ["", "12", "12 (a) R", "x (a) R 1", "12 (a) RR " + "1 ".repeat(30)]) {
    let failed = false;
    try {
      parseStat(text);
    } catch (error) {
      failed = error instanceof TypeError;
    }
    assert(failed, text);
  }
});

test("ProcessFence knows itself and a child: alive, stopped, dead", async () => {
  const fence = createProcessFence();
  const own = await fence.identify(NONCE);
  assertEquals(own.pid, process.pid);
  assertEquals((await fence.examine(own)).state, "self");
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  try {
    const stat = parseStat(await readText(`/proc/${child.pid}/stat`));
    const owner = { ...own, pid: child.pid!, startTime: stat.startTime, nonce: "f".repeat(32) };
    assertEquals((await fence.examine(owner)).state, "alive");
    process.kill(child.pid!, "SIGSTOP");
    assertEquals((await fence.examine(owner)).state, "alive");
    assertEquals((await fence.examine({ ...owner, startTime: "1" })).state, "gone");
    end(child);
    await ended;
    assertEquals((await fence.examine(owner)).state, "gone");
  } finally {
    end(child);
    await ended;
  }
});

test("lookByPs gives the same verdicts where ps is at hand", async () => {
  if ((await lookByPs(process.pid, "?")).state === "unproven") return; // no ps of this form here
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  try {
    assertEquals((await lookByPs(child.pid!, "Sat Nov 1 00:00:00 1980")).state, "gone");
    end(child);
    await ended;
    assertEquals((await lookByPs(child.pid!, "Sat Nov 1 00:00:00 1980")).state, "gone");
  } finally {
    end(child);
  }
});

/** Ends a child, also one that is stopped. */
function end(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) process.kill(child.pid!, "SIGKILL");
}

async function readText(path: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return await readFile(path, "latin1");
}
