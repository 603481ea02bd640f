/**
 * Files that a command reads and writes: `-` or none is standard input and output, gzip is seen by itself.
 */
import { Buffer } from "node:buffer";
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync, statSync } from "node:fs";
import process from "node:process";
import { Readable, type Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { CohortError } from "../../mod.ts";
import { systemError } from "../../adapters/file/system_error.ts";
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
  const name = isStandard ? "standard input" : file;
  const size = isStandard ? 0 : sizeOf(file);
  const stream: Readable = isStandard ? process.stdin : createReadStream(file);
  // An error before the first chunk is asked for is met again there.
  stream.on("error", () => {});
  signal.addEventListener("abort", () => stream.destroy(signal.reason), { once: true });
  let read = 0;
  async function* counted(): AsyncIterable<Uint8Array> {
    try {
      for await (const chunk of stream) {
        read += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : systemError("read", name, error);
    }
  }
  return { chunks: unpacked(name, counted()), part: () => size === 0 ? undefined : read / size };
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    throw systemError("read", file, error);
  }
}

/** The bytes as they are, or unpacked when they begin as gzip does. */
async function* unpacked(name: string, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
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
  if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzipped(name, all());
  else yield* all();
}

async function* gunzipped(name: string, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = Readable.from(chunks, { objectMode: false });
  const gunzip = createGunzip();
  source.on("error", (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Uint8Array>;
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    if (!String(code).startsWith("Z_")) throw error;
    throw new CohortError("CORRUPT", `Could not unpack ${name}: ${message}`, { path: name }, error);
  }
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
  const failed = new Promise<never>((_, reject) =>
    target.on("error", (error) => reject(systemError("write", path, error)))
  );
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
