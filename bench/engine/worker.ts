/**
 * A worker: does one step of one subject, told in JSON as the only argument, and prints each figure as
 * `@@{json}`.
 */
import process from "node:process";
import type { Figure, Job, Subject } from "./job.ts";

const SUBJECTS: Readonly<Record<string, () => Promise<{ readonly subject: Subject }>>> = {
  "Cohort": () => import("./cohort.ts"),
  "bun:sqlite": () => import("./sqlite.ts"),
  "node:sqlite": () => import("./sqlite.ts"),
  "lmdb": () => import("./lmdb.ts"),
  "Deno KV": () => import("./deno_kv.ts"),
  "GT.M": () => import("./gtm.ts"),
};

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const { subject } = await SUBJECTS[job.subject]!();
await subject(job, (figure: Figure) => console.log(`@@${JSON.stringify(figure)}`));
