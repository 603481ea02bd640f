/**
 * GT.M with a before-image journal (settings of peers.md): whole processes of `mumps` running
 * bench/common/gtm/bench.m.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";

const INSTALLED = "/usr/lib/x86_64-linux-gnu/fis-gtm";
/** Bytes of a block. */
export const GTM_BLOCK_BYTES = 8192;
/** Buffers unless set otherwise. */
export const GTM_BUFFERS = 40_000;

/** The directory of GT.M's programs; undefined where it is not installed. */
export function gtmDirectory(): string | undefined {
  const { gtm_dist } = process.env;
  if (gtm_dist !== undefined && existsSync(join(gtm_dist, "mumps"))) return gtm_dist;
  const version = existsSync(INSTALLED) ? readdirSync(INSTALLED)[0] : undefined;
  return version === undefined ? undefined : join(INSTALLED, version);
}

/** What a database of GT.M is made for. */
export interface GtmPlace {
  readonly directory: string;
  readonly records: number;
  /** Milliseconds of a timed loop. */
  readonly ms: number;
}

/** A process of `mumps` that has made ready for its loop. */
export interface GtmLoop {
  /** Begins now, or at a time (milliseconds since 1970): operations a second. */
  begin(at?: number): Promise<number>;
}

/** One database, and the programs that work in it. */
export class Gtm {
  readonly #place: GtmPlace;
  readonly #programs: string;
  readonly #environment: Record<string, string | undefined>;
  readonly #data: string;

  constructor(place: GtmPlace) {
    this.#place = place;
    this.#programs = gtmDirectory()!;
    this.#data = resolve(place.directory);
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
    const buffers = `-global_buffer_count=${GTM_BUFFERS} -lock_space=1000`;
    const size = `-block_size=${GTM_BLOCK_BYTES} -allocation=40000 -extension=10000`;
    this.#tool(
      "mumps",
      ["-run", "GDE"],
      [
        `change -segment DEFAULT ${size} ${buffers}`,
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

  /** How many blocks it keeps in memory from the next process on. */
  setBuffers(count: number): void {
    this.#tool("mupip", ["set", "-region", "DEFAULT", `-global_buffers=${count}`]);
  }

  /** Runs a label to its end. */
  run(label: string): void {
    execFileSync(join(this.#programs, "mumps"), this.#command(label, []), { env: this.#environment });
  }

  /** Writes everything home and syncs it. */
  settle(): void {
    this.#tool("mupip", ["rundown", "-region", "*"]);
    execFileSync("sync", [join(this.#data, "g.dat")]);
  }

  /** Operations a second of a label, summed over processes that begin together. */
  async rate(label: string, processes: number = 1, at?: number): Promise<number> {
    const loops = await this.loops(label, processes);
    const rates = await Promise.all(loops.map((loop) => loop.begin(at)));
    return rates.reduce((sum, rate) => sum + rate, 0);
  }

  /** So many processes that are ready for the loop of a label, which may look at the parameters. */
  async loops(label: string, processes: number, parameters: readonly number[] = []): Promise<GtmLoop[]> {
    const children = Array.from(
      { length: processes },
      () =>
        spawn(join(this.#programs, "mumps"), this.#command(label, parameters), {
          env: this.#environment,
          stdio: ["pipe", "pipe", "inherit"],
        }),
    );
    return await Promise.all(children.map((child) => ready(child, label)));
  }

  #command(label: string, parameters: readonly number[]): string[] {
    const { records, ms } = this.#place;
    return ["-run", `${label}^bench`, ...[records, ms, ...parameters].map(String)];
  }

  #tool(name: string, parameters: readonly string[], input: string = ""): void {
    const done = spawnSync(join(this.#programs, name), parameters, { env: this.#environment, input });
    if (done.status !== 0) throw new Error(`${name} ${parameters.join(" ")}: ${done.stdout}${done.stderr}`);
  }
}

/** Waits until a process says that it is ready. */
async function ready(child: ChildProcess, label: string): Promise<GtmLoop> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`mumps -run ${label} ended early`);
      if (value.trim() !== "") return value.trim();
    }
  };
  if (await next() !== "ready") throw new Error(`${label} is not ready`);
  return {
    begin: async (at) => {
      child.stdin!.end(at === undefined ? "go\n" : `${Math.round(at * 1000)}\n`);
      return Number(await next());
    },
  };
}
