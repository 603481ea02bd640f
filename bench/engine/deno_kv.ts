/**
 * Deno KV on a local file. It syncs every commit and has no other mode; at most 200,000 records, for it is
 * slow.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Figure, Job, Subject } from "./job.ts";
import { awaited, inFlight, once } from "../common/measure.ts";
import { ascending, Draw, scattered, subscripts, value } from "../common/records.ts";

const RECORDS_MAX = 200_000;
/** Sets an atomic commit while loading. */
const LOAD_BATCH = 1000;

type Key = readonly (string | number)[];

interface Atomic {
  set(key: Key, value: string): Atomic;
  sum(key: Key, by: bigint): Atomic;
  commit(): Promise<unknown>;
}

/** What of the unstable API is used here. */
interface Kv {
  get(key: Key): Promise<{ value: string }>;
  set(key: Key, value: string): Promise<unknown>;
  list(selector: { prefix: Key }, options: { batchSize: number }): AsyncIterable<{ value: string }>;
  atomic(): Atomic;
  close(): void;
}

function pathOf(job: Job): string {
  return join(job.directory, "kv.db");
}

function open(job: Job): Promise<Kv> {
  const { Deno } = globalThis as unknown as { Deno: { openKv(path: string): Promise<Kv> } };
  return Deno.openKv(pathOf(job));
}

async function load(job: Job, records: number, tell: (figure: Figure) => void): Promise<void> {
  const settings = `atomic commits of ${LOAD_BATCH}, each synced; ${records} records`;
  for (const order of ["scattered", "sequential"] as const) {
    rmSync(job.directory, { recursive: true, force: true });
    mkdirSync(job.directory, { recursive: true });
    const kv = await open(job);
    const measured = await once(records, async () => {
      let atomic = kv.atomic();
      let count = 0;
      for (const i of order === "scattered" ? scattered(records) : ascending(records)) {
        atomic.set(subscripts(i), value(i));
        if (++count % LOAD_BATCH !== 0) continue;
        await atomic.commit();
        atomic = kv.atomic();
      }
      await atomic.commit();
      kv.close();
      for (const path of [pathOf(job), `${pathOf(job)}-wal`]) {
        if (!existsSync(path)) continue;
        const file = openSync(path, "r+");
        fsyncSync(file);
        closeSync(file);
      }
    });
    tell({ workload: `W1 load, ${order}`, ...measured, settings });
  }
}

async function read(job: Job, records: number, tell: (figure: Figure) => void): Promise<void> {
  const kv = await open(job);
  const draw = new Draw();
  const get = (): Promise<unknown> => kv.get(subscripts(draw.below(records)));
  tell({ workload: "W2 get", ...await awaited(get, job), settings: `${records} records` });
  const scan = async (): Promise<void> => {
    let characters = 0;
    for await (const entry of kv.list({ prefix: ["patient"] }, { batchSize: 500 })) {
      characters += entry.value.length;
    }
    if (characters !== records * 100) throw new Error(`Scanned ${characters} characters`);
  };
  tell({ workload: "W3 scan", ...await once(records, scan), settings: `batches of 500, ${records} records` });
  kv.close();
}

async function write(job: Job, records: number, tell: (figure: Figure) => void): Promise<void> {
  const kv = await open(job);
  const draw = new Draw();
  const set = (): Promise<unknown> => {
    const i = draw.below(records);
    return kv.set(subscripts(i), value(i + 1));
  };
  const settings = "one sync a set";
  tell({ workload: "W4 durable, 1 writer", ...await awaited(set, { ...job, every: 1 }), settings });
  tell({ workload: "W4 durable, 64 writers", ...await inFlight(set, 64, job), settings });
  kv.close();
}

async function increment(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const kv = await open(job);
  const add = (): Promise<unknown> => kv.atomic().sum(["c", 1], 1n).commit();
  const settings = "atomic().sum(), one sync a commit: there is no relaxed mode";
  tell({ workload: "W6 increment, 1 in flight", ...await awaited(add, { ...job, every: 1 }), settings });
  kv.close();
}

/** Deno KV as a subject. */
export const subject: Subject = async (job, tell) => {
  const records = Math.min(job.records, RECORDS_MAX);
  if (job.step === "load") await load(job, records, tell);
  else if (job.step === "read") await read(job, records, tell);
  else if (job.step === "write") await write(job, records, tell);
  else if (job.step === "increment") await increment(job, tell);
};
