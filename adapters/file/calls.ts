/** Calls of `node:fs` as promises, off the loop where the runtime can, with their errors by code. */
import * as fs from "node:fs";
import { syncError, systemError } from "./system_error.ts";

type Callback<T> = (error: Error | null, result?: T) => void;

/** What the adapter asks of Deno's own file system calls, where Deno's `node:fs` runs on the loop. */
interface DenoRuntime {
  openSync(path: string, options: { read?: boolean; write?: boolean; append?: boolean }): DenoFile;
  link(from: string, to: string): Promise<void>;
}

/** An open file of Deno: writes at a cursor, off the loop. */
export interface DenoFile {
  seekSync(offset: number, whence: 0): number;
  write(bytes: Uint8Array): Promise<number>;
  statSync(): { readonly dev: number | null; readonly ino: number | null };
  close(): void;
}

/**
 * Deno itself, or undefined elsewhere. Deno 2.9 makes the callback forms of `fs.write` and `fs.link` on the
 * loop (256 MB: 830 ms inside the call), while its own calls do not: this is the one place where the source
 * differs.
 */
export const deno: DenoRuntime | undefined = (globalThis as { Deno?: DenoRuntime }).Deno;

/**
 * Runs a call that ends with a callback; a failure is told with `operation` and `path`, and a missing
 * permission as one for `directory`.
 */
function call<T>(
  operation: string,
  path: string,
  start: (done: Callback<T>) => void,
  directory?: string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const done: Callback<T> = (error, result) => {
      if (error === null || error === undefined) resolve(result as T);
      else reject(systemError(operation, path, error, undefined, directory));
    };
    try {
      start(done);
    } catch (error) {
      reject(systemError(operation, path, error, undefined, directory));
    }
  });
}

/** Keeps the opening of a named pipe from waiting for its other end; is nothing to a file. */
const NO_WAIT: number = fs.constants.O_NONBLOCK ?? 0;

/** Opens `path`; answers the descriptor. */
export function open(
  operation: string,
  path: string,
  flags: number,
  mode?: number,
): Promise<number> {
  return call(operation, path, (done: Callback<number>) => fs.open(path, flags | NO_WAIT, mode, done));
}

/** Opens a directory, to sync it; answers the descriptor. */
export function openDirectory(operation: string, path: string): Promise<number> {
  return call(operation, path, (done: Callback<number>) => fs.open(path, "r", done), path);
}

/** Closes a descriptor. */
export function close(operation: string, path: string, fd: number): Promise<void> {
  return call(operation, path, (done: Callback<void>) => fs.close(fd, done));
}

/** Kind, size in bytes and identity of an open file. */
export function status(operation: string, path: string, fd: number): Promise<fs.Stats> {
  return call(operation, path, (done: Callback<fs.Stats>) => fs.fstat(fd, done));
}

/**
 * Inode and birth of an open file, as text. In whole milliseconds, which is all that every runtime tells, and
 * from integers: a rounded one would be another text on another runtime.
 */
export async function identity(operation: string, path: string, fd: number): Promise<string> {
  const status = await call(
    operation,
    path,
    (done: Callback<fs.BigIntStats>) => fs.fstat(fd, { bigint: true }, done),
  );
  return `${status.ino.toString(16)}-${(status.birthtimeNs / 1_000_000n).toString(16)}`;
}

/** Makes data and size of a file durable; `SYNC_FAILED` when it cannot. */
export function syncData(operation: string, path: string, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, (error) => error === null ? resolve() : reject(syncError(operation, path, error)));
  });
}

/** Makes a file, its size and all its attributes durable; `SYNC_FAILED` when it cannot. */
export function syncAll(operation: string, path: string, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => error === null ? resolve() : reject(syncError(operation, path, error)));
  });
}

/** Gives a file a second name; rejects when that exists. */
export function link(operation: string, path: string, from: string): Promise<void> {
  if (deno === undefined) return call(operation, path, (done: Callback<void>) => fs.link(from, path, done));
  return deno.link(from, path).catch((error) => {
    throw systemError(operation, path, error);
  });
}

/** Removes a name. */
export function unlink(operation: string, path: string): Promise<void> {
  return call(operation, path, (done: Callback<void>) => fs.unlink(path, done));
}

/** Removes an empty directory. */
export function removeDirectory(operation: string, path: string): Promise<void> {
  return call(operation, path, (done: Callback<void>) => fs.rmdir(path, done), path);
}

/** Makes a directory. */
export function makeDirectory(operation: string, path: string, mode: number): Promise<void> {
  return call(
    operation,
    path,
    (done: Callback<void>) => fs.mkdir(path, { mode }, (error) => done(error)),
    path,
  );
}

/** Names in a directory, in no order. */
export function readDirectory(operation: string, path: string): Promise<string[]> {
  return call(operation, path, (done: Callback<string[]>) => fs.readdir(path, done), path);
}

/** All bytes of a file. */
export function readFile(operation: string, path: string): Promise<Uint8Array> {
  return call(
    operation,
    path,
    (done: Callback<Uint8Array>) => fs.readFile(path, { flag: fs.constants.O_RDONLY | NO_WAIT }, done),
  );
}

/** All bytes of a file just opened. */
export function readOpen(operation: string, path: string, fd: number): Promise<Uint8Array> {
  return call(operation, path, (done: Callback<Uint8Array>) => fs.readFile(fd, done));
}

/** The path with all links followed. */
export function realPath(operation: string, path: string): Promise<string> {
  return call(operation, path, (done: Callback<string>) => fs.realpath(path, done), path);
}

/** Kind and times of the directory a name leads to, links followed. */
export function directoryStatus(operation: string, path: string): Promise<fs.Stats> {
  return call(operation, path, (done: Callback<fs.Stats>) => fs.stat(path, done), path);
}

/** Kind and times of what a name stands for, links not followed. */
export function linkStatus(operation: string, path: string): Promise<fs.Stats> {
  return call(operation, path, (done: Callback<fs.Stats>) => fs.lstat(path, done));
}

/** Writes all of `bytes` to a file just opened. */
export function writeFile(operation: string, path: string, fd: number, bytes: Uint8Array): Promise<void> {
  return call(operation, path, (done: Callback<void>) => fs.writeFile(fd, bytes, done));
}

/** Cuts a file. */
export function truncate(operation: string, path: string, fd: number, bytes: number): Promise<void> {
  return call(operation, path, (done: Callback<void>) => fs.ftruncate(fd, bytes, done));
}

/** Type number of the file system that holds a path. */
export async function fileSystemType(operation: string, path: string): Promise<number> {
  return (await call(operation, path, (done: Callback<fs.StatsFs>) => fs.statfs(path, done), path)).type;
}
