/** LMDB by npm `lmdb`: array keys, values as texts, no cache of JavaScript values; settings of peers.md. */
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";

/** Subscripts as a key. */
export type LmdbKey = [string, number, string] | [string, number];
/** An open store. */
export type LmdbStore = RootDatabase<string, LmdbKey>;

/** Where the store of a job is. */
export function lmdbPath(job: { readonly directory: string }): string {
  return join(job.directory, "db.mdb");
}

/** Opens it with the settings of peers.md. */
export function openLmdb(job: { readonly directory: string }, isDurable: boolean): LmdbStore {
  return open<string, LmdbKey>({
    path: lmdbPath(job),
    encoding: "string",
    mapSize: 4 * 2 ** 30,
    cache: false,
    // A transaction that has returned is synced, or nothing is synced at all.
    ...(isDurable ? { overlappingSync: false } : { overlappingSync: false, noSync: true, noMetaSync: true }),
  });
}
