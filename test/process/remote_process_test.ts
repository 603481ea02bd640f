/**
 * A database of a process of the other runtime, called from this one while that process is killed with -9 and
 * comes back: what was answered is there, and nothing was done twice.
 */
import { assert, assertEquals } from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "#test";
import { isCode, openNode, type RemoteGlobal } from "@cohort/db";
import { scriptCommand } from "../support/runtimes.mjs";

const CHILD = fileURLToPath(new URL("remote_child.ts", import.meta.url));
const OTHER = "bun" in process.versions ? "deno" : "bun";
const LANES = 8;
const KILLS = 2;

async function startChild(pij: string, directory: string): Promise<ChildProcess> {
  const [file, ...args] = scriptCommand(OTHER, CHILD, [pij, directory]);
  const child = spawn(file!, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(child.stdout!, "data");
  assert(String(said).includes("mounted"), String(said));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "close");
  child.kill("SIGKILL");
  await gone;
}

interface Lane {
  low: number;
  unknown: number;
  readonly problems: string[];
}

/** Increments a node, one call after the other, and holds each answer against those before. */
async function work(
  count: RemoteGlobal<number>,
  at: number,
  lane: Lane,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    try {
      const value = await count.increment([at]);
      if (value <= lane.low || value > lane.low + lane.unknown + 1) {
        lane.problems.push(`${value} after ${lane.low} and ${lane.unknown} unknown`);
      }
      Object.assign(lane, { low: value, unknown: 0 });
    } catch (error) {
      if (isCode(error, "OUTCOME_UNKNOWN")) lane.unknown++;
      else if (!isCode(error, "UNREACHABLE") && !isCode(error, "NOT_MOUNTED")) {
        lane.problems.push(String(error));
      }
      await new Promise((go) => setTimeout(go, 20));
    }
  }
}

test(
  "remote database of a process of the other runtime, killed with -9",
  { timeoutMs: 120_000 },
  async () => {
    const root = mkdtempSync(join(tmpdir(), "cohort-remote-"));
    const [pij, directory] = [join(root, "pij"), join(root, "hr")];
    let child = await startChild(pij, directory);
    const node = await openNode({ pij, name: "alpha", poolBytes: 4 << 20 });
    try {
      const there = await node.remote("beta").database(directory);
      const count = there.global<number>("Count");
      const lanes = Array.from({ length: LANES }, (): Lane => ({ low: 0, unknown: 0, problems: [] }));
      let isOver = false;
      const works = lanes.map((lane, at) => work(count, at, lane, () => isOver));
      for (let i = 0; i < KILLS; i++) {
        const before = lanes[0]!.low;
        while (lanes[0]!.low < before + 50) await new Promise((go) => setTimeout(go, 20));
        await kill(child);
        child = await startChild(pij, directory);
      }
      const before = lanes[0]!.low;
      while (lanes[0]!.low < before + 20) await new Promise((go) => setTimeout(go, 20));
      isOver = true;
      await Promise.all(works);
      for (const [at, { low, unknown, problems }] of lanes.entries()) {
        assertEquals(problems, []);
        const value = await count.get([at]) ?? 0;
        assert(value >= low && value <= low + unknown, `${value} of ${low}, and ${unknown} unknown`);
      }
      assertEquals((await there.check()).problems, []);
    } finally {
      await kill(child);
      await node.close();
      rmSync(root, { recursive: true, force: true });
    }
  },
);
