/** SQLite as two runtimes have it: `bun:sqlite` under Bun, `node:sqlite` under Deno; settings of peers.md. */
import { join } from "node:path";

/** Who opens it, and where. */
export interface SqlitePlace {
  readonly runtime: "bun" | "deno";
  readonly directory: string;
}

type Parameter = string | number;

/** A prepared statement. */
export interface Statement {
  run(...parameters: Parameter[]): unknown;
  get(...parameters: Parameter[]): unknown;
  iterate(): Iterable<unknown>;
}

/** A connection. */
export interface Connection {
  execute(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** The two modules as far as they are used here; neither checker knows both. */
interface BunModule {
  Database: new (path: string, options: { create: boolean }) => {
    run(sql: string): void;
    query(sql: string): Statement;
    close(): void;
  };
}
interface NodeModule {
  DatabaseSync: new (
    path: string,
  ) => { exec(sql: string): void; prepare(sql: string): Statement; close(): void };
}

/** Sets a record. */
export const PUT = "insert into t values(?,?) on conflict(k) do update set v=excluded.v";
/** Reads a record. */
export const GET = "select v from t where k=?";

async function connect(path: string, job: SqlitePlace): Promise<Connection> {
  if (job.runtime === "bun") {
    const name: string = "bun:sqlite";
    const { Database } = await import(name) as BunModule;
    const database = new Database(path, { create: true });
    return {
      execute: (sql) => database.run(sql),
      prepare: (sql) => database.query(sql),
      close: () => database.close(),
    };
  }
  const name: string = "node:sqlite";
  const { DatabaseSync } = await import(name) as NodeModule;
  const database = new DatabaseSync(path);
  return {
    execute: (sql) => database.exec(sql),
    prepare: (sql) => database.prepare(sql),
    close: () => database.close(),
  };
}

/** Sizes of caches. */
export interface Caches {
  readonly cacheBytes: number;
  readonly mmapBytes: number;
}

const ROOMY: Caches = { cacheBytes: 512 * 2 ** 20, mmapBytes: 2 ** 30 };

/** Where the database of a job is. */
export function sqlitePath(job: SqlitePlace): string {
  return join(job.directory, "sqlite.db");
}

/** Opens it with the settings of peers.md, and makes its tables. */
export async function openSqlite(
  job: SqlitePlace,
  synchronous: "full" | "normal",
  caches: Caches = ROOMY,
): Promise<Connection> {
  const connection = await connect(sqlitePath(job), job);
  connection.execute("pragma busy_timeout=20000");
  connection.execute("pragma journal_mode=wal");
  connection.execute(`pragma synchronous=${synchronous}`);
  connection.execute(`pragma cache_size=-${Math.floor(caches.cacheBytes / 1024)}`);
  connection.execute(`pragma mmap_size=${caches.mmapBytes}`);
  connection.execute("create table if not exists t(k text primary key, v text not null) without rowid");
  connection.execute("create table if not exists c(id integer primary key, n integer not null)");
  return connection;
}
