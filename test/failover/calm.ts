/**
 * False evictions: members of which nobody is lost, on a host whose processors are all busy, and whose loops
 * stand still for a second now and then. Nobody may be evicted.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpus } from "node:os";
import process from "node:process";
import type { Fact } from "../chaos/member_process.ts";
import { Trio } from "./trio.ts";

/** What came of it. */
export interface CalmReport {
  readonly seconds: number;
  readonly stalls: number;
  readonly evictions: number;
  /** Processor time that was taken from the members, in parts of all that there is. */
  readonly busy: number;
  readonly problems: readonly string[];
}

/** How long a loop stands still, and the pause between two such stalls of any member. */
const STALL_MS = 1_000, PAUSE_MS = 1_500;

/** Burns the time of one processor until it is killed. */
function burn(): ChildProcess {
  return spawn("sh", ["-c", "while :; do :; done"], { stdio: "ignore" });
}

/** Watches three members for so long, by default timings. */
export async function watchCalm(seconds: number): Promise<CalmReport> {
  const trio = new Trio({});
  await trio.start();
  trio.facts.length = 0;
  const burners = cpus().map(() => burn());
  const begun = performance.now(), used = process.cpuUsage();
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
    const { user, system } = process.cpuUsage(used);
    const ms = performance.now() - begun;
    const busy = 1 - (user + system) / 1_000 / ms / cpus().length;
    return { seconds: ms / 1_000, stalls, evictions, busy, problems: [...trio.problems, ...gone] };
  } finally {
    for (const burner of burners) burner.kill("SIGKILL");
    await trio.clear();
  }
}
