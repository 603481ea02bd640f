/** Cohort itself, through its public calls, an `await` per operation. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Database, type Durability, type Global, type Node, openNode } from "@cohort/db";
import { type Figure, type Job, quarterPool, type Subject } from "./job.ts";
import { awaited, inFlight, once } from "../common/measure.ts";
import { ascending, Draw, scattered, subscripts, value } from "../common/records.ts";

const POOL_BYTES = 512 * 1024 * 1024;
/** Sets awaited together while loading; two such batches are under way. */
const BATCH = 1000;

interface Opened {
  readonly node: Node;
  readonly database: Database;
  readonly records: Global<string>;
  readonly counters: Global<number>;
}

async function open(job: Job, durability: Durability, poolBytes: number = POOL_BYTES): Promise<Opened> {
  const node = await openNode({ dir: join(job.directory, "node"), durability, poolBytes });
  const database = await node.mount(join(job.directory, "database"), { create: true });
  return {
    node,
    database,
    records: database.global<string>("Patient"),
    counters: database.global<number>("C"),
  };
}

async function close({ node, database }: Opened): Promise<void> {
  await database.dismount();
  await node.close();
}

/** Sets all and makes them durable, as the other subjects do: at the end. */
async function loadAll({ node, records }: Opened, order: Iterable<number>): Promise<void> {
  let batch: Array<Promise<void>> = [];
  let before: Promise<unknown> = Promise.resolve();
  for (const i of order) {
    batch.push(records.set(subscripts(i), value(i)));
    if (batch.length < BATCH) continue;
    const now = Promise.all(batch);
    await before;
    before = now;
    batch = [];
  }
  await before;
  await Promise.all(batch);
  await node.sync();
}

async function load(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const settings =
    `durability relaxed, two batches of ${BATCH} sets awaited together, node.sync() at the end, pool 512 ` +
    "MiB; blocks go home later";
  for (const order of ["scattered", "sequential"] as const) {
    rmSync(job.directory, { recursive: true, force: true });
    mkdirSync(job.directory, { recursive: true });
    const opened = await open(job, "relaxed");
    const numbers = order === "scattered" ? scattered(job.records) : ascending(job.records);
    const measured = await once(job.records, () => loadAll(opened, numbers));
    await opened.counters.set([1], 0);
    await close(opened);
    tell({ workload: `W1 load, ${order}`, ...measured, settings });
  }
}

/** Reads everything once, so that the pool is warm; the number of records and characters seen. */
async function scan(records: Global<string>): Promise<{ count: number; characters: number }> {
  let count = 0;
  let characters = 0;
  for await (const batch of records.entries().batches()) {
    for (const [key, text] of batch) {
      count++;
      characters += key.length + text.length;
    }
  }
  return { count, characters };
}

async function read(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const opened = await open(job, "relaxed");
  const { records } = opened;
  const draw = new Draw();
  const { count } = await scan(records);
  if (count !== job.records) throw new Error(`Found ${count} records of ${job.records}`);
  const get = (): Promise<string | undefined> => records.get(subscripts(draw.below(job.records)));
  tell({ workload: "W2 get", ...await awaited(get, job), settings: "pool 512 MiB, all resident" });
  await scan(records);
  const measured = await once(job.records, () => scan(records));
  tell({ workload: "W3 scan", ...measured, settings: "entries().batches(), third pass" });
  await close(opened);
}

async function write(job: Job, tell: (figure: Figure) => void): Promise<void> {
  for (const durability of ["sync", "relaxed"] as const) {
    const opened = await open(job, durability);
    const { records } = opened;
    const draw = new Draw();
    await scan(records);
    const set = (): Promise<void> => {
      const i = draw.below(job.records);
      return records.set(subscripts(i), value(i + 1));
    };
    const isDurable = durability === "sync";
    const settings = `durability ${durability}, pool 512 MiB`;
    const one = await awaited(set, isDurable ? { ...job, every: 1 } : job);
    tell({
      workload: isDurable ? "W4 durable, 1 writer" : "W5 relaxed, 1 in flight",
      ...one,
      settings,
    });
    tell({
      workload: isDurable ? "W4 durable, 64 writers" : "W5 relaxed, 64 in flight",
      ...await inFlight(set, 64, job),
      settings,
    });
    await close(opened);
  }
}

async function increment(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const opened = await open(job, "relaxed");
  const { counters } = opened;
  const add = (): Promise<number> => counters.increment([1]);
  const settings = "durability relaxed, one counter";
  tell({ workload: "W6 increment, 1 in flight", ...await awaited(add, job), settings });
  tell({ workload: "W6 increment, 64 in flight", ...await inFlight(add, 64, job), settings });
  await close(opened);
}

async function beyond(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const poolBytes = quarterPool(job);
  const opened = await open(job, "relaxed", poolBytes);
  const { records } = opened;
  const draw = new Draw();
  let turn = 0;
  await scan(records);
  const get = (): Promise<string | undefined> => records.get(subscripts(draw.below(job.records)));
  const mixed = (): Promise<unknown> => {
    const i = draw.below(job.records);
    return ++turn % 10 === 0 ? records.set(subscripts(i), value(i + turn)) : records.get(subscripts(i));
  };
  const settings = `durability relaxed, pool ${(poolBytes / 2 ** 20).toFixed(0)} MiB`;
  tell({ workload: "4x pool, get", ...await awaited(get, job), settings });
  tell({ workload: "4x pool, mixed 90/10", ...await awaited(mixed, job), settings });
  await close(opened);
}

/** Cohort as a subject. */
export const subject: Subject = (job, tell) =>
  ({ load, read, write, increment, beyond })[job.step](job, tell);
