import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { groupBytes } from "../../src/storage/journal_frame.ts";
import { append as appendLater, INCARNATION, makeJournal, scan, VOLUME } from "./journal_rig.ts";
import { settle } from "./rig.ts";

test("Journal: a volume added while a rotation waits its turn is named by a segment that stays", async () => {
  const other = "a".repeat(32);
  const { storage, journal } = await makeJournal({ segmentBytes: 16_384, reserveBytes: 16_384 });
  await journal.addVolume(VOLUME, INCARNATION, "a/hr");
  let stamp = 100;
  const bytes = groupBytes(1, 400);
  // The next segment is ready, and there is no more room for a group but for the word of a volume.
  for (;;) {
    await journal.ackOf(await appendLater(journal, ++stamp, 400));
    await settle();
    if (journal.position > 12_288 - 1024 - 2 * 600) break;
  }
  storage.held.add("sync");
  const busy = journal.ackOf(await appendLater(journal, ++stamp, 40));
  await settle();
  const added = journal.addVolume(other, INCARNATION, "a/other");
  const waiting = journal.admit(bytes * 2, ++stamp);
  assert(waiting !== undefined);
  await settle();
  storage.held.delete("sync");
  while (storage.answer());
  await busy;
  assertEquals(await added, 1);
  await waiting;
  journal.withdraw(bytes * 2);
  assertEquals(journal.segments().length, 2);
  await journal.drop(1);
  await journal.admit(bytes, stamp);
  journal.beginGroup(stamp, bytes);
  journal.beginRecord(1, 7, 1);
  journal.endRecord();
  await journal.ackOf(journal.endGroup());
  const left = storage.copy();
  await journal.close();
  const found = await scan(left);
  assertEquals([found.code, found.stamps], ["", [stamp]]);
});
