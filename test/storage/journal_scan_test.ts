import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { CohortError } from "../../src/ground/errors.ts";
import type { Journal } from "../../src/storage/journal.ts";
import { makeDurable, removeJournal } from "../../src/storage/journal_durable.ts";
import { scanJournal } from "../../src/storage/journal_scan.ts";
import {
  append,
  DIRECTORY,
  INCARNATION,
  listFrames,
  makeJournal,
  type PlacedFrame,
  scan,
  VOLUME,
} from "./journal_rig.ts";
import type { RigStorage } from "./rig.ts";

const FIRST = `${DIRECTORY}/journal.000001`;

/** Four frames synced and named, then three that are written but neither synced nor named. */
async function makeMixed(): Promise<{ storage: RigStorage; frames: PlacedFrame[] }> {
  const { storage, journal } = await makeJournal({
    durability: "relaxed",
    reserveBytes: 2048,
    segmentBytes: 16_384,
  });
  await journal.addVolume(VOLUME, INCARNATION, "hr");
  for (let stamp = 101; stamp <= 107; stamp++) {
    await journal.ackOf(await append(journal, stamp, 30));
    if (stamp === 103) await journal.makeSafe();
  }
  const image = storage.copy();
  journal.abandon(new CohortError("STOPPED", "test"));
  await journal.close();
  return { storage: image, frames: await listFrames(image) };
}

/** Several segments, everything acknowledged as synced, not closed. */
async function makeLong(): Promise<{ storage: RigStorage; frames: PlacedFrame[]; journal: Journal }> {
  const { storage, journal } = await makeJournal({ reserveBytes: 2048, segmentBytes: 16_384 });
  await journal.addVolume(VOLUME, INCARNATION, "hr");
  for (let stamp = 101; journal.segments().length < 4; stamp++) {
    await journal.ackOf(await append(journal, stamp, 1900));
  }
  await journal.ackOf(await append(journal, 1000, 50));
  await journal.ackOf(await append(journal, 1001, 50));
  const image = storage.copy();
  return { storage: image, frames: await listFrames(image), journal };
}

/** What the rule says of damage that makes the frame at `index` unreadable. */
function expectedAfter(frames: PlacedFrame[], index: number): { code: string; end: number; last: number } {
  const frame = frames[index]!;
  const isNamed = frames.slice(index + 1).some((later) => later.synced > frame.position);
  const last = Math.max(0, ...frames.slice(0, index).map((earlier) => earlier.lastStamp));
  return { code: isNamed ? "JOURNAL_GAP" : "", end: frame.position, last };
}

test("scanJournal() yields every group in order, with its table and a report", async () => {
  const { storage, journal } = await makeLong();
  const scanned = scanJournal(storage, DIRECTORY);
  let last = 0;
  let groups = 0;
  for await (const group of scanned) {
    assert(group.stamp > last);
    assertEquals(scanned.volumes[group.records[0]!.volumeIndex]!.id, VOLUME);
    assertEquals(group.records[0]!.before, group.stamp - 1);
    assertEquals(group.records[0]!.ops[0], group.stamp & 0xff);
    last = group.stamp;
    groups++;
  }
  const report = scanned.report!;
  assertEquals(report.groups, groups);
  assertEquals([report.lastStamp, report.closed, report.tailBytesIgnored], [1001, false, 0]);
  assert(report.end >= journal.position && report.end <= journal.written);
  assert(report.ceiling >= journal.ceiling);
  assertEquals(report.volumes, [{ index: 0, id: VOLUME, incarnation: INCARNATION, path: "hr" }]);
  await journal.close();
});

test("scanJournal() says that a journal was closed", async () => {
  const { storage, journal } = await makeJournal();
  await journal.addVolume(VOLUME, INCARNATION, "hr");
  await append(journal, 101);
  await journal.mark("backup");
  await journal.close();
  const marks: string[] = [];
  const { report } = await scan(storage, { onMark: (mark) => marks.push(mark.text) });
  assertEquals([report?.closed, report?.groups], [true, 1]);
  assertEquals(marks, ["backup"]);
  assertEquals(storage.open, 0);
});

test("scanJournal() with every byte flipped: tail, gap or damage as the rule says", async () => {
  const { storage, frames } = await makeMixed();
  const sound = await scan(storage);
  assertEquals(sound.report?.end, frames.at(-1)!.position + frames.at(-1)!.length);
  const { bytes } = storage.find(FIRST);
  const codes = new Map<string, number>();
  for (let at = 0; at < bytes.length; at++) {
    bytes[at]! ^= 1 << (at % 8);
    const found = await scan(storage);
    bytes[at]! ^= 1 << (at % 8);
    const index = frames.findIndex((frame) => at >= frame.offset && at < frame.offset + frame.length);
    if (at < 4096) {
      assertEquals(found.code, "CORRUPT", `byte ${at} of the header`);
    } else if (index < 0) {
      assertEquals(found.stamps, sound.stamps);
      assert(found.report!.tailBytesIgnored > 0);
    } else {
      const expected = expectedAfter(frames, index);
      assertEquals(found.code, expected.code, `byte ${at} of frame ${index}`);
      assertEquals(found.stamps.at(-1) ?? 0, expected.last);
      if (found.code === "") assertEquals(found.report!.end, expected.end);
    }
    codes.set(found.code, (codes.get(found.code) ?? 0) + 1);
  }
  assertEquals([...codes.keys()].sort(), ["", "CORRUPT", "JOURNAL_GAP"]);
  assertEquals(storage.open, 0);
});

test("scanJournal() cut at every byte: what is whole is kept, a named position is missed", async () => {
  const { storage, frames } = await makeMixed();
  const file = storage.find(FIRST);
  const whole = file.bytes;
  for (let length = 0; length < whole.length; length++) {
    file.bytes = whole.subarray(0, length);
    const found = await scan(storage);
    if (length < 4096) {
      assertEquals(found.code, "CORRUPT");
      continue;
    }
    const kept = frames.filter((frame) => frame.offset + frame.length <= length);
    assertEquals(found.code, "");
    assertEquals(found.stamps.at(-1) ?? 0, Math.max(0, ...kept.map((frame) => frame.lastStamp)));
    if (length % 64 === 0) {
      const end = kept.at(-1) === undefined ? 0 : kept.at(-1)!.position + kept.at(-1)!.length;
      assertEquals((await scan(storage, { verifyNames: [end] })).code, "");
      assertEquals((await scan(storage, { verifyNames: [end + 1] })).code, "JOURNAL_GAP");
    }
  }
});

test("scanJournal() over several segments with bytes flipped", async () => {
  const { storage, frames, journal } = await makeLong();
  await journal.close();
  const names = [...new Set(frames.map((frame) => frame.name))];
  assertEquals(names.length, 4);
  for (const name of names) {
    const { bytes } = storage.find(`${DIRECTORY}/${name}`);
    for (let at = 0; at < bytes.length; at += 13) {
      bytes[at]! ^= 0x40;
      const found = await scan(storage);
      bytes[at]! ^= 0x40;
      const index = frames.findIndex((frame) =>
        frame.name === name && at >= frame.offset && at < frame.offset + frame.length
      );
      if (at < 4096) assertEquals(found.code, "CORRUPT", `byte ${at} of ${name}`);
      else if (index < 0) assertEquals(found.code, "");
      else assertEquals(found.code, expectedAfter(frames, index).code, `byte ${at} of ${name}`);
    }
  }
});

test("scanJournal() with a segment missing, cut to nothing, or of another incarnation", async () => {
  const { storage, journal } = await makeLong();
  await journal.close();
  const names = storage.list(DIRECTORY).filter((name) => name < "journal.000005");
  assertEquals(names.length, 4);
  const other = (await makeJournal({ incarnation: VOLUME })).storage;
  for (const name of names) {
    const missing = storage.copy();
    missing.remove(`${DIRECTORY}/${name}`);
    assertEquals((await scan(missing)).code, "JOURNAL_GAP", `${name} missing`);
    const empty = storage.copy();
    empty.find(`${DIRECTORY}/${name}`).bytes = new Uint8Array(0);
    assertEquals((await scan(empty)).code, "CORRUPT", `${name} empty`);
    const foreign = storage.copy();
    foreign.find(`${DIRECTORY}/${name}`).bytes = other.find(FIRST).bytes;
    assertEquals((await scan(foreign)).code, "CORRUPT", `${name} foreign`);
    const zeroed = storage.copy();
    zeroed.find(`${DIRECTORY}/${name}`).bytes.fill(0, 4096);
    const expected = name === names.at(-1) ? "" : "JOURNAL_GAP";
    assertEquals((await scan(zeroed)).code, expected, `${name} zeroed`);
  }
});

test("scanJournal() takes frames of recycled content for nothing", async () => {
  const { storage, frames } = await makeMixed();
  const other = await makeMixed();
  const { bytes } = storage.find(FIRST);
  const from = other.storage.find(FIRST).bytes;
  const [fourth, fifth] = [frames[4]!, frames[5]!];
  // The same incarnation's own frame, at a place where it does not belong.
  bytes.set(from.subarray(fourth.offset, fourth.offset + fourth.length), fifth.offset);
  assertEquals((await scan(storage)).report?.end, fifth.position);
});

test("scanJournal(): a torn frame still says what it named", async () => {
  const { storage, journal } = await makeJournal();
  await journal.addVolume(VOLUME, INCARNATION, "hr");
  for (let stamp = 101; stamp <= 103; stamp++) await journal.ackOf(await append(journal, stamp, 200));
  const image = storage.copy();
  const frames = await listFrames(image);
  const [before, last] = [frames.at(-2)!, frames.at(-1)!];
  const { bytes } = image.find(FIRST);
  // The last frame is torn behind its header, and the one before has rotted although it was synced.
  bytes.fill(0, last.offset + 56, last.offset + last.length);
  bytes[before.offset + 100]! ^= 1;
  assertEquals((await scan(image)).code, "JOURNAL_GAP");
  await journal.close();
});

test("scanJournal() after drop(): the segments below the floor are not missed, others are", async () => {
  const { storage, journal } = await makeJournal({ reserveBytes: 2048, segmentBytes: 16_384 });
  await journal.addVolume(VOLUME, INCARNATION, "hr");
  for (let stamp = 101; journal.segments().length < 4; stamp++) {
    await journal.ackOf(await append(journal, stamp, 1900));
  }
  await journal.drop(2);
  await journal.close();
  assertEquals((await scan(storage)).code, "");
  assertEquals((await scan(storage)).report!.volumes.length, 1);
  storage.remove(`${DIRECTORY}/journal.000003`);
  assertEquals((await scan(storage)).code, "JOURNAL_GAP");
});

test("scanJournal() of nothing is NOT_FOUND", async () => {
  const { storage, journal } = await makeJournal();
  await journal.close();
  const found = await scan(storage);
  assertEquals(found.code, "");
  storage.remove(FIRST);
  assertEquals((await scan(storage)).code, "NOT_FOUND");
});

test("makeDurable() copies what no frame names, and fixes the end", async () => {
  const { storage, frames } = await makeMixed();
  const before = await scan(storage);
  const end = await makeDurable(storage, DIRECTORY);
  assert(end.start < end.end && end.tailBytes > 0);
  assertEquals(await makeDurable(storage, DIRECTORY), end);
  // The host is lost: of the journal only what its author had synced is left.
  const left = storage.crash((path, file) => {
    const name = path.slice(DIRECTORY.length + 1);
    if (name !== "journal.000001") return file.durable;
    const kept = file.bytes.slice();
    for (const frame of frames) {
      if (frame.position >= end.start) kept.fill(0, frame.offset, frame.offset + frame.length);
    }
    return kept;
  });
  const after = await scan(left);
  assertEquals(after.stamps, before.stamps);
  assertEquals(after.report!.end, end.end);
  // Frames that come to light behind the fixed end are no part of it any more.
  assertEquals((await scan(storage)).report!.end, end.end);
});

test("makeDurable(): damage of the copy, or of what it stands on, is loud", async () => {
  const { storage, frames } = await makeMixed();
  const end = await makeDurable(storage, DIRECTORY);
  for (const name of ["journal.tail", "journal.end"]) {
    const { bytes } = storage.find(`${DIRECTORY}/${name}`);
    for (let at = 0; at < bytes.length; at++) {
      bytes[at]! ^= 0x10;
      const found = await scan(storage);
      bytes[at]! ^= 0x10;
      assertEquals(found.code, name === "journal.tail" ? "JOURNAL_GAP" : "CORRUPT", `byte ${at} of ${name}`);
    }
  }
  const { bytes } = storage.find(FIRST);
  for (const frame of frames) {
    bytes[frame.offset + 20]! ^= 1;
    assertEquals((await scan(storage)).code, frame.position < end.start ? "JOURNAL_GAP" : "");
    bytes[frame.offset + 20]! ^= 1;
  }
});

test("makeDurable() over a tail that spans segments, stopped at every call and begun again", async () => {
  const { storage, journal } = await makeJournal({
    durability: "relaxed",
    reserveBytes: 2048,
    segmentBytes: 16_384,
  });
  await journal.addVolume(VOLUME, INCARNATION, "hr");
  for (let stamp = 101; journal.segments().length < 2; stamp++) {
    await journal.ackOf(await append(journal, stamp, 1900));
  }
  for (let stamp = 500; stamp < 503; stamp++) await journal.ackOf(await append(journal, stamp, 100));
  const image = storage.copy();
  await journal.close();
  const sound = await scan(image);
  for (let stop = 0; stop < 100; stop++) {
    const run = image.copy();
    let calls = 0;
    run.fault = (operation) =>
      /open|write|sync|register/.test(operation) && calls++ === stop ? new Error("stop") : undefined;
    let isStopped = false;
    await makeDurable(run, DIRECTORY).catch(() => isStopped = true);
    if (!isStopped) break;
    assert(stop < 99);
    const again = run.crash((_, file) => file.durable.length > 0 ? file.durable : file.bytes);
    await makeDurable(again, DIRECTORY);
    assertEquals((await scan(again)).stamps, sound.stamps);
  }
});

test("makeDurable() of a closed journal copies nothing; removeJournal() leaves nothing", async () => {
  const { storage, journal } = await makeJournal();
  await journal.addVolume(VOLUME, INCARNATION, "hr");
  await append(journal, 101);
  await journal.close();
  const end = await makeDurable(storage, DIRECTORY);
  assertEquals([end.tailBytes, end.closed, end.start], [0, true, end.end]);
  const found = await scan(storage);
  assertEquals([found.report!.closed, found.stamps.length], [true, 1]);
  await removeJournal(storage, DIRECTORY);
  assertEquals(storage.list(DIRECTORY), []);
});
