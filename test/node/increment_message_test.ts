/** The bytes of messages about increments: there and back, and nothing else is read. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError } from "@cohort/db";
import type { Outcome } from "../../src/global/elsewhere.ts";
import {
  decodeIncrementMessage,
  decodeOutcomes,
  decodeWaiting,
  encodeIncrementMessage,
  encodeOutcomes,
  encodeWaiting,
  type IncrementMessage,
} from "../../src/node/increment_message.ts";
import { Prng } from "../support/prng.ts";

const LOST = "00112233445566778899aabbccddeeff";
const MESSAGES: readonly IncrementMessage[] = [
  { kind: "asked", settled: 0, increments: [] },
  {
    kind: "asked",
    settled: 2 ** 40,
    increments: [
      { sequence: 2 ** 40 + 1, tag: 0xfedcba98, name: "Patient", key: new Uint8Array([255, 65, 0]), by: 1 },
      { sequence: 2 ** 40 + 2, tag: 1, name: "%x", key: new Uint8Array(0), by: -0.5 },
      { sequence: 2 ** 40 + 3, tag: 1, name: "x", key: new Uint8Array(1000), by: -(2n ** 62n) },
    ],
  },
  { kind: "settled", settled: 17 },
  { kind: "waiting", lost: LOST },
  { kind: "published", lost: LOST, results: undefined },
  { kind: "published", lost: LOST, results: [{ sequence: 5, value: 7 }, { sequence: 6, value: 10n ** 40n }] },
];
const OUTCOMES: readonly Outcome[] = [
  { kind: "done", value: 12 },
  { kind: "refused", holder: undefined },
  { kind: "done", value: -(10n ** 30n) },
  { kind: "refused", holder: LOST },
];

test("increment messages: each is read as it was written", () => {
  for (const message of MESSAGES) {
    assertEquals(decodeIncrementMessage(encodeIncrementMessage(message)), message);
  }
  assertEquals(decodeOutcomes(encodeOutcomes(OUTCOMES), 4), OUTCOMES);
  assertEquals(decodeWaiting(encodeWaiting(2 ** 45)), 2 ** 45);
});

test("increment messages: what is short, long or spoiled is CORRUPT or another message, never more", () => {
  const prng = new Prng(7);
  const bodies = MESSAGES.map(encodeIncrementMessage);
  for (const body of bodies) {
    for (let end = 0; end < body.length; end++) {
      assertThrows(() => decodeIncrementMessage(body.subarray(0, end)), CohortError);
    }
    assertThrows(() => decodeIncrementMessage(new Uint8Array([...body, 0])), CohortError);
  }
  let refused = 0;
  for (let i = 0; i < 5000; i++) {
    const body = prng.pick(bodies).slice();
    for (let n = prng.below(4, 1); n > 0; n--) body[prng.below(body.length)] = prng.below(256);
    try {
      decodeIncrementMessage(body);
    } catch (error) {
      assert(error instanceof CohortError && error.code === "CORRUPT", String(error));
      refused++;
    }
  }
  assert(refused > 500, `${refused}`);
  const outcomes = encodeOutcomes(OUTCOMES);
  assertThrows(() => decodeOutcomes(outcomes, 3), CohortError);
  assertThrows(() => decodeOutcomes(outcomes, 5), CohortError);
});
