/**
 * GT.M with a before-image journal (settings of peers.md): whole processes of `mumps` running
 * bench/engine/gtm/bench.m.
 *
 * Its clock counts microseconds and an operation takes two, so there are no latencies. M runs one thing at a
 * time in a process: 64 writers are 16 processes here, whose commits share syncs.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { type Figure, type Job, quarterPool, type Subject } from "./job.ts";

const INSTALLED = "/usr/lib/x86_64-linux-gnu/fis-gtm";
const BLOCK_BYTES = 8192;
const BUFFERS = 40_000;
const WRITER_PROCESSES = 16;

/** The directory of GT.M's programs; undefined where it is not installed. */
export function gtmDirectory(): string | undefined {
  const { gtm_dist } = process.env;
  if (gtm_dist !== undefined && existsSync(join(gtm_dist, "mumps"))) return gtm_dist;
  const version = existsSync(INSTALLED) ? readdirSync(INSTALLED)[0] : undefined;
  return version === undefined ? undefined : join(INSTALLED, version);
}

class Gtm {
  readonly #job: Job;
  readonly #programs: string;
  readonly #environment: Record<string, string | undefined>;
  readonly #data: string;

  constructor(job: Job) {
    this.#job = job;
    this.#programs = gtmDirectory()!;
    this.#data = resolve(job.directory);
    const routines = resolve(import.meta.dirname!, "gtm");
    this.#environment = {
      ...process.env,
      gtm_dist: this.#programs,
      gtmgbldir: join(this.#data, "g.gld"),
      gtmroutines: `${this.#data}(${routines}) ${this.#programs}/libgtmutil.so ${this.#programs}`,
      gtm_log: this.#data,
      gtm_tmp: this.#data,
      gtm_chset: "M",
    };
  }

  /** Makes an empty, journaled database. */
  create(): void {
    rmSync(this.#data, { recursive: true, force: true });
    mkdirSync(this.#data, { recursive: true });
    const buffers = `-global_buffer_count=${BUFFERS} -lock_space=1000`;
    this.#tool(
      "mumps",
      ["-run", "GDE"],
      [
        `change -segment DEFAULT -block_size=${BLOCK_BYTES} -allocation=40000 -extension=10000 ${buffers}`,
        `change -segment DEFAULT -file=${this.#data}/g.dat`,
        "change -region DEFAULT -key_size=255 -record_size=4000",
        "exit",
        "",
      ].join("\n"),
    );
    this.#tool("mupip", ["create"]);
    const journal = `file=${this.#data}/g.mjl,allocation=200000,extension=100000,autoswitchlimit=8388600`;
    this.#tool("mupip", ["set", "-region", "DEFAULT", `-journal=enable,on,before_image,${journal}`]);
  }

  setBuffers(count: number): void {
    this.#tool("mupip", ["set", "-region", "DEFAULT", `-global_buffers=${count}`]);
  }

  /** Runs a label to its end. */
  run(label: string): void {
    execFileSync(join(this.#programs, "mumps"), this.#command(label), { env: this.#environment });
  }

  /** Writes everything home and syncs it. */
  settle(): void {
    this.#tool("mupip", ["rundown", "-region", "*"]);
    execFileSync("sync", [join(this.#data, "g.dat")]);
  }

  /** Operations a second of a label, summed over processes that begin together. */
  async rate(label: string, processes: number = 1): Promise<number> {
    const children = Array.from({ length: processes }, () => {
      const child = spawn(join(this.#programs, "mumps"), this.#command(label), {
        env: this.#environment,
        stdio: ["pipe", "pipe", "inherit"],
      });
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
    });
    const next = async ({ lines }: typeof children[number]): Promise<string> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`mumps -run ${label} ended early`);
        if (value.trim() !== "") return value.trim();
      }
    };
    for (const it of children) if (await next(it) !== "ready") throw new Error(`${label} is not ready`);
    for (const { child } of children) child.stdin.end("go\n");
    let sum = 0;
    for (const it of children) sum += Number(await next(it));
    return sum;
  }

  #command(label: string): string[] {
    return ["-run", `${label}^bench`, String(this.#job.records), String(this.#job.ms)];
  }

  #tool(name: string, parameters: readonly string[], input: string = ""): void {
    const done = spawnSync(join(this.#programs, name), parameters, { env: this.#environment, input });
    if (done.status !== 0) throw new Error(`${name} ${parameters.join(" ")}: ${done.stdout}${done.stderr}`);
  }
}

const SETTINGS = "BG, before-image journal, 40,000 buffers of 8 KiB";

function load(job: Job, gtm: Gtm, tell: (figure: Figure) => void): void {
  for (const order of ["scattered", "sequential"] as const) {
    gtm.create();
    const began = performance.now();
    gtm.run(order);
    gtm.settle();
    const rate = job.records / (performance.now() - began) * 1000;
    tell({
      workload: `W1 load, ${order}`,
      rate,
      settings: `${SETTINGS}; the whole process, rundown and sync`,
    });
  }
}

async function beyond(job: Job, gtm: Gtm, tell: (figure: Figure) => void): Promise<void> {
  const buffers = Math.max(64, Math.floor(quarterPool(job) / BLOCK_BYTES));
  gtm.setBuffers(buffers);
  const settings = `BG, before-image journal, ${buffers} buffers of 8 KiB`;
  tell({ workload: "4x pool, get", rate: await gtm.rate("get"), settings });
  tell({ workload: "4x pool, mixed 90/10", rate: await gtm.rate("mixed"), settings });
  gtm.setBuffers(BUFFERS);
}

/** GT.M as a subject. */
export const subject: Subject = async (job, tell) => {
  const gtm = new Gtm(job);
  if (job.step === "load") load(job, gtm, tell);
  else if (job.step === "read") {
    tell({ workload: "W2 get", rate: await gtm.rate("get"), settings: SETTINGS });
    tell({ workload: "W3 scan", rate: await gtm.rate("scan"), settings: `${SETTINGS}; second pass` });
  } else if (job.step === "write") {
    tell({
      workload: "W4 durable, 1 writer",
      rate: await gtm.rate("commit"),
      settings: `${SETTINGS}; TCOMMIT`,
    });
    tell({
      workload: "W4 durable, 64 writers",
      rate: await gtm.rate("commit", WRITER_PROCESSES),
      settings: `${SETTINGS}; TCOMMIT in ${WRITER_PROCESSES} processes`,
    });
    const settings = `${SETTINGS}; plain SET, its journal up to a second late`;
    const rate = await gtm.rate("set");
    tell({ workload: "W5 relaxed, 1 in flight", rate, settings });
    tell({ workload: "W5 relaxed, 64 in flight", rate, settings });
  } else if (job.step === "increment") {
    const settings = `${SETTINGS}; $INCREMENT, its journal up to a second late`;
    const rate = await gtm.rate("increment");
    tell({ workload: "W6 increment, 1 in flight", rate, settings });
    tell({ workload: "W6 increment, 64 in flight", rate, settings });
  } else await beyond(job, gtm, tell);
};
