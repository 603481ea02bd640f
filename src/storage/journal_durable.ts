/**
 * makeDurable: the first step of every recovery (DESIGN D9).
 *
 * A dead journal may be readable only because the page cache still has it, and "a sync of a file whose author
 * died proves nothing". What lies behind the last position that the journal names as synced is copied and the
 * copy synced, before anything that was read there is acted upon; then the journal's end is fixed for ever.
 */
import { CohortError } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";
import { type ChainFrame, type ChainOptions, JournalChain } from "./journal_chain.ts";
import { encodeJournalEnd, END_NAME, type JournalEnd, readJournalEnd, TAIL_NAME } from "./journal_end.ts";
import { segmentNumber } from "./journal_segment.ts";
import { syncFailed } from "./journal_waiters.ts";

/** Most bytes of a tail that are kept in memory; a longer one is read again. */
const KEPT_BYTES_MAX = 1024 * 1024;

/**
 * Makes a dead journal durable and fixes its end; does nothing when that was done before. Rejects as a scan
 * does, and with `IO` or `FULL` when the copy cannot be written, or `SYNC_FAILED`; then it may be tried
 * again.
 */
export async function makeDurable(
  storage: Storage,
  directory: string,
  options: ChainOptions = {},
): Promise<JournalEnd> {
  const known = await readJournalEnd(storage, directory);
  if (known !== undefined) return known;
  const chain = await JournalChain.open(storage, directory, options);
  const tail = new Tail();
  for await (const frames of chain.batches()) tail.add(frames, chain.named);
  const { incarnation, closed, named: start } = chain;
  let end: JournalEnd = { incarnation, start, end: start, tailBytes: 0, closed };
  if (chain.contentEnd > start) {
    const tailBytes = tail.frames === undefined
      ? await copyTail(storage, directory, start, readTail(storage, directory, start, chain.position))
      : await copyTail(storage, directory, start, [tail.frames]);
    end = { ...end, end: chain.position, tailBytes };
  }
  if (await storage.createRegister(`${directory}/${END_NAME}`, encodeJournalEnd(end))) return end;
  // Somebody else created it: what it says is what counts.
  const fixed = await readJournalEnd(storage, directory);
  if (fixed === undefined) throw unreadable(directory, `${END_NAME} cannot be read back`);
  return fixed;
}

/**
 * Removes every file of a journal, when nothing needs it any more: a scan of what a crash leaves halfway is
 * loud.
 */
export async function removeJournal(storage: Storage, directory: string): Promise<void> {
  for (const name of await storage.list(directory)) {
    const isOurs = segmentNumber(name) !== undefined || name === TAIL_NAME || name === END_NAME;
    if (isOurs) await storage.remove(`${directory}/${name}`);
  }
}

/** What a frame takes with it to the tail file. */
interface TailFrame {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/**
 * The frames behind what is named as synced so far, kept while they are few: they are read once, not twice.
 */
class Tail {
  /** In order; undefined once they were too many. */
  frames: TailFrame[] | undefined = [];

  add(frames: readonly ChainFrame[], named: number): void {
    if (this.frames === undefined) return;
    const later = frames.filter(({ header }) => header.position >= named).map(tailFrame);
    this.frames = [...this.frames.filter(({ position }) => position >= named), ...later];
    const bytes = this.frames.reduce((sum, it) => sum + it.bytes.length, 0);
    if (bytes > KEPT_BYTES_MAX) this.frames = undefined;
  }
}

function tailFrame({ header: { position, length }, bytes, at }: ChainFrame): TailFrame {
  return { position, bytes: bytes.slice(at, at + length) };
}

/** Reads the frames from `start` to `end` once more. */
async function* readTail(
  storage: Storage,
  directory: string,
  start: number,
  end: number,
): AsyncGenerator<readonly TailFrame[]> {
  const chain = await JournalChain.open(storage, directory, {});
  for await (const frames of chain.batches(start)) yield frames.map(tailFrame);
  if (chain.position !== end) {
    throw unreadable(directory, `it ended at ${end} and now at ${chain.position}`);
  }
}

/** Copies the frames from `start` on to the tail file and syncs it; returns its bytes. */
async function copyTail(
  storage: Storage,
  directory: string,
  start: number,
  batches: AsyncIterable<readonly TailFrame[]> | Iterable<readonly TailFrame[]>,
): Promise<number> {
  const path = `${directory}/${TAIL_NAME}`;
  const file = await storage.openStream(path, { access: "write", create: true });
  try {
    let length = 0;
    for await (const frames of batches) {
      // One write for all that came together.
      const bytes = joined(frames.filter(({ position }) => position >= start));
      if (bytes.length > 0) await file.write(length, bytes);
      length += bytes.length;
    }
    try {
      await file.sync(false);
    } catch (error) {
      throw syncFailed(path, error);
    }
    return length;
  } finally {
    await file.close();
  }
}

function joined(frames: readonly TailFrame[]): Uint8Array {
  const all = new Uint8Array(frames.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of frames) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}

function unreadable(directory: string, found: string): CohortError {
  return new CohortError("IO", `Could not make journal ${directory} durable: ${found}`, {
    path: directory,
    found,
  });
}
