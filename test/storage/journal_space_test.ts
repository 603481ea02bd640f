import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { CohortError } from "../../src/ground/errors.ts";
import type { Journal } from "../../src/storage/journal.ts";
import { groupBytes } from "../../src/storage/journal_frame.ts";
import { append, appendAdmitted, makeJournal } from "./journal_rig.ts";
import { ioError, isWaiting, settle } from "./rig.ts";

/** Fills the journal until a group waits for space that cannot be had. */
async function fill(journal: Journal, from: number): Promise<{ waiting: Promise<void>; stamp: number }> {
  for (let stamp = from;; stamp++) {
    const waiting = journal.admit(groupBytes(1, 400), stamp + 1);
    if (waiting !== undefined) return { waiting, stamp };
    await journal.ackOf(appendAdmitted(journal, stamp + 1, 400));
  }
}

test("Journal: says that it is short of space at each try, and drops without more of it", async () => {
  let short = 0;
  const onShort = (): void => void short++;
  const { storage, clock, journal } = await makeJournal({
    segmentBytes: 16_384,
    reserveBytes: 4096,
    onShort,
  });
  let from = 100;
  while (journal.segments().length < 3) {
    const position = append(journal, ++from, 400);
    while (await isWaiting(position)) clock.turn(10);
    await journal.ackOf(await position);
  }
  storage.fault = (operation) => /reserve|open/.test(operation) ? ioError("FULL") : undefined;
  const { waiting, stamp } = await fill(journal, from);
  assert(await isWaiting(waiting));
  assertEquals(journal.state, "frozen");
  const before = short;
  clock.turn(2000);
  assert(before > 0 && short > before, `told ${before}, then ${short} times`);
  assert(journal.canDrop);
  await journal.drop(2);
  assertEquals(journal.segments().map((segment) => segment.number), [3]);
  storage.fault = () => undefined;
  clock.turn(2000);
  await waiting;
  storage.fault = (operation) => operation === "write" ? ioError("FULL") : undefined;
  appendAdmitted(journal, stamp + 1, 400);
  await settle();
  assert(!journal.canDrop, "the word of it could not be written now");
  journal.abandon(new CohortError("STOPPED", "test"));
  await journal.close();
});
