import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { crc32 } from "node:zlib";
import { putU16, putU32 } from "../../src/ground/bytes.ts";
import { CohortError } from "../../src/ground/errors.ts";
import { FrameBuilder } from "../../src/storage/frame_builder.ts";
import { decodeJournalEnd, encodeJournalEnd } from "../../src/storage/journal_end.ts";
import {
  FRAME_HEADER_BYTES,
  incarnationTag,
  ITEM_GROUP,
  readFrameHeader,
  RECORD_RESULT,
  verifyFrame,
} from "../../src/storage/journal_frame.ts";
import { ItemCursor, readGroup } from "../../src/storage/journal_items.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  SEGMENT_HEADER_UNIT,
  type SegmentHeader,
  segmentName,
  segmentNumber,
} from "../../src/storage/journal_segment.ts";
import { codeOf, hexOf, readGolden } from "./bytes_rig.ts";
import { INCARNATION, VOLUME } from "./journal_rig.ts";

const TAG = incarnationTag(INCARNATION);

const HEADER: SegmentHeader = {
  incarnation: INCARNATION,
  number: 7,
  previous: 6,
  base: 402_628_608,
  ceiling: 2 ** 40 + 5,
  floor: 3,
  wallMs: 1_700_000_000_000,
  session: 0,
  volumes: [
    { index: 0, id: VOLUME, incarnation: INCARNATION, path: "data/hr/cohort.dat" },
    { index: 1, id: INCARNATION, incarnation: VOLUME, path: "data/ä/cohort.dat" },
  ],
};

function buildFrame(): Uint8Array {
  const builder = new FrameBuilder();
  builder.begin(1_099_511_627_784);
  builder.beginGroup(281_474_976_710_000);
  builder.beginRecord(1, 4_000_000_000, 281_474_976_709_999);
  builder.writer.append(new Uint8Array([2, 3, 1, 65, 0, 2, 3, 7]));
  builder.endRecord();
  builder.beginRecord(0, 2, 0);
  builder.endRecord();
  builder.endGroup();
  builder.beginGroup(281_474_976_710_001);
  builder.endGroup();
  return builder.seal(TAG, 7, 1_099_511_627_000).slice();
}

test("FrameBuilder: a frame has its golden bytes and reads back", () => {
  const bytes = buildFrame();
  assertEquals(hexOf(bytes), readGolden("journal_frame.hex"));
  const header = readFrameHeader(bytes, 0, TAG)!;
  assertEquals([header.length, header.segment, header.groups], [bytes.length, 7, 2]);
  assertEquals([header.position, header.synced], [1_099_511_627_784, 1_099_511_627_000]);
  assertEquals([header.firstStamp, header.lastStamp], [281_474_976_710_000, 281_474_976_710_001]);
  assert(verifyFrame(bytes, 0, header));
  const cursor = new ItemCursor(bytes, 0, header.length, "frame");
  assert(cursor.next());
  assertEquals(cursor.kind, ITEM_GROUP);
  const group = readGroup(cursor.reader, 5);
  assertEquals(group.stamp, 281_474_976_710_000);
  assertEquals(
    group.records.map(({ volumeIndex, block, before, ops }) => [volumeIndex, block, before, ops.length]),
    [
      [1, 4_000_000_000, 281_474_976_709_999, 8],
      [0, 2, 0, 0],
    ],
  );
  assert(cursor.next());
  assertEquals(readGroup(cursor.reader, 5).records, []);
  assert(!cursor.next());
});

test("FrameBuilder: what a group answers another member reads back beside its blocks", () => {
  const builder = new FrameBuilder();
  builder.begin(4096);
  builder.beginGroup(9);
  builder.beginRecord(1, 7, 8);
  builder.endRecord();
  builder.beginRecord(1, 7, 281_474_976_709_999, RECORD_RESULT);
  builder.writer.append(Uint8Array.from({ length: 16 }, (_, i) => i * 17));
  builder.writer.append(new Uint8Array([3, 14]));
  builder.endRecord();
  builder.endGroup();
  const bytes = builder.seal(TAG, 7, 0).slice();
  const cursor = new ItemCursor(bytes, 0, bytes.length, "frame");
  assert(cursor.next());
  const { records, results } = readGroup(cursor.reader, 5);
  assertEquals(records.map(({ block, before }) => [block, before]), [[7, 8]]);
  assertEquals(
    results.map(({ requester, sequence, value }) => [requester, sequence, [...value]]),
    [["00112233445566778899aabbccddeeff", 281_474_976_709_999, [3, 14]]],
  );
});

test("ItemCursor: a result without a value is CORRUPT", () => {
  const builder = new FrameBuilder();
  builder.begin(4096);
  builder.beginGroup(9);
  builder.beginRecord(1, 7, 1, RECORD_RESULT);
  builder.writer.append(new Uint8Array(16));
  builder.endRecord();
  builder.endGroup();
  const bytes = builder.seal(TAG, 7, 0).slice();
  const cursor = new ItemCursor(bytes, 0, bytes.length, "frame");
  assert(cursor.next());
  assertThrows(() => readGroup(cursor.reader, 5), CohortError, "result has 16 bytes");
});

test("readFrameHeader() and verifyFrame(): every bit flip of a frame is seen", () => {
  const bytes = buildFrame();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const header = readFrameHeader(bytes, 0, TAG);
    const isSeen = header === undefined || header.length > bytes.length || !verifyFrame(bytes, 0, header);
    assert(isSeen, `bit ${bit}`);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  assertEquals(readFrameHeader(bytes, 0, TAG + 1), undefined);
});

test("ItemCursor: a frame whose checksum holds but whose items do not is CORRUPT, never more", () => {
  const sound = buildFrame();
  for (let at = FRAME_HEADER_BYTES; at < sound.length; at++) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const bytes = sound.slice();
      bytes[at] = value;
      try {
        const cursor = new ItemCursor(bytes, 0, bytes.length, "frame");
        while (cursor.next()) if (cursor.kind === ITEM_GROUP) readGroup(cursor.reader, 0);
      } catch (error) {
        assert(error instanceof CohortError && error.code === "CORRUPT");
      }
    }
  }
});

test("encodeSegmentHeader(): golden bytes, and it reads back", () => {
  const bytes = encodeSegmentHeader(HEADER);
  assertEquals(bytes.length, SEGMENT_HEADER_UNIT);
  assertEquals(hexOf(bytes).replace(/(00)+$/, ""), readGolden("journal_segment.hex"));
  assertEquals(decodeSegmentHeader(bytes, "x"), { ...HEADER, headerBytes: SEGMENT_HEADER_UNIT });
});

test("encodeSegmentHeader(): a long volume table takes more units", () => {
  const volumes = Array.from({ length: 300 }, (_, index) => ({ ...HEADER.volumes[0]!, index }));
  const bytes = encodeSegmentHeader({ ...HEADER, volumes });
  assert(bytes.length > SEGMENT_HEADER_UNIT && bytes.length % SEGMENT_HEADER_UNIT === 0);
  assertEquals(decodeSegmentHeader(bytes, "x").volumes, volumes);
  assertThrows(() => decodeSegmentHeader(bytes.subarray(0, SEGMENT_HEADER_UNIT), "x"), CohortError);
});

test("decodeSegmentHeader(): a newer format is FORMAT_NEWER, every flip and cut is CORRUPT", () => {
  const bytes = encodeSegmentHeader(HEADER);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at]! ^= 0x01;
    assertEquals(codeOf(() => decodeSegmentHeader(bytes, "x")), "CORRUPT", `byte ${at}`);
    bytes[at]! ^= 0x01;
  }
  for (const length of [0, 1, 11, 12, 95, 4095]) {
    assertEquals(codeOf(() => decodeSegmentHeader(bytes.subarray(0, length), "x")), "CORRUPT");
  }
  putU16(bytes, 12, 2);
  putU32(bytes, 4, crc32(bytes.subarray(8)));
  assertEquals(codeOf(() => decodeSegmentHeader(bytes, "x")), "FORMAT_NEWER");
});

test("segmentNumber() is the inverse of segmentName() and knows no other files", () => {
  for (const number of [1, 42, 999_999, 1_000_000]) assertEquals(segmentNumber(segmentName(number)), number);
  for (
    const name of [
      "journal.000000",
      "journal.1",
      "journal.0000001",
      "journal.tail",
      "image",
      "xjournal.000001",
    ]
  ) {
    assertEquals(segmentNumber(name), undefined);
  }
});

test("decodeJournalEnd(): golden bytes; every flip and cut is CORRUPT", () => {
  const end = {
    incarnation: INCARNATION,
    start: 2 ** 40,
    end: 2 ** 40 + 4096,
    tailBytes: 4000,
    closed: true,
  };
  const bytes = encodeJournalEnd(end);
  assertEquals(hexOf(bytes), readGolden("journal_end.hex"));
  assertEquals(decodeJournalEnd(bytes, "x"), end);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at]! ^= 0x80;
    assertEquals(codeOf(() => decodeJournalEnd(bytes, "x")), "CORRUPT");
    bytes[at]! ^= 0x80;
    assertEquals(codeOf(() => decodeJournalEnd(bytes.subarray(0, at), "x")), "CORRUPT");
  }
  putU16(bytes, 8, 2);
  putU32(bytes, 4, crc32(bytes.subarray(8)));
  assertEquals(codeOf(() => decodeJournalEnd(bytes, "x")), "FORMAT_NEWER");
});
