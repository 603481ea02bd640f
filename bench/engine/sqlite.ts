/**
 * SQLite: `bun:sqlite` under Bun (the baseline of all ratios), `node:sqlite` under Deno; settings of
 * peers.md.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync } from "node:fs";
import { GET, openSqlite, PUT, sqlitePath } from "../common/sqlite_connection.ts";
import { type Figure, type Job, quarterPool, type Subject } from "./job.ts";
import { once, synchronous } from "../common/measure.ts";
import { ascending, Draw, flatKey, scattered, value } from "../common/records.ts";

/** Records a transaction while loading. */
const LOAD_BATCH = 100_000;

async function load(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const settings = "WAL, synchronous=NORMAL, transactions of 100,000, checkpoint and fsync at the end";
  for (const order of ["scattered", "sequential"] as const) {
    rmSync(job.directory, { recursive: true, force: true });
    mkdirSync(job.directory, { recursive: true });
    const connection = await openSqlite(job, "normal");
    const insert = connection.prepare("insert into t values(?,?)");
    const measured = await once(job.records, () => {
      let count = 0;
      connection.execute("begin");
      for (const i of order === "scattered" ? scattered(job.records) : ascending(job.records)) {
        insert.run(flatKey(i), value(i));
        if (++count % LOAD_BATCH === 0) {
          connection.execute("commit");
          connection.execute("begin");
        }
      }
      connection.execute("commit");
      connection.execute("pragma wal_checkpoint(truncate)");
      const file = openSync(sqlitePath(job), "r+");
      fsyncSync(file);
      closeSync(file);
    });
    connection.prepare("insert or replace into c values(?,?)").run(1, 0);
    connection.close();
    tell({ workload: `W1 load, ${order}`, ...measured, settings });
  }
}

async function read(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const connection = await openSqlite(job, "normal");
  const draw = new Draw();
  const select = connection.prepare(GET);
  let characters = 0;
  const get = (): void => {
    characters += (select.get(flatKey(draw.below(job.records))) as { v: string }).v.length;
  };
  const settings = "WAL, cache 512 MiB, mmap 1 GiB";
  tell({ workload: "W2 get", ...await synchronous(get, job), settings });
  const scan = (): void => {
    for (const row of connection.prepare("select k,v from t order by k").iterate()) {
      const { k, v } = row as { k: string; v: string };
      characters += k.length + v.length;
    }
  };
  scan();
  tell({ workload: "W3 scan", ...await once(job.records, scan), settings: `${settings}, second pass` });
  connection.close();
}

async function write(job: Job, tell: (figure: Figure) => void): Promise<void> {
  for (const mode of ["full", "normal"] as const) {
    const connection = await openSqlite(job, mode);
    const draw = new Draw();
    const upsert = connection.prepare(PUT);
    const put = (): void => {
      const i = draw.below(job.records);
      upsert.run(flatKey(i), value(i + 1));
    };
    const putMany = (): void => {
      connection.execute("begin immediate");
      for (let j = 0; j < 64; j++) put();
      connection.execute("commit");
    };
    const isDurable = mode === "full";
    const settings = `WAL, synchronous=${mode.toUpperCase()}`;
    const options = { ...job, every: 1 };
    const one = await synchronous(put, isDurable ? options : job);
    tell({
      workload: isDurable ? "W4 durable, 1 writer" : "W5 relaxed, 1 in flight",
      ...one,
      settings: `${settings}, a transaction a record`,
    });
    tell({
      workload: isDurable ? "W4 durable, 64 writers" : "W5 relaxed, 64 in flight",
      ...await synchronous(putMany, { ...options, operations: 64 }),
      settings: `${settings}, the program groups 64 a transaction`,
    });
    connection.close();
  }
}

async function increment(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const connection = await openSqlite(job, "normal");
  const statement = connection.prepare("update c set n=n+1 where id=? returning n");
  const measured = await synchronous(() => statement.get(1), job);
  const settings = "WAL, synchronous=NORMAL; its calls are synchronous, so one figure stands for both";
  tell({ workload: "W6 increment, 1 in flight", ...measured, settings });
  tell({ workload: "W6 increment, 64 in flight", ...measured, settings });
  connection.close();
}

async function beyond(job: Job, tell: (figure: Figure) => void): Promise<void> {
  const cacheBytes = quarterPool(job);
  const connection = await openSqlite(job, "normal", { cacheBytes, mmapBytes: 0 });
  const draw = new Draw();
  const select = connection.prepare(GET);
  const upsert = connection.prepare(PUT);
  let turn = 0;
  const get = (): unknown => select.get(flatKey(draw.below(job.records)));
  const mixed = (): unknown => {
    const i = draw.below(job.records);
    return ++turn % 10 === 0 ? upsert.run(flatKey(i), value(i + turn)) : select.get(flatKey(i));
  };
  const settings = `WAL, synchronous=NORMAL, cache ${(cacheBytes / 2 ** 20).toFixed(0)} MiB, no mmap`;
  tell({ workload: "4x pool, get", ...await synchronous(get, job), settings });
  tell({ workload: "4x pool, mixed 90/10", ...await synchronous(mixed, job), settings });
  connection.close();
}

/** SQLite as a subject. */
export const subject: Subject = (job, tell) =>
  ({ load, read, write, increment, beyond })[job.step](job, tell);
