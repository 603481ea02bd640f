/** The order of looks and signals against a process table that changes under it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import type { ProcessView } from "../../adapters/common/process_look.ts";
import { type ProcessTable, type SignalResult, stopProcess } from "../../adapters/common/stop_process.ts";
import type { StopReport } from "../../src/ports/mod.ts";

const OWNER = { pid: 100, startTime: "5000", exec: "e" };
const ALIVE: ProcessView = { state: "alive", reason: "process 100 runs" };
const GONE: ProcessView = { state: "gone", reason: "process 100 is no more" };
const REUSED: ProcessView = { state: "gone", reason: "pid 100 is another process now" };

/** What a table shows, and what was done to it. */
interface Script {
  /** What is seen, look by look; the last goes on. */
  readonly looks: readonly ProcessView[];
  /** Whether a hold on the process is to be had, and whether its signal arrives. */
  readonly aim?: "hits" | "misses";
  readonly signal?: SignalResult;
}

async function run(script: Script, pid: number = OWNER.pid): Promise<[StopReport, string[]]> {
  const done: string[] = [];
  let looks = 0;
  const table: ProcessTable = {
    self: 77,
    aim: () => {
      if (script.aim === undefined) return undefined;
      done.push("aim");
      return {
        kill: () => {
          done.push("kill what is held");
          return script.aim === "hits";
        },
        close: () => void done.push("let go"),
      };
    },
    prove: () => {
      if (looks < 3) done.push("look");
      return script.looks[Math.min(looks++, script.looks.length - 1)]!;
    },
    kill: () => {
      done.push("kill by pid");
      return script.signal ?? "sent";
    },
  };
  const options = { directories: [], clock: createSystemClock(), patienceMs: 40 };
  return [await stopProcess(table, { ...OWNER, pid }, options), done];
}

function outcome(report: StopReport): string {
  return report.over ? report.means : report.why;
}

test("stopProcess: held first, then looked at, then hit, then waited for", async () => {
  const [report, done] = await run({ looks: [ALIVE, ALIVE, GONE], aim: "hits" });
  assertEquals(outcome(report), "kill");
  assertEquals(done, ["aim", "look", "kill what is held", "let go", "look", "look"]);
});

test("stopProcess: without a hold the signal by pid follows the look", async () => {
  const [report, done] = await run({ looks: [ALIVE, GONE] });
  assertEquals([outcome(report), done], ["kill", ["look", "kill by pid", "look"]]);
});

test("stopProcess: whoever is gone, or has another's pid, gets no signal", async () => {
  for (const seen of [GONE, REUSED]) {
    for (const aim of ["hits", undefined] as const) {
      const [report, done] = await run(aim === undefined ? { looks: [seen] } : { looks: [seen], aim });
      assertEquals([outcome(report), report.reason], ["gone", seen.reason]);
      assertEquals(done.filter((it) => it.startsWith("kill")), []);
    }
  }
});

test("stopProcess: once what was held is no more, a new look says whose the pid is now", async () => {
  const [reused, done] = await run({ looks: [ALIVE, REUSED], aim: "misses" });
  assertEquals(outcome(reused), "gone");
  assertEquals(done, ["aim", "look", "kill what is held", "look", "let go"]);
  const [refused] = await run({ looks: [ALIVE], aim: "misses", signal: "denied" });
  assertEquals(outcome(refused), "denied");
});

test("stopProcess: what cannot be looked at is not killed", async () => {
  const hidden: ProcessView = { state: "unproven", reason: "process 100 is there, though /proc hides it" };
  const [report, done] = await run({ looks: [hidden], aim: "hits" });
  assertEquals([outcome(report), done], ["unproven", ["aim", "look", "let go"]]);
});

test("stopProcess: a signal that is denied says so, one that comes too late found it gone", async () => {
  const [denied] = await run({ looks: [ALIVE], signal: "denied" });
  assertEquals(outcome(denied), "denied");
  assertStringIncludes(denied.reason, "process 100");
  const [absent] = await run({ looks: [ALIVE, GONE], signal: "absent" });
  assertEquals(outcome(absent), "gone");
});

test("stopProcess: what does not end in time is told as ending, never as over", async () => {
  const stuck: ProcessView = { state: "alive", reason: "process 100 is ending, 1 of its threads still run" };
  const [report] = await run({ looks: [ALIVE, stuck], aim: "hits" });
  assertEquals(outcome(report), "ending");
  assertStringIncludes(report.reason, "1 of its threads");
});

test("stopProcess: groups of processes, the first of a namespace and this process are spared", async () => {
  for (const pid of [-1, 0, 1, 77, 1.5, NaN]) {
    const [report, done] = await run({ looks: [ALIVE], aim: "hits" }, pid);
    assertEquals([outcome(report), done], ["spared", []], String(pid));
  }
});
