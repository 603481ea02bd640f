/**
 * Stops another process of this pid namespace for good: proves that it is the one that is meant, kills it,
 * and waits until nothing of it is left (DESIGN D8).
 *
 * A pid is a number that another process may have a moment later. So first the process that has it is held
 * fast, then it is looked at, then the signal goes to what is held: what was looked at and what is hit are
 * one. Without such a hold the signal follows the look in the same turn of the loop; a process would have to
 * end, be reaped, and the kernel go once round all its pids within some microseconds, for another to be hit.
 */
import type { StopOptions, StopReport } from "../../src/ports/fence.ts";
import { lookUntil } from "./look_until.ts";
import type { Aim } from "./process_aim.ts";
import type { ProcessIdentity, ProcessView } from "./process_look.ts";

/** What became of a signal by pid. */
export type SignalResult = "sent" | "denied" | "absent";

/** The processes of this pid namespace, as the kernel shows them and lets them be ended. */
export interface ProcessTable {
  /** The pid that no signal may go to: this process. */
  readonly self: number;
  /** Holds the process fast that has this pid now; undefined where that cannot be. */
  aim(pid: number): Aim | undefined;
  /** Looks whether the process of this identity lives. */
  prove(identity: ProcessIdentity): ProcessView;
  /** SIGKILL to whoever has this pid. */
  kill(pid: number): SignalResult;
}

/** Milliseconds between two looks at a process that was killed: most are gone within two. */
const LOOK_MS = 2;

/** Stops a process that is none of this one's. */
export async function stopProcess(
  table: ProcessTable,
  owner: ProcessIdentity,
  options: StopOptions,
): Promise<StopReport> {
  const { pid } = owner;
  const spared = reasonToSpare(table.self, pid);
  if (spared !== undefined) return { over: false, why: "spared", reason: spared };
  const struck = strike(table, owner);
  if (typeof struck !== "string") return told(struck, "gone");
  if (struck === "denied") {
    return {
      over: false,
      why: "denied",
      reason: `process ${pid} runs and must not be killed by this user; end it by hand`,
    };
  }
  let seen: ProcessView = { state: "alive", reason: "" };
  await lookUntil(options, LOOK_MS, () => (seen = table.prove(owner)).state !== "alive");
  return told(seen, struck === "sent" ? "kill" : "gone");
}

/** Why a pid gets no signal: 0 and less are groups of processes, 1 is what its namespace stands on. */
function reasonToSpare(self: number, pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return `${pid} is no number of a process`;
  if (pid === 1) return "process 1 is the first of its pid namespace: it is not killed, stop its container";
  return pid === self ? `process ${pid} is this one` : undefined;
}

/** Sends the signal to the process that is meant, or tells why none was sent. */
function strike(table: ProcessTable, owner: ProcessIdentity): SignalResult | ProcessView {
  const aim = table.aim(owner.pid);
  try {
    const seen = table.prove(owner);
    if (seen.state !== "alive") return seen;
    if (aim?.kill() === true) return "sent";
    // What was held is no more, or was refused. Only a new look says whether the pid is still its own.
    const again = aim === undefined ? seen : table.prove(owner);
    return again.state === "alive" ? table.kill(owner.pid) : again;
  } finally {
    aim?.close();
  }
}

function told({ state, reason }: ProcessView, means: "gone" | "kill"): StopReport {
  switch (state) {
    case "gone":
      return { over: true, means, reason: means === "kill" ? `${reason}; it was killed` : reason };
    case "alive":
      return { over: false, why: "ending", reason: `${reason}; it was killed, and is not gone yet` };
    case "unproven":
      return { over: false, why: "unproven", reason };
  }
}
