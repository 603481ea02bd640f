import { test } from "#test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { CohortError, InvariantError, isCode } from "../../src/ground/errors.ts";
import { groupBytes } from "../../src/storage/journal_frame.ts";
import { Journal, type JournalOptions } from "../../src/storage/journal.ts";
import { append as appendLater, appendAdmitted, INCARNATION, makeJournal } from "./journal_rig.ts";
import { ioError, isWaiting, settle } from "./rig.ts";

/** Appends one group of one record; returns the position behind it. */
function append(journal: Journal, stamp: number, ops = 40): number {
  const bytes = groupBytes(1, ops);
  assertStrictEquals(journal.admit(bytes, stamp), undefined);
  return appendAdmitted(journal, stamp, ops);
}

test("Journal: groups of one turn leave as one frame and share one sync and one promise", async () => {
  const { storage, journal } = await makeJournal();
  const ends = [append(journal, 101), append(journal, 102), append(journal, 103)];
  const promises = ends.map((end) => journal.ackOf(end));
  assert(promises[0] !== undefined);
  assertStrictEquals(promises[0], promises[2]);
  assertEquals(storage.log, []);
  await promises[0];
  assertEquals(storage.log, ["write journal.000001 4096", "shared", "sync journal.000001 0"]);
  assertStrictEquals(journal.ackOf(ends[2]!), undefined);
  assertEquals(journal.safe, journal.written);
  assertEquals(journal.stats.groups, 3);
  await journal.close();
  assertEquals(storage.open, 0);
});

test("Journal: a lone committer is told to the adapter", async () => {
  const { storage, journal } = await makeJournal();
  await journal.ackOf(append(journal, 101));
  assertEquals(storage.log[1], "lone");
  await journal.close();
});

test("Journal: groups that come during a sync form the next frame", async () => {
  const { storage, journal } = await makeJournal();
  storage.held.add("sync");
  const first = journal.ackOf(append(journal, 101));
  await settle();
  const second = journal.ackOf(append(journal, 102));
  const third = journal.ackOf(append(journal, 103));
  await settle();
  assertStrictEquals(second, third);
  assertEquals(storage.log.filter((line) => line.startsWith("write")).length, 1);
  storage.answer("sync");
  await first;
  assert(await isWaiting(second));
  storage.answer("sync");
  await second;
  assertEquals(journal.stats.frames, 2);
  storage.held.clear();
  await journal.close();
});

test("Journal: relaxed acknowledges what is written, and syncs within the interval", async () => {
  const { storage, clock, journal } = await makeJournal({ durability: "relaxed" });
  const end = append(journal, 101);
  await journal.ackOf(end);
  assertEquals(storage.log, ["write journal.000001 4096"]);
  assert(journal.acknowledged >= end && journal.safe < end);
  clock.turn(999);
  assert(journal.safe < end);
  clock.turn(1);
  assert(journal.safe >= end);
  await journal.close();
});

test("Journal: relaxed writes go on while a sync runs, which covers only what came before it", async () => {
  const { storage, journal } = await makeJournal({ durability: "relaxed" });
  storage.held.add("sync");
  const first = append(journal, 101);
  const safe = journal.makeSafe();
  await settle();
  const second = append(journal, 102);
  await journal.ackOf(second);
  assert(journal.written >= second);
  storage.answer("sync");
  await safe;
  assert(journal.safe >= first && journal.safe < second);
  storage.held.clear();
  await journal.close();
});

test("Journal: what was synced is named by a later frame even when nothing else comes", async () => {
  const { storage, clock, journal } = await makeJournal();
  await journal.ackOf(append(journal, 101));
  storage.log.length = 0;
  clock.turn(1000);
  assertEquals(storage.log.length, 1);
  clock.turn(10_000);
  assertEquals(storage.log.length, 1);
  assertEquals(clock.tasks.length, 0);
  await journal.close();
});

test("Journal.makeSafe() writes and syncs what was appended before it", async () => {
  const { journal } = await makeJournal({ durability: "relaxed" });
  const end = append(journal, 101);
  await journal.makeSafe();
  assert(journal.safe >= end);
  await journal.makeSafe(end);
  assertThrows(() => journal.makeSafe(end + 1000), InvariantError);
  await journal.close();
});

test("Journal: a write that fails freezes, is tried again and loses nothing", async () => {
  for (const code of ["IO", "FULL"] as const) {
    const { storage, clock, observer, journal } = await makeJournal({ durability: "relaxed" });
    storage.fault = (operation) => operation === "write" ? ioError(code) : undefined;
    const end = append(journal, 101);
    const ack = journal.ackOf(end);
    assert(await isWaiting(ack));
    assertEquals(journal.state, "frozen");
    assert(isCode(journal.cause, code));
    const admitted = journal.admit(10, 102);
    assert(await isWaiting(admitted));
    clock.turn(5000);
    assert(await isWaiting(ack));
    storage.fault = () => undefined;
    clock.turn(1000);
    await ack;
    await admitted;
    journal.withdraw(10);
    assertEquals(journal.state, "enabled");
    assertEquals(observer.events, ["journal.frozen", "journal.thawed"]);
    await journal.close();
  }
});

test("Journal: a sync that fails is never tried again, and every outcome is unknown", async () => {
  const { storage, clock, journal, stops } = await makeJournal();
  storage.fault = (operation) => operation === "sync" ? ioError() : undefined;
  const end = append(journal, 101);
  const ack = journal.ackOf(end)!;
  const safe = journal.makeSafe();
  const error = await assertRejects(() => ack, CohortError);
  assertEquals(error.code, "OUTCOME_UNKNOWN");
  assert(isCode(error.cause, "SYNC_FAILED"));
  await assertRejects(() => safe, CohortError);
  assertEquals(stops.map((stop) => stop.code), ["SYNC_FAILED"]);
  assertEquals(journal.state, "stopped");
  await assertRejects(() => journal.admit(10, 102)!, CohortError, "stopped");
  await assertRejects(() => journal.ackOf(end)!, CohortError);
  storage.fault = () => undefined;
  clock.turn(60_000);
  assertEquals(storage.log.filter((line) => line.startsWith("sync")).length, 1);
  await journal.close();
  assertEquals(storage.open, 0);
});

test("Journal: a write that is refused for ever ends it", async () => {
  const { storage, journal, stops } = await makeJournal();
  storage.fault = (operation) => operation === "write" ? ioError("FENCED") : undefined;
  await assertRejects(() => journal.ackOf(append(journal, 101))!, CohortError);
  assertEquals(stops.map((stop) => stop.code), ["FENCED"]);
  await journal.close();
});

test("Journal.abandon() ends a frozen journal", async () => {
  const { storage, clock, journal, stops } = await makeJournal();
  storage.fault = (operation) => operation === "write" ? ioError() : undefined;
  const ack = journal.ackOf(append(journal, 101))!;
  await settle();
  const closing = journal.close();
  assert(await isWaiting(closing));
  journal.abandon(new CohortError("FENCED", "x"));
  await assertRejects(() => ack, CohortError);
  await assertRejects(() => closing, CohortError);
  assertEquals(stops, []);
  assertEquals(storage.open, 0);
  assertEquals(clock.tasks.length, 0);
});

test("Journal: the next segment is prepared ahead, the old one safe before it is written", async () => {
  for (const durability of ["sync", "relaxed"] as const) {
    const { storage, observer, journal } = await makeJournal({
      durability,
      segmentBytes: 16_384,
      reserveBytes: 4096,
    });
    let stamp = 100;
    while (journal.segments().length < 3) {
      const bytes = groupBytes(1, 400);
      await journal.admit(bytes, ++stamp);
      await journal.ackOf(appendAdmitted(journal, stamp, 400));
    }
    assertEquals(observer.events, ["journal.rotated", "journal.rotated"]);
    const [one, two, three] = journal.segments();
    assertEquals([one!.base, two!.base, three!.base], [0, 12_288, 24_576]);
    assert(one!.sealed && two!.sealed && !three!.sealed);
    assert(one!.end <= two!.base && two!.end <= three!.base);
    const lines = storage.log.filter((line) => /^(write|sync)/.test(line));
    const firstOfTwo = lines.indexOf("write journal.000002 4096");
    assertEquals(lines[firstOfTwo - 1], "sync journal.000001 0");
    assert(
      lines.indexOf("sync journal.000002 0") < firstOfTwo,
      "the header is synced before the first frame",
    );
    await journal.close();
    assertEquals(storage.open, 0);
  }
});

test("Journal: a stamp above the ceiling waits for a segment with a higher one", async () => {
  const { journal } = await makeJournal();
  const above = journal.ceiling + 5;
  const admitted = journal.admit(groupBytes(1, 40), above);
  assert(admitted !== undefined);
  await admitted;
  assert(journal.ceiling >= above);
  await journal.ackOf(appendAdmitted(journal, above, 40));
  assertEquals(journal.segments().length, 2);
  assertThrows(() => journal.beginGroup(above, 0), InvariantError);
  await journal.close();
});

test("Journal: space that cannot be had freezes only who needs it, and they go on in order", async () => {
  const { storage, clock, journal } = await makeJournal({ reserveBytes: 8192, segmentBytes: 262_144 });
  storage.fault = (operation) => operation === "reserve" ? ioError("FULL") : undefined;
  let stamp = 100;
  let waiting: Promise<void> | undefined;
  for (;;) {
    waiting = journal.admit(groupBytes(1, 400), stamp + 1);
    if (waiting !== undefined) break;
    assertEquals(journal.state, "enabled");
    appendAdmitted(journal, ++stamp, 400);
    await settle();
  }
  const small = journal.admit(10, stamp + 2);
  assert(await isWaiting(waiting));
  assertEquals(journal.state, "frozen");
  await journal.makeSafe();
  storage.fault = () => undefined;
  clock.turn(1000);
  await waiting;
  await small;
  assertEquals(journal.state, "enabled");
  appendAdmitted(journal, stamp + 1, 400);
  journal.withdraw(10);
  await journal.close();
});

test("Journal: memory is bounded while a write does not answer", async () => {
  const { storage, journal } = await makeJournal({ bufferBytes: 8192, durability: "relaxed" });
  storage.held.add("write");
  let stamp = 100;
  for (;;) {
    const waiting = journal.admit(groupBytes(1, 400), stamp + 1);
    if (waiting !== undefined) {
      assert(stamp < 150);
      assert(await isWaiting(waiting));
      storage.answer("write");
      await waiting;
      break;
    }
    appendAdmitted(journal, ++stamp, 400);
    await settle();
  }
  journal.withdraw(groupBytes(1, 400));
  storage.held.clear();
  while (storage.answer());
  await journal.close();
});

test("Journal: what was admitted fits its segment, every group in a frame of its own", async () => {
  const { clock, journal, stops } = await makeJournal({ segmentBytes: 16_384, reserveBytes: 16_384 });
  const bytes = groupBytes(1, 0);
  let admitted = 0;
  let waiting: Promise<void> | undefined;
  while ((waiting = journal.admit(bytes, 1000)) === undefined) admitted++;
  assert(admitted > 50);
  for (let i = 1; i <= admitted; i++) {
    await journal.ackOf(appendAdmitted(journal, 100 + i, 0));
    clock.turn(2000);
  }
  await waiting;
  await journal.ackOf(appendAdmitted(journal, 1000, 0));
  assertEquals(stops, []);
  assert(journal.segments()[0]!.end <= 16_384 - 4096);
  await journal.close();
});

test("Journal.drop() does not wait for the space that it gives back", async () => {
  const { storage, journal } = await makeJournal({ segmentBytes: 16_384, reserveBytes: 4096 });
  let stamp = 100;
  while (journal.segments().length < 3) await journal.ackOf(await appendLater(journal, ++stamp, 400));
  storage.fault = (operation) => /reserve|open/.test(operation) ? ioError("FULL") : undefined;
  let waiting: Promise<void> | undefined;
  while ((waiting = journal.admit(groupBytes(1, 400), stamp + 1)) === undefined) {
    await journal.ackOf(appendAdmitted(journal, ++stamp, 400));
  }
  assert(await isWaiting(waiting));
  assertEquals(journal.state, "frozen");
  await journal.drop(2);
  assertEquals(journal.segments().map((segment) => segment.number), [3]);
  journal.abandon(new CohortError("STOPPED", "test"));
  await journal.close();
});

test("Journal: a group admitted before the end is refused after it", async () => {
  const { journal } = await makeJournal();
  assertStrictEquals(journal.admit(10, 101), undefined);
  await journal.close();
  assertThrows(() => journal.beginGroup(101, 10), CohortError, "stopped");
});

test("Journal: a group larger than a segment is refused, one larger than the buffer is not", async () => {
  const { journal } = await makeJournal({ segmentBytes: 65_536, bufferBytes: 4096 });
  await assertRejects(() => journal.admit(65_536, 101)!, CohortError, "a journal segment holds");
  const large = journal.admit(groupBytes(1, 50_000), 101);
  await large;
  await journal.ackOf(appendAdmitted(journal, 101, 50_000));
  await journal.close();
});

test("Journal: volumes keep their index, and a later segment's header names them", async () => {
  const { journal } = await makeJournal({ segmentBytes: 16_384, reserveBytes: 4096 });
  const one = "0".repeat(31) + "1";
  assertEquals(await journal.addVolume(one, INCARNATION, "a/hr"), 0);
  assertEquals(await journal.addVolume(INCARNATION, INCARNATION, "a/ät"), 1);
  assertEquals(await journal.addVolume(one, INCARNATION, "a/hr"), 0);
  await journal.close();
});

test("Journal.drop() removes sealed segments only after the journal says so durably", async () => {
  const { storage, journal } = await makeJournal({ segmentBytes: 16_384, reserveBytes: 4096 });
  let stamp = 100;
  while (journal.segments().length < 3) {
    await journal.admit(groupBytes(1, 400), ++stamp);
    await journal.ackOf(appendAdmitted(journal, stamp, 400));
  }
  assertThrows(() => append(journal, stamp), InvariantError);
  storage.log.length = 0;
  await journal.drop(1);
  const lines = storage.log.filter((line) => /^(sync|remove)/.test(line));
  assertEquals(lines, ["sync journal.000003 0", "remove journal.000001 0"]);
  assertEquals(journal.segments().map((segment) => segment.number), [2, 3]);
  await journal.drop(1);
  await assertRejects(() => journal.drop(3), InvariantError);
  await journal.close();
});

test("Journal.drop() keeps history as long as it is asked to", async () => {
  const { storage, clock, journal } = await makeJournal({
    segmentBytes: 16_384,
    reserveBytes: 4096,
    history: { days: 2, keep: 1 },
  });
  let stamp = 100;
  while (journal.segments().length < 5) {
    await journal.admit(groupBytes(1, 400), ++stamp);
    await journal.ackOf(appendAdmitted(journal, stamp, 400));
  }
  await journal.drop(3);
  assertEquals(storage.list("base/j").filter((name) => name <= "journal.000003").length, 3);
  clock.turn(3 * 86_400_000);
  await journal.purge();
  assertEquals(storage.list("base/j")[0], "journal.000003");
  await journal.close();
});

test("Journal.create() refuses a directory that holds a journal, and bad options", async () => {
  const { storage, clock, observer, journal } = await makeJournal();
  const options: JournalOptions = {
    storage,
    clock,
    observer,
    directory: "base/j",
    incarnation: INCARNATION,
    durability: "sync",
    syncIntervalMs: 1,
    firstStamp: 0,
    onStop: () => {},
  };
  await assertRejects(() => Journal.create(options), CohortError, "it holds one");
  await assertRejects(() => Journal.create({ ...options, directory: "b", incarnation: "x" }), TypeError);
  await assertRejects(() => Journal.create({ ...options, directory: "b", segmentBytes: 100 }), RangeError);
  await assertRejects(() => Journal.create({ ...options, directory: "b", reserveBytes: 0 }), RangeError);
  await journal.close();
});

test("Journal: after close() nothing is admitted", async () => {
  const { storage, clock, journal } = await makeJournal();
  append(journal, 101);
  await journal.mark("before the end");
  await journal.close();
  await journal.close();
  await assertRejects(() => journal.admit(1, 102)!, CohortError, "closed");
  assertEquals(journal.state, "stopped");
  assertEquals(storage.open, 0);
  assertEquals(clock.tasks.length, 0);
});
