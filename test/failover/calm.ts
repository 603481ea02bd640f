/**
 * False evictions: members of which nobody is lost, on a host whose processors are all busy, and whose loops
 * stand still for a second now and then. Nobody may be evicted.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpus } from "node:os";
import type { Fact } from "../chaos/member_process.ts";
import { Trio } from "./trio.ts";

/** What came of it. */
export interface CalmReport {
  readonly seconds: number;
  readonly stalls: number;
  readonly evictions: number;
  /** Part of the time for which a processor had nothing to do. */
  readonly idle: number;
  readonly problems: readonly string[];
}

/** How long a loop stands still, and the pause between two such stalls of any member. */
const STALL_MS = 1_000, PAUSE_MS = 1_500;

/** Burns the time of one processor until it is killed. */
function burn(): ChildProcess {
  return spawn("sh", ["-c", "while :; do :; done"], { stdio: "ignore" });
}

/** Milliseconds that all processors have been idle, and that all have been there. */
function processorTimes(): { readonly idle: number; readonly all: number } {
  const times = cpus().map((it) => it.times);
  const idle = times.reduce((sum, it) => sum + it.idle, 0);
  return { idle, all: times.reduce((sum, it) => sum + it.user + it.nice + it.sys + it.irq, idle) };
}

/** Watches three members for so long, by default timings. */
export async function watchCalm(seconds: number): Promise<CalmReport> {
  const trio = new Trio({});
  await trio.start();
  trio.facts.length = 0;
  const burners = cpus().map(() => burn());
  const begun = performance.now(), before = processorTimes();
  let stalls = 0;
  try {
    while (performance.now() - begun < seconds * 1_000 && trio.problems.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      trio.members[stalls % 3]!.tell(`stall ${STALL_MS}`);
      stalls++;
    }
    const views = trio.facts.filter((it) =>
      it["event"] === "cluster.view" && (it["facts"] as Fact)["cause"] === "evicted"
    );
    const evictions = new Set(views.map((it) => (it["facts"] as Fact)["view"])).size;
    const gone = trio.members.filter((it) => it.isOver).map((it) => `${it.life} ended: ${it.end}`);
    const after = processorTimes();
    const idle = (after.idle - before.idle) / (after.all - before.all);
    const watched = (performance.now() - begun) / 1_000;
    return { seconds: watched, stalls, evictions, idle, problems: [...trio.problems, ...gone] };
  } finally {
    for (const burner of burners) burner.kill("SIGKILL");
    await trio.clear();
  }
}
