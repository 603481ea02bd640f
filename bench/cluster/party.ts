/** The processes of one step: each is told the same instant for each loop, once all of them are ready. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { ROOT, scriptCommand } from "../../test/support/runtimes.mjs";
import { atEnd } from "../../src/ground/at_end.ts";
import { type Job, type PartFigure, type Together, together } from "./job.ts";

const WORKER = "bench/cluster/worker.ts";
const STEP_MS_MAX = 900_000;
/** Between the last that is ready and the begin of warming up. */
const LEAD_MS = 20;
/** What was begun later than by this part of its length is told of. */
const LATE_PART = 0.1;

/** What the processes of a step gave. */
export interface PartyResult {
  readonly figures: readonly Together[];
  /** What went wrong, in words; empty when nothing did. */
  readonly troubles: readonly string[];
}

interface Part {
  readonly child: ChildProcess;
  isReady: boolean;
  readonly other: string[];
}

/** Runs the jobs at the same time, one process each. */
export async function party(jobs: readonly Job[]): Promise<PartyResult> {
  const found: PartFigure[] = [];
  const troubles: string[] = [];
  const parts: Part[] = [];
  const end = (): void => {
    for (const { child } of parts) if (child.exitCode === null) child.kill("SIGKILL");
  };
  const begin = (): void => {
    if (parts.length < jobs.length || parts.some((part) => !part.isReady)) return;
    const at = Date.now() + LEAD_MS + jobs[0]!.ms;
    for (const part of parts) {
      part.isReady = false;
      part.child.stdin!.write(`${at}\n`);
    }
  };
  process.on("exit", end);
  const timer = setTimeout(() => {
    troubles.push(`took longer than ${STEP_MS_MAX} ms`);
    end();
  }, STEP_MS_MAX);
  const run = async (job: Job): Promise<void> => {
    const part = start(job);
    parts.push(part);
    const code = await hear(part, (figure) => {
      if (figure !== undefined) return void found.push(figure);
      part.isReady = true;
      begin();
    });
    if (code === 0) return;
    troubles.push(`process ${job.part + 1} ended with ${code}\n${part.other.slice(-20).join("\n")}`);
    end();
  };
  await atEnd(Promise.all(jobs.map(run)), () => {
    clearTimeout(timer);
    process.off("exit", end);
  });
  const figures = put(found, jobs.length);
  const late = figures.filter((it) => it.lateMs > jobs[0]!.ms * LATE_PART);
  for (const { workload, lateMs } of late) troubles.push(`${workload} began ${lateMs} ms late`);
  return { figures, troubles };
}

/** Figures of the same workload put together, where all processes gave one. */
export function put(found: readonly PartFigure[], parts: number): Together[] {
  const byWorkload = Map.groupBy(found, (it) => it.workload);
  return [...byWorkload.values()].filter((it) => it.length === parts).map(together);
}

function start(job: Job): Part {
  const [file, ...args] = scriptCommand(job.runtime, WORKER, [JSON.stringify(job)]);
  const child = spawn(file!, args, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin!.on("error", () => {});
  return { child, isReady: false, other: [] };
}

/** What a process says until it ends: a figure, or nothing when it is ready; resolves to how it ended. */
function hear(part: Part, tell: (figure: PartFigure | undefined) => void): Promise<number | string> {
  const { child, other } = part;
  createInterface({ input: child.stderr! }).on("line", (line) => other.push(line));
  createInterface({ input: child.stdout! }).on("line", (line) => {
    if (line === "@@ready") tell(undefined);
    else if (line.startsWith("@@")) tell(JSON.parse(line.slice(2)));
    else other.push(line);
  });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code ?? signal ?? "no code"));
  });
}
