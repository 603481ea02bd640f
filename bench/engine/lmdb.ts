/** LMDB by npm `lmdb`: array keys, values as texts, no cache of JavaScript values; settings of peers.md. */
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync } from "node:fs";
import { type LmdbKey, lmdbPath, openLmdb } from "../common/lmdb_store.ts";
import type { Figure, Job, Subject } from "./job.ts";
import { inFlight, once, synchronous } from "../common/measure.ts";
import { ascending, Draw, scattered, subscripts, value } from "../common/records.ts";

/** Records a transaction while loading. */
const LOAD_BATCH = 100_000;
const COUNTER: LmdbKey = ["c", 1];

async function load(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const settings = "transactions of 100,000, noSync, one fsync at the end";
  for (const order of ["scattered", "sequential"] as const) {
    rmSync(job.directory, { recursive: true, force: true });
    mkdirSync(job.directory, { recursive: true });
    const store = openLmdb(job, false);
    const numbers = order === "scattered" ? scattered(job.records) : ascending(job.records);
    const putSome = (): boolean => {
      for (let j = 0; j < LOAD_BATCH; j++) {
        const next = numbers.next();
        if (next.done) return false;
        store.putSync(subscripts(next.value), value(next.value));
      }
      return true;
    };
    const measured = await once(job.records, async () => {
      while (store.transactionSync(putSome));
      await store.close();
      const file = openSync(lmdbPath(job), "r+");
      fsyncSync(file);
      closeSync(file);
    });
    const again = openLmdb(job, false);
    again.putSync(COUNTER, "0");
    await again.close();
    tell({ workload: `W1 load, ${order}`, ...measured, settings });
  }
}

async function read(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const store = openLmdb(job, false);
  const draw = new Draw();
  let characters = 0;
  const get = (): void => {
    characters += store.get(subscripts(draw.below(job.records)))!.length;
  };
  const settings = "memory-mapped, string encoding, no cache";
  tell({ workload: "W2 get", ...await synchronous(get, job), settings });
  const scan = (): void => {
    const range = { start: ["patient"] as unknown as LmdbKey, end: ["patient", 1e9] as LmdbKey };
    for (const { key, value } of store.getRange(range)) characters += key.length + value.length;
  };
  scan();
  tell({ workload: "W3 scan", ...await once(job.records, scan), settings: `${settings}, second pass` });
  await store.close();
}

async function write(job: Job, tell: (figure: Figure) => void): Promise<void> {
  for (const isDurable of [true, false]) {
    const store = openLmdb(job, isDurable);
    const draw = new Draw();
    const put = (): void => {
      const i = draw.below(job.records);
      store.putSync(subscripts(i), value(i + 1));
    };
    const putLater = (): Promise<boolean> => {
      const i = draw.below(job.records);
      return store.put(subscripts(i), value(i + 1));
    };
    const settings = isDurable ? "synced" : "noSync";
    const one = await synchronous(put, { ...job, every: isDurable ? 1 : 16 });
    tell({
      workload: isDurable ? "W4 durable, 1 writer" : "W5 relaxed, 1 in flight",
      ...one,
      settings: `${settings}, putSync`,
    });
    tell({
      workload: isDurable ? "W4 durable, 64 writers" : "W5 relaxed, 64 in flight",
      ...await inFlight(putLater, 64, job),
      settings: `${settings}, put, which it batches`,
    });
    await store.close();
  }
}

async function increment(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const store = openLmdb(job, false);
  const add = (): string => {
    const sum = String(Number(store.get(COUNTER)) + 1);
    store.putSync(COUNTER, sum);
    return sum;
  };
  const one = await synchronous(() => store.transactionSync(add), job);
  tell({ workload: "W6 increment, 1 in flight", ...one, settings: "noSync, transactionSync" });
  const many = await inFlight(() => store.transaction(add), 64, job);
  tell({
    workload: "W6 increment, 64 in flight",
    ...many,
    settings: "noSync, transaction, which it batches",
  });
  await store.close();
}

async function beyond(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const store = openLmdb(job, false);
  const draw = new Draw();
  let turn = 0;
  const get = (): unknown => store.get(subscripts(draw.below(job.records)));
  const mixed = (): unknown => {
    const i = draw.below(job.records);
    return ++turn % 10 === 0 ? store.putSync(subscripts(i), value(i + turn)) : store.get(subscripts(i));
  };
  const settings = "noSync; it maps the whole file and has no pool to bound";
  tell({ workload: "4x pool, get", ...await synchronous(get, job), settings });
  tell({ workload: "4x pool, mixed 90/10", ...await synchronous(mixed, job), settings });
  await store.close();
}

/** LMDB as a subject. */
export const subject: Subject = (job, tell) =>
  ({ load, read, write, increment, beyond })[job.step](job, tell);
