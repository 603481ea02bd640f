/**
 * A program that is restarted in place (`deno --watch`, `bun --watch`, `bun --hot`, a Worker that is
 * terminated) in mid-commit. Each life takes the databases over from the one before, compares them with what
 * that one has acknowledged, and goes on. All is said to one file, signed with the number of the life, for a
 * reload keeps nothing else. Options: a Worker's data, or JSON in a file named by the environment.
 */
import { openSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { workerData } from "node:worker_threads";
import { CohortError } from "../../../mod.ts";
import { acknowledgedIn } from "./ledger.ts";
import { look, openWorkerNode, sayFact, sayTo, work, type WorkerOptions } from "./worker.ts";

/** What a reloaded program is told. */
export interface ReloadOptions extends Omit<WorkerOptions, "acknowledged"> {
  readonly log: string;
  /** A file that holds the number of the last life. */
  readonly lives: string;
}

async function main(options: ReloadOptions): Promise<void> {
  const life = Number(readFileSync(options.lives, "utf8")) + 1;
  writeFileSync(options.lives, String(life));
  sayTo(openSync(options.log, "a"), life);
  sayFact({ what: "begun" });
  try {
    const node = await openWorkerNode({ ...options, acknowledged: [] });
    sayFact({ what: "opened", incarnation: node.incarnation });
    const begun = performance.now();
    const a = await node.mount(`${options.root}/a`, { create: true, extentBlocks: 64 });
    const b = await node.mount(`${options.root}/b`, { create: true, extentBlocks: 1024 });
    const mountMs = performance.now() - begun;
    const acknowledged = acknowledgedIn(readFileSync(options.log, "utf8"));
    const { reached, problems } = await look(node, { a, b }, { ...options, acknowledged });
    const counter = await a.global<number>("Count").get([]) ?? 0;
    sayFact({ what: "ready", pid: process.pid, mountMs, reached, counter, problems });
    if (options.then === "close") await node.close();
    else await work(node, { a, b }, options, reached);
    sayFact({ what: "closed" });
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    sayFact({ what: "failed", code: error.code, message: error.message });
  }
}

const options = workerData as ReloadOptions | null ??
  JSON.parse(readFileSync(process.env["COHORT_PLAY"]!, "utf8")) as ReloadOptions;
// Not awaited: `bun --hot` waits for a module to have come to its end before it reloads it.
main(options);
