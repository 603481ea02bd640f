/**
 * `cohort dump`: blocks, journals and image journals as text, read as they lie there; nothing is mounted or
 * changed.
 */
import { existsSync, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { CohortError, type Storage } from "../../mod.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { BLOCK_BYTES_ALLOWED } from "../ground/limits.ts";
import { volumePath } from "../node/volume_file.ts";
import { decodeVolumeHeader, probeBlockSize, tagOf } from "../storage/volume_header.ts";
import { type Command, EXIT_OK, expectPositionals, type Invocation, UsageError } from "./command.ts";
import { blockLines } from "./dump_block.ts";
import { imageLines, journalLines } from "./dump_journal.ts";

/** The command. */
export const dumpCommand: Command = {
  name: "dump",
  summary: "show blocks, a journal or an image journal as text",
  usage: "DB block N [--block-size BYTES] | DB journal [DIR] | DB images [DIR]",
  help: `Shows what lies in files, damaged or not, and changes nothing; the database may be mounted meanwhile.

  block N        block N of the volume: header, then entries, used places or value
  journal [DIR]  the journal in DIR, group by group: what each changed in which block
  images [DIR]   the image journal in DIR: the last write cycle

DIR is the directory of one incarnation; by default every one below DB.

  --block-size   bytes of a block, when both header slots of the volume are damaged`,
  options: { "block-size": { type: "string" } },
  run,
};

async function run({ positionals, values, terminal, signal }: Invocation): Promise<number> {
  const [directory, what, argument] = expectPositionals(positionals, positionals[1] === "block" ? 3 : 2, 3);
  const given = values["block-size"] === undefined ? undefined : blockSizeOf(String(values["block-size"]));
  if (what === "block") {
    for (const line of await dumpBlock(directory!, argument!, given)) await terminal.print(line);
    return EXIT_OK;
  }
  if (what !== "journal" && what !== "images") {
    throw new UsageError(`dump what? block, journal or images, got ${what}`);
  }
  const storage = createFileStorage();
  try {
    const blockSize = given ?? (what === "images" ? 0 : (await volumeFacts(directory!)).blockSize);
    for (const it of argument === undefined ? incarnationsOf(directory!) : [argument]) {
      for await (const line of linesOf(storage, it, what, blockSize)) {
        signal.throwIfAborted();
        if (terminal.isGone) return EXIT_OK;
        await terminal.print(line);
      }
    }
  } finally {
    await storage.close();
  }
  return EXIT_OK;
}

function linesOf(
  storage: Storage,
  directory: string,
  what: string,
  blockSize: number,
): AsyncIterable<string> {
  return what === "journal" ? journalLines(storage, directory, blockSize) : imageLines(storage, directory);
}

function blockSizeOf(text: string): number {
  if (!BLOCK_BYTES_ALLOWED.includes(Number(text))) {
    throw new UsageError(`--block-size is one of ${BLOCK_BYTES_ALLOWED.join(", ")}, got ${text}`);
  }
  return Number(text);
}

/** The directories of incarnations below a database's directory. */
function incarnationsOf(directory: string): string[] {
  if (!existsSync(directory)) throw notFound(directory, "no such directory");
  const names = readdirSync(directory).filter((name) => /^[0-9a-f]{32}$/.test(name)).sort();
  if (names.length === 0) {
    throw notFound(directory, "no journals are here: it was closed cleanly, or they lie elsewhere");
  }
  return names.map((name) => join(directory, name));
}

function notFound(path: string, found: string): CohortError {
  return new CohortError("NOT_FOUND", `Could not dump ${path}: ${found}`, { path });
}

async function dumpBlock(
  directory: string,
  text: string,
  given: number | undefined,
): Promise<string[]> {
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(`dump which block? got ${text}`);
  const number = Number(text);
  const { blockSize, tag } = given === undefined
    ? await volumeFacts(directory)
    : await volumeFacts(directory).catch(() => ({ blockSize: given, tag: undefined }));
  const bytes = await readBytes(volumePath(directory), number * blockSize, blockSize);
  if (bytes.length < blockSize) {
    throw notFound(
      volumePath(directory),
      `it ends before block ${number} does, with ${bytes.length} of its bytes`,
    );
  }
  // Without a header slot that tells the volume's tag the block is taken at its word.
  return blockLines(bytes, number, tag ?? new DataView(bytes.buffer).getUint32(24, true));
}

/** Block size and tag of a volume, from whichever header slot is valid. */
async function volumeFacts(directory: string): Promise<{ blockSize: number; tag: number }> {
  const path = volumePath(directory);
  if (!existsSync(path)) throw notFound(path, "there is no database");
  const largest = Math.max(...BLOCK_BYTES_ALLOWED);
  const front = await readBytes(path, 0, 2 * largest);
  let isVolume = false;
  for (const size of BLOCK_BYTES_ALLOWED) {
    for (const slot of [0, 1]) {
      const bytes = front.subarray(slot * size, (slot + 1) * size);
      if (bytes.length < size || probeBlockSize(bytes) === undefined) continue;
      isVolume = true;
      const header = decodeVolumeHeader(bytes, slot);
      if (header !== undefined) return { blockSize: size, tag: tagOf(header.incarnation) };
    }
  }
  if (isVolume) {
    throw new CohortError(
      "CORRUPT",
      `Could not read ${path}: both header slots are damaged; give --block-size`,
      { path },
    );
  }
  throw new CohortError("NOT_A_VOLUME", `Could not read ${path}: it is not a Cohort volume`, { path });
}

/** Up to `length` bytes at `position`. */
async function readBytes(path: string, position: number, length: number): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.slice(0, filled);
  } finally {
    await file.close();
  }
}
