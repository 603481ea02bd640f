/**
 * A worker: one process of one subject in one step, told in JSON as the only argument. Before each loop it
 * prints `@@ready`, reads the instant to begin at from standard input, and prints each figure as `@@{json}`.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import type { Job, PartFigure, Stage, Subject } from "./job.ts";

const SUBJECTS: Readonly<Record<string, () => Promise<{ readonly subject: Subject }>>> = {
  "Cohort": () => import("./cohort.ts"),
  "Cohort, private": () => import("./cohort.ts"),
  "Cohort, disk": () => import("./cohort.ts"),
  "bun:sqlite": () => import("./sqlite.ts"),
  "lmdb": () => import("./lmdb.ts"),
  "GT.M": () => import("./gtm.ts"),
  "Redis": () => import("./redis.ts"),
};

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const stage: Stage = {
  together: async (workloads, settings, loop) => {
    console.log("@@ready");
    const { value, done } = await input.next();
    if (done === true) throw new Error("The driver has gone");
    const found = await loop(Number(value));
    for (const workload of workloads) {
      console.log(`@@${JSON.stringify({ workload, ...found, settings } satisfies PartFigure)}`);
    }
  },
};

const { subject } = await SUBJECTS[job.subject]!();
await subject(job, stage);
process.exit(0);
