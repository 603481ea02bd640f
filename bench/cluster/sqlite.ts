/**
 * `bun:sqlite`, the baseline of all ratios: several processes over one file, by WAL; settings of peers.md.
 */
import { mkdirSync, rmSync } from "node:fs";
import { ascending, Draw, flatKey, value } from "../common/records.ts";
import { GET, openSqlite, PUT } from "../common/sqlite_connection.ts";
import { both, type Job, rangeOf, type Stage, type Subject } from "./job.ts";
import { synchronous, timed } from "./timed.ts";

const SETTINGS = "WAL, synchronous=NORMAL, cache 512 MiB, mmap 1 GiB";
const INCREMENT = "update c set n=n+1 where id=? returning n";

async function load(job: Job): Promise<void> {
  rmSync(job.directory, { recursive: true, force: true });
  mkdirSync(job.directory, { recursive: true });
  const connection = await openSqlite(job, "normal");
  const insert = connection.prepare("insert into t values(?,?)");
  connection.execute("begin");
  for (const i of ascending(job.records)) insert.run(flatKey(i), value(i));
  for (const id of [1, 2]) connection.prepare("insert into c values(?,?)").run(id, 0);
  connection.execute("commit");
  connection.execute("pragma wal_checkpoint(truncate)");
  connection.close();
}

async function one(job: Job, stage: Stage): Promise<void> {
  for (const mode of ["full", "normal"] as const) {
    const connection = await openSqlite(job, mode);
    const settings = `WAL, synchronous=${mode.toUpperCase()}`;
    const draw = new Draw();
    const select = connection.prepare(GET);
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
    if (mode === "normal") {
      const get = (): unknown => select.get(flatKey(draw.below(job.records)));
      await stage.together(["W2 get"], SETTINGS, timed(synchronous(get), job));
    }
    const single = mode === "full" ? "W4 durable, 1 writer" : "W5 relaxed, 1 in flight";
    await stage.together([single], `${settings}, a transaction a record`, timed(synchronous(put), job));
    const grouped = mode === "full" ? "W4 durable, 64 writers" : "W5 relaxed, 64 in flight";
    const text = `${settings}, the program groups 64 a transaction`;
    await stage.together([grouped], text, async (at) => {
      const found = await timed(synchronous(putMany), job)(at);
      return { ...found, rate: found.rate * 64, operations: found.operations * 64 };
    });
    if (mode === "normal") {
      const statement = connection.prepare(INCREMENT);
      await stage.together(both("W6 counter"), SETTINGS, timed(synchronous(() => statement.get(1)), job));
    }
    connection.close();
  }
}

async function read(job: Job, stage: Stage): Promise<void> {
  const connection = await openSqlite(job, "normal");
  const select = connection.prepare(GET);
  const draw = new Draw(job.part);
  const get = (): unknown => select.get(flatKey(draw.below(job.records)));
  await stage.together(["W2 get, 2 processes"], SETTINGS, timed(synchronous(get), job));
  connection.close();
}

async function count(job: Job, stage: Stage): Promise<void> {
  const connection = await openSqlite(job, "normal");
  const statement = connection.prepare(INCREMENT);
  for (const name of ["same counter", "different counters"]) {
    const id = name === "same counter" ? 1 : job.part + 1;
    const loop = timed(synchronous(() => statement.get(id)), job);
    await stage.together(both(`W6 ${name}, 2 processes`), SETTINGS, loop);
  }
  connection.close();
}

async function mix(job: Job, stage: Stage): Promise<void> {
  const connection = await openSqlite(job, "normal");
  const select = connection.prepare(GET);
  const upsert = connection.prepare(PUT);
  const draw = new Draw(job.part);
  let turn = 0;
  for (const name of ["own ranges", "uniform"]) {
    const { first, some } = rangeOf(job, name === "own ranges");
    const mixed = (): unknown => {
      const i = first + draw.below(some);
      return ++turn % 10 === 0 ? upsert.run(flatKey(i), value(i + turn)) : select.get(flatKey(i));
    };
    await stage.together(both(`W7 ${name}, 2 processes`), SETTINGS, timed(synchronous(mixed), job));
  }
  connection.close();
}

/** SQLite as a subject. */
export const subject: Subject = (job, stage) => ({ load, one, read, count, mix })[job.step](job, stage);
