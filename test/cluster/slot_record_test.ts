import { assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import {
  decodeSlot,
  encodeSlot,
  SLOT_BYTES,
  SLOT_MESSAGE_BYTES_MAX,
  slotOffset,
  type SlotRecord,
} from "../../src/cluster/slot_record.ts";
import { life } from "./view_rig.ts";

const RECORD: SlotRecord = {
  counter: 2 ** 40,
  view: 2 ** 40 + 1,
  hears: ["a", "b"].map((it) => life(it)),
  message: new Uint8Array([1, 2, 3]),
};

function fileOf(...records: SlotRecord[]): Uint8Array {
  const file = new Uint8Array(2 * SLOT_BYTES);
  for (const record of records) file.set(encodeSlot(record), slotOffset(record.counter));
  return file;
}

test("slot: what is put is read, the later half counts", () => {
  assertEquals(decodeSlot(fileOf(RECORD)), RECORD);
  const later = { ...RECORD, counter: RECORD.counter + 1, view: 7 };
  assertEquals(decodeSlot(fileOf(RECORD, later)), later);
  assertEquals(
    decodeSlot(fileOf({ ...RECORD, counter: RECORD.counter + 2 }, later))?.counter,
    RECORD.counter + 2,
  );
});

test("slot: a torn half leaves the other, and nothing is not a slot", () => {
  const later = { ...RECORD, counter: RECORD.counter + 1 };
  for (const at of [0, 4, 9, 20, 30, 60, SLOT_BYTES - 1]) {
    const file = fileOf(RECORD, later);
    file[slotOffset(later.counter) + at]! ^= 1;
    assertEquals(decodeSlot(file), RECORD, `byte ${at}`);
  }
  assertEquals(decodeSlot(new Uint8Array(2 * SLOT_BYTES)), undefined);
  assertEquals(decodeSlot(new Uint8Array(0)), undefined);
  assertEquals(decodeSlot(fileOf(RECORD).subarray(0, SLOT_BYTES)), RECORD, "a file that has one half yet");
});

test("slot: a message fits or is refused", () => {
  const message = new Uint8Array(SLOT_MESSAGE_BYTES_MAX).fill(9);
  const hears = Array.from({ length: 64 }, (_, i) => life("m", i));
  assertEquals(decodeSlot(fileOf({ ...RECORD, hears, message })), { ...RECORD, hears, message });
  assertThrows(() => encodeSlot({ ...RECORD, message: new Uint8Array(1025) }), RangeError, "1024");
  assertThrows(() => encodeSlot({ ...RECORD, hears: [...hears, life("n")] }), RangeError, "64");
});
