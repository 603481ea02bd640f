/** Another process that got the pid of one that is to be stopped is never hit. */
import { assert, assertEquals } from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { aimAt } from "../../adapters/common/process_aim.ts";
import { parseStat, type ProcessIdentity, proveByProc } from "../../adapters/common/process_look.ts";
import { createProcessFence } from "../../adapters/fence_process.ts";
import { killIfThere, pause, until } from "./play.ts";

/** Where the kernel keeps the pid it gave last; the next process gets the one above. */
const LAST_PID = "/proc/sys/kernel/ns_last_pid";

/** A process that does nothing. */
interface Sleeper {
  readonly pid: number;
  readonly startTime: string;
  /** Ends it; resolves once it is reaped and its pid free. */
  end(): Promise<void>;
}

function startSleeper(): Sleeper {
  const child: ChildProcess = spawn("sleep", ["60"], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const pid = child.pid!;
  const { startTime } = parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  return {
    pid,
    startTime,
    end: async () => {
      if (child.exitCode === null && child.signalCode === null) killIfThere(pid);
      await ended;
    },
  };
}

/** A process with this pid; undefined where the kernel lets nobody choose. */
async function startAgainAs(pid: number): Promise<Sleeper | undefined> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      writeFileSync(LAST_PID, String(pid - 1));
    } catch {
      return undefined;
    }
    const sleeper = startSleeper();
    if (sleeper.pid === pid) return sleeper;
    await sleeper.end(); // somebody else was quicker
  }
  return undefined;
}

function isRunning(pid: number): boolean {
  return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
}

/** Ends a process and has another take its pid, a clock tick later at least. */
async function reused(body: (first: Sleeper, second: Sleeper) => Promise<void>, hold: (pid: number) => void) {
  const first = startSleeper();
  hold(first.pid);
  await pause(20);
  await first.end();
  const second = await startAgainAs(first.pid);
  if (second === undefined) return; // a pid cannot be chosen here
  try {
    assert(second.startTime !== first.startTime, "it started at another tick");
    await body(first, second);
  } finally {
    await second.end();
  }
}

test("fence: a process that has the pid of one that is gone lives on", () =>
  reused(async (first, second) => {
    assertEquals(await stopped({ pid: first.pid, startTime: first.startTime, exec: "" }), "gone");
    assert(isRunning(second.pid), "it was hit");
    assertEquals(proveByProc(first).state, "gone");
    assertEquals(proveByProc(second).state, "alive");
  }, () => {}));

test("fence: a process that has replaced its program since is gone, and lives on", async () => {
  const child = spawn("sh", ["-c", "read -r line; exec sleep 60"], { stdio: ["pipe", "ignore", "ignore"] });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const pid = child.pid!;
  try {
    await until("the shell", () => programOf(pid) === "sh");
    const exec = createHash("sha256").update(readFileSync(`/proc/${pid}/auxv`)).digest("hex").slice(0, 16);
    const { startTime } = parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
    assertEquals(proveByProc({ pid, startTime, exec }).state, "alive");
    child.stdin!.end("go\n");
    await until("the other program", () => programOf(pid) === "sleep");
    assertEquals(await stopped({ pid, startTime, exec }), "gone");
    assert(isRunning(pid), "it was hit");
    // Not knowing which program it was, it is the same process.
    assertEquals(await stopped({ pid, startTime, exec: "" }), "kill");
  } finally {
    if (child.exitCode === null && child.signalCode === null) killIfThere(pid);
    await ended;
  }
});

function programOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, "latin1").trim();
}

/** What becomes of stopping a process of this identity. */
async function stopped(identity: ProcessIdentity): Promise<string> {
  const fence = createProcessFence();
  const owner = { ...await fence.identify("b".repeat(32)), ...identity };
  const options = { directories: [tmpdir()], clock: createSystemClock(), patienceMs: 5_000 };
  const report = await fence.stop(owner, options);
  return report.over ? report.means : report.why;
}

test("fence: a signal to what is held goes to nobody once that is gone, whoever has its pid", async () => {
  let aim: ReturnType<typeof aimAt>;
  try {
    await reused(async (_, second) => {
      await undefined;
      assert(aim !== undefined, "both runtimes can hold a process");
      assertEquals(aim.kill(), false, "it says so");
      assert(isRunning(second.pid), "it was hit");
    }, (pid) => aim = aimAt(pid));
  } finally {
    aim?.close();
  }
});

test("fence: what is held is hit, and what is not there cannot be held", async () => {
  const sleeper = startSleeper();
  try {
    const aim = aimAt(sleeper.pid);
    assert(aim !== undefined);
    assertEquals(aim.kill(), true);
    aim.close();
    await until("its end", () => !existsAs(sleeper));
    await sleeper.end();
    assertEquals(aimAt(2 ** 22 + 5), undefined); // above every pid that a kernel gives
  } finally {
    await sleeper.end();
  }
});

function existsAs({ pid, startTime }: Sleeper): boolean {
  return proveByProc({ pid, startTime }).state === "alive";
}
