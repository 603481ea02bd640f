import { assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError } from "@cohort/db";
import {
  KIND_ACK,
  KIND_REPLY,
  KIND_REQUEST,
  makePacket,
  PACKET_HEADER_BYTES,
  putNumber,
  putState,
  readPacket,
} from "../../src/cluster/packet.ts";
import { decodeRefusal, encodeRefusal } from "../../src/cluster/refusal.ts";
import { Prng } from "../support/prng.ts";

const BIG = 2 ** 48 - 1;

test("Packet: what is put is read, at both ends of every field", () => {
  for (const value of [1, 2 ** 32 - 1, 2 ** 32, BIG]) {
    const bytes = makePacket(KIND_REPLY, 0xfffe, value, new Uint8Array([1, 2, 3]));
    putNumber(bytes, value);
    putState(bytes, { view: value, stamp: value, ack: value, credit: value });
    const packet = readPacket(bytes);
    assertEquals({ ...packet, body: [...packet.body] }, {
      kind: KIND_REPLY,
      topic: 0xfffe,
      view: value,
      stamp: value,
      number: value,
      ack: value,
      credit: value,
      about: value,
      body: [1, 2, 3],
    });
  }
});

test("Packet: what is none is CORRUPT, whatever the bytes", () => {
  const refused = (bytes: Uint8Array): void =>
    void assertThrows(() => readPacket(bytes), CohortError, "Could not read a packet");
  refused(new Uint8Array(0));
  refused(new Uint8Array(PACKET_HEADER_BYTES));
  refused(makePacket(KIND_REQUEST, 1, 0, new Uint8Array(0)));
  refused(makePacket(KIND_ACK, 1, 0, new Uint8Array(1)));
  const asked = makePacket(KIND_REQUEST, 1, 7, new Uint8Array(0));
  putNumber(asked, 1);
  refused(asked);
  const chance = new Prng(1);
  for (let i = 0; i < 2_000; i++) {
    const bytes = Uint8Array.from({ length: chance.below(80) }, () => chance.below(256));
    if (bytes.length > 0 && chance.below(2) === 0) bytes[0] = 0x43;
    try {
      readPacket(bytes);
    } catch (error) {
      assertEquals(error instanceof CohortError, true, String(error));
    }
  }
});

test("Refusal: an error travels with its code, message and facts, and says who told it", () => {
  const error = new CohortError("FULL", "No room", { path: "/v", block: 7, big: 2n ** 60n, none: undefined });
  const told = decodeRefusal(encodeRefusal(error), "m1");
  assertEquals([told.code, told.message, told.retryable], ["FULL", "No room", true]);
  assertEquals(told.facts, { path: "/v", block: 7, big: 2n ** 60n, member: "m1" });
});

test("Refusal: what tells no error is CORRUPT", () => {
  assertThrows(() => decodeRefusal(new Uint8Array(0), "m1"), CohortError);
  assertThrows(() => decodeRefusal(new Uint8Array([0xa0]), "m1"), CohortError);
  const chance = new Prng(2);
  for (let i = 0; i < 2_000; i++) {
    const bytes = encodeRefusal(new CohortError("FULL", "No room", { block: i }));
    bytes[chance.below(bytes.length)] = chance.below(256);
    try {
      decodeRefusal(bytes, "m1");
    } catch (error) {
      assertEquals(error instanceof CohortError, true, String(error));
    }
  }
});
