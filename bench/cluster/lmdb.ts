/** LMDB: several processes over one memory-mapped file; settings of peers.md. */
import { mkdirSync, rmSync } from "node:fs";
import { type LmdbKey, openLmdb } from "../common/lmdb_store.ts";
import { ascending, Draw, subscripts, value } from "../common/records.ts";
import { both, type Job, rangeOf, type Stage, type Subject } from "./job.ts";
import { inFlight, synchronous, timed } from "./timed.ts";

const SETTINGS = "noSync, memory-mapped, string encoding, no cache";
/** Records a transaction while loading. */
const LOAD_BATCH = 100_000;

function counterKey(part: number): LmdbKey {
  return ["c", part + 1];
}

async function load(job: Job): Promise<void> {
  rmSync(job.directory, { recursive: true, force: true });
  mkdirSync(job.directory, { recursive: true });
  const store = openLmdb(job, false);
  const numbers = ascending(job.records);
  const putSome = (): boolean => {
    for (let j = 0; j < LOAD_BATCH; j++) {
      const next = numbers.next();
      if (next.done) return false;
      store.putSync(subscripts(next.value), value(next.value));
    }
    return true;
  };
  while (store.transactionSync(putSome));
  for (const part of [0, 1]) store.putSync(counterKey(part), "0");
  await store.close();
}

async function one(job: Job, stage: Stage): Promise<void> {
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
    if (!isDurable) {
      const get = (): unknown => store.get(subscripts(draw.below(job.records)));
      await stage.together(["W2 get"], SETTINGS, timed(synchronous(get), job));
    }
    const settings = isDurable ? "synced" : "noSync";
    const single = isDurable ? "W4 durable, 1 writer" : "W5 relaxed, 1 in flight";
    await stage.together([single], `${settings}, putSync`, timed(synchronous(put), job));
    const many = isDurable ? "W4 durable, 64 writers" : "W5 relaxed, 64 in flight";
    const text = `${settings}, put, which it batches`;
    await stage.together([many], text, timed(inFlight(putLater, 64), job));
    if (!isDurable) {
      const add = adder(store, 0);
      const sync = timed(synchronous(() => store.transactionSync(add)), job);
      await stage.together(["W6 counter, 1 in flight"], "noSync, transactionSync", sync);
      const later = timed(inFlight(() => store.transaction(add), 64), job);
      await stage.together(["W6 counter, 64 in flight"], "noSync, transaction, which it batches", later);
    }
    await store.close();
  }
}

function adder(store: ReturnType<typeof openLmdb>, part: number): () => string {
  const key = counterKey(part);
  return () => {
    const sum = String(Number(store.get(key)) + 1);
    store.putSync(key, sum);
    return sum;
  };
}

async function read(job: Job, stage: Stage): Promise<void> {
  const store = openLmdb(job, false);
  const draw = new Draw(job.part);
  const get = (): unknown => store.get(subscripts(draw.below(job.records)));
  await stage.together(["W2 get, 2 processes"], SETTINGS, timed(synchronous(get), job));
  await store.close();
}

async function count(job: Job, stage: Stage): Promise<void> {
  const store = openLmdb(job, false);
  for (const name of ["same counter", "different counters"] as const) {
    const add = adder(store, name === "same counter" ? 0 : job.part);
    const title = `W6 ${name}, 2 processes` as const;
    const sync = timed(synchronous(() => store.transactionSync(add)), job);
    await stage.together([`${title}, 1 in flight`], "noSync, transactionSync", sync);
    const later = timed(inFlight(() => store.transaction(add), 64), job);
    await stage.together([`${title}, 64 in flight`], "noSync, transaction, which it batches", later);
  }
  await store.close();
}

async function mix(job: Job, stage: Stage): Promise<void> {
  const store = openLmdb(job, false);
  const draw = new Draw(job.part);
  let turn = 0;
  for (const name of ["own ranges", "uniform"]) {
    const { first, some } = rangeOf(job, name === "own ranges");
    const mixed = (): unknown => {
      const i = first + draw.below(some);
      return ++turn % 10 === 0 ? store.putSync(subscripts(i), value(i + turn)) : store.get(subscripts(i));
    };
    await stage.together(both(`W7 ${name}, 2 processes`), SETTINGS, timed(synchronous(mixed), job));
  }
  await store.close();
}

/** LMDB as a subject. */
export const subject: Subject = (job, stage) => ({ load, one, read, count, mix })[job.step](job, stage);
