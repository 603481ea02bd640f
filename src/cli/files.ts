/**
 * Files that a command reads and writes: `-` or none is standard input and output, gzip is seen by itself.
 */
import { Buffer } from "node:buffer";
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync, statSync } from "node:fs";
import process from "node:process";
import { Readable, type Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { drained, type Terminal } from "./terminal.ts";

/** Bytes to be read. */
export interface InputFile {
  /** The bytes, unpacked when they were packed by gzip. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Part of the file that was read, 0 to 1; undefined when its size is not known. */
  part(): number | undefined;
}

/** Opens `file` to be read; the signal ends even a wait for more. */
export function openInput(file: string | undefined, signal: AbortSignal): InputFile {
  const isStandard = file === undefined || file === "-";
  const size = isStandard ? 0 : statSync(file).size;
  const stream: Readable = isStandard ? process.stdin : createReadStream(file);
  // An error before the first chunk is asked for is met again there.
  stream.on("error", () => {});
  signal.addEventListener("abort", () => stream.destroy(signal.reason), { once: true });
  let read = 0;
  async function* counted(): AsyncIterable<Uint8Array> {
    for await (const chunk of stream) {
      read += chunk.length;
      yield chunk;
    }
  }
  return { chunks: unpacked(counted()), part: () => size === 0 ? undefined : read / size };
}

/** The bytes as they are, or unpacked when they begin as gzip does. */
async function* unpacked(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  let rest = true;
  while (head.length < 2 && rest) {
    const next = await iterator.next();
    if (next.done === true) rest = false;
    else head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncIterable<Uint8Array> {
    if (head.length > 0) yield head;
    if (rest) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzipped(all());
  else yield* all();
}

async function* gunzipped(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = Readable.from(chunks, { objectMode: false });
  const gunzip = createGunzip();
  source.on("error", (error) => gunzip.destroy(error));
  yield* source.pipe(gunzip) as AsyncIterable<Uint8Array>;
}

/** Writes `chunks` to `file`, packed when its name ends in `.gz`; a file is there whole or not at all. */
export async function writeOutput(
  file: string | undefined,
  chunks: AsyncIterable<Uint8Array>,
  terminal: Terminal,
): Promise<void> {
  if (file === undefined || file === "-") {
    for await (const chunk of chunks) {
      if (terminal.isGone) return;
      await terminal.write(chunk);
    }
    return;
  }
  // A pipe or device is written as it is.
  const isPlain = !existsSync(file) || statSync(file).isFile();
  const path = isPlain ? `${file}.partial` : file;
  try {
    await writeFile(path, chunks, file.endsWith(".gz"));
    if (isPlain) renameSync(path, file);
  } catch (error) {
    if (isPlain) rmSync(path, { force: true });
    throw error;
  }
}

async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>, isPacked: boolean): Promise<void> {
  const target = createWriteStream(path);
  const failed = new Promise<never>((_, reject) => target.on("error", reject));
  failed.catch(() => {});
  const first: Writable = isPacked ? createGzip() : target;
  if (isPacked) first.pipe(target);
  const work = async (): Promise<void> => {
    for await (const chunk of chunks) {
      if (!first.write(chunk)) await drained(first);
    }
    first.end();
    await finished(target);
  };
  try {
    await Promise.race([work(), failed]);
  } finally {
    target.destroy();
  }
}
