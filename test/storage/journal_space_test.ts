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

test("Journal: what others have reserved is waited for; no segment begins in vain meanwhile", async () => {
  const { clock, journal } = await makeJournal({ segmentBytes: 16_384, syncIntervalMs: 10 });
  const large = 8_000;
  await journal.ackOf(await append(journal, 101));
  await journal.admit(groupBytes(1, large), 102);
  const waiting = journal.admit(groupBytes(1, large), 103)!;
  for (let i = 0; i < 50; i++) {
    assert(await isWaiting(waiting));
    // What was synced is named by another frame in idle time: then a new segment is not empty any more.
    clock.turn(20);
    await settle();
  }
  assert(journal.stats.rotations <= 1, `${journal.stats.rotations} rotations`);
  await journal.ackOf(appendAdmitted(journal, 102, large));
  await waiting;
  await journal.ackOf(appendAdmitted(journal, 103, large));
  assertEquals(journal.segments().length, 2);
  await journal.close();
});

test("Journal: the largest group finds room in a segment in which small frames came first", async () => {
  const { storage, clock, journal } = await makeJournal({
    segmentBytes: 65_536,
    reserveBytes: 4096,
    syncIntervalMs: 10,
  });
  await journal.ackOf(await append(journal, 101, 1000));
  storage.held.add("reserve");
  let waiting: Promise<void> | undefined;
  let ops = 65_536;
  const refused = async (): Promise<boolean> => {
    let isRefused = false;
    waiting!.catch(() => isRefused = true);
    await settle();
    return isRefused;
  };
  do waiting = journal.admit(groupBytes(1, ops -= 8), 102); while (await refused());
  for (let i = 0; i < 40 && await isWaiting(waiting!); i++) {
    await settle();
    // Space takes longer than it takes until what was synced is named by another frame.
    clock.turn(20);
    await settle();
    for (const call of storage.calls.splice(0)) call.answer();
    await settle();
  }
  assert(!await isWaiting(waiting!), `${journal.stats.rotations} rotations, and it waits still`);
  storage.held.clear();
  for (const call of storage.calls.splice(0)) call.answer();
  await journal.ackOf(appendAdmitted(journal, 102, ops));
  assertEquals(journal.stats.rotations, 1);
  await journal.close();
});

test("Journal: a segment begins for stamps that are expected, before anybody has one to append", async () => {
  const { clock, journal } = await makeJournal({ segmentBytes: 16_384, reserveBytes: 4096 });
  await journal.ackOf(await append(journal, 101));
  const expected = journal.ceiling + 1000;
  journal.expect(expected);
  for (let i = 0; i < 100 && journal.ceiling < expected; i++) {
    await settle();
    clock.turn(1);
  }
  assert(journal.ceiling >= expected, `${journal.ceiling} of ${expected}`);
  assertEquals(journal.segments().length, 2);
  assertEquals(journal.admit(groupBytes(1, 40), expected), undefined, "nobody waits for it");
  appendAdmitted(journal, expected, 40);
  await settle();
  await journal.close();
});
