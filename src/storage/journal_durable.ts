/**
 * makeDurable: the first step of every recovery (DESIGN D9).
 *
 * A dead journal may be readable only because the page cache still has it, and "a sync of a file whose author
 * died proves nothing". What lies behind the last position that the journal names as synced is copied and the
 * copy synced, before anything that was read there is acted upon; then the journal's end is fixed for ever.
 */
import { CohortError } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";
import { type ChainOptions, JournalChain } from "./journal_chain.ts";
import { encodeJournalEnd, END_NAME, type JournalEnd, readJournalEnd, TAIL_NAME } from "./journal_end.ts";
import { segmentNumber } from "./journal_segment.ts";
import { syncFailed } from "./journal_waiters.ts";

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
  for await (const _ of chain.batches());
  const { incarnation, closed, named: start } = chain;
  let end: JournalEnd = { incarnation, start, end: start, tailBytes: 0, closed };
  if (chain.contentEnd > start) {
    const tailBytes = await copyTail(storage, directory, start, chain.position);
    end = { ...end, end: chain.position, tailBytes };
  }
  await storage.createRegister(`${directory}/${END_NAME}`, encodeJournalEnd(end));
  // Whoever created it, what it says is what counts.
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

/** Copies the frames from `start` to `end` to the tail file and syncs it; returns its bytes. */
async function copyTail(storage: Storage, directory: string, start: number, end: number): Promise<number> {
  const path = `${directory}/${TAIL_NAME}`;
  const file = await storage.openStream(path, { access: "write", create: true });
  try {
    const chain = await JournalChain.open(storage, directory, {});
    let bytes = 0;
    for await (const frame of chain.frames(start)) {
      if (frame.header.position < start) continue;
      await file.write(bytes, frame.bytes.subarray(frame.at, frame.at + frame.header.length));
      bytes += frame.header.length;
    }
    if (chain.position !== end) {
      throw unreadable(directory, `it ended at ${end} and now at ${chain.position}`);
    }
    try {
      await file.sync(false);
    } catch (error) {
      throw syncFailed(path, error);
    }
    return bytes;
  } finally {
    await file.close();
  }
}

function unreadable(directory: string, found: string): CohortError {
  return new CohortError("IO", `Could not make journal ${directory} durable: ${found}`, {
    path: directory,
    found,
  });
}
