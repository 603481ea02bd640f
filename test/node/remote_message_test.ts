/**
 * Calls of remote databases and their answers as bytes: what goes in comes out, and bad bytes are refused.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError, isCode, type Value } from "@cohort/db";
import { keyOf } from "../../src/ground/key.ts";
import {
  BatchWriter,
  decodeBatch,
  decodeResult,
  encodeFailure,
  encodeResult,
} from "../../src/node/remote_answer.ts";
import {
  CANCEL_CALL,
  decodeMessage,
  encodeCall,
  encodeMessage,
  hasEffect,
  type RemoteCall,
} from "../../src/node/remote_call.ts";
import { Assembly, isPart, partsOf, sequenceOf } from "../../src/node/remote_part.ts";
import { Prng } from "../../src/testing/sim/prng.ts";

const directory = "/data/hr é";
const node = { directory, name: "Patient", subscripts: [123, "name", -0.5, 2n ** 58n] };
const CALLS: readonly RemoteCall[] = [
  { what: "open", directory },
  { what: "status", directory },
  { what: "check", directory },
  { what: "names", directory, after: "" },
  { what: "has", directory, name: "%Z1" },
  { what: "get", ...node },
  { what: "data", ...node, subscripts: [] },
  { what: "kill", ...node },
  { what: "zkill", ...node },
  { what: "order", ...node, subscripts: [1, ""], direction: -1 },
  { what: "query", ...node, direction: 1 },
  { what: "set", ...node, value: { a: [1, "b", null, 3n], c: new Uint8Array([1, 2]) } },
  { what: "increment", ...node, by: 2n ** 70n },
  { what: "merge", ...node, from: { directory: "/other", name: "X", subscripts: ["", ""].slice(1) } },
  { what: "entries", ...node, next: undefined, isReverse: false, most: 7 },
  { what: "entries", ...node, next: keyOf([123, "x"]), isReverse: true, most: 4_000_000_000 },
];

const HEAD = { sequence: 2 ** 40 + 3, floor: 17, settled: [19, 2 ** 40], mayEnd: true, timeoutMs: 1_500 };

function messageOf(call: RemoteCall): Uint8Array {
  return encodeMessage(HEAD, encodeCall(call));
}

test("remote calls: each comes out as it went in, with its head", () => {
  for (const call of CALLS) assertEquals(decodeMessage(messageOf(call)), { ...HEAD, call });
  const end = { sequence: 1, floor: 1, settled: [], mayEnd: false, timeoutMs: Infinity };
  const read = decodeMessage(encodeMessage(end, CANCEL_CALL));
  assertEquals([read.call, read.timeoutMs, read.mayEnd], [undefined, Infinity, false]);
  assertEquals(CALLS.filter(hasEffect).map((it) => it.what), ["kill", "zkill", "set", "increment", "merge"]);
});

test("remote calls: what has no bytes is the caller's mistake", () => {
  assertThrows(() => encodeCall({ what: "get", ...node, subscripts: ["", 1] }), RangeError);
  assertThrows(() => encodeCall({ what: "get", ...node, subscripts: "abc" as never }), TypeError);
  assertThrows(() => encodeCall({ what: "set", ...node, value: (() => 1) as never }), TypeError);
  assertThrows(() => encodeCall({ what: "open", directory: "x".repeat(2_000) }), RangeError);
  assertThrows(() => encodeCall({ what: "open", directory: "\ud800" }), RangeError);
});

/** Changed, cut, lengthened; nothing but `CORRUPT` may come of it, and what is read is within its limits. */
function mangled(bytes: Uint8Array, chance: Prng): Uint8Array {
  const copy = bytes.slice();
  for (let i = chance.between(1, 4); i > 0; i--) copy[chance.below(copy.length)] = chance.below(256);
  if (chance.chance(1, 4)) return copy.slice(0, chance.below(copy.length));
  if (chance.chance(1, 8)) return new Uint8Array([...copy, ...copy]);
  return copy;
}

function refusedOrRead(read: () => unknown): "refused" | "read" {
  try {
    read();
    return "read";
  } catch (error) {
    assert(isCode(error, "CORRUPT"), String(error));
    return "refused";
  }
}

test("remote calls: of changed bytes each is refused as CORRUPT, or read", () => {
  const chance = new Prng(7, "calls");
  const counts = { refused: 0, read: 0 };
  for (let i = 0; i < 20_000; i++) {
    const bytes = mangled(messageOf(chance.pick(CALLS)), chance);
    counts[
      refusedOrRead(() => {
        const { call } = decodeMessage(bytes);
        if (call !== undefined && "subscripts" in call) assert(call.subscripts.length <= 31);
      })
    ]++;
  }
  assert(counts.refused > 3_000 && counts.read > 1_000, JSON.stringify(counts));
});

test("remote answers: values, nothing, and each kind of error", () => {
  for (const value of [0, "", "é", null, false, { a: [1n] }, [1, "x"], undefined]) {
    assertEquals(decodeResult(encodeResult(value as Value | undefined), "b"), value);
  }
  const full = encodeFailure(new CohortError("FULL", "No room", { blocks: 3 })) as Uint8Array;
  const error = assertThrows(() => decodeResult(full, "b"), CohortError, "No room");
  assertEquals([error.code, error.facts], ["FULL", { blocks: 3, member: "b" }]);
  const lone = encodeFailure(new TypeError("no \ud800")) as Uint8Array;
  assertThrows(() => decodeResult(lone, "b"), TypeError, "no");
  assertThrows(() => decodeBatch(encodeFailure(new RangeError("far"))!, "b"), RangeError, "far");
  assertEquals(encodeFailure(new Error("a fault")), undefined);
});

test("remote answers: a batch ends at its bytes, and says where to go on", () => {
  const value = "v".repeat(30_000);
  const entries = [1, 2, 3, 4].map((n) => [[n], value] as [number[], string]);
  for (const isReverse of [false, true]) {
    const writer = new BatchWriter(isReverse);
    const list = isReverse ? entries.toReversed() : entries;
    assertEquals(writer.add({ entries: list.slice(0, 1), next: keyOf([9]) }), true);
    assertEquals(writer.add({ entries: list.slice(1), next: undefined }), false);
    const batch = decodeBatch(writer.answer(), "b");
    assertEquals(batch.entries, list.slice(0, 3));
    // Forwards from the next on, backwards from before the last.
    assertEquals(batch.next, keyOf([isReverse ? 2 : 4]));
  }
  assertEquals(decodeBatch(new BatchWriter(false).answer(), "b"), { entries: [], next: undefined });
});

test("remote answers: of changed bytes each is refused, or read", () => {
  const chance = new Prng(8, "answers");
  const writer = new BatchWriter(false);
  writer.add({ entries: [[[1, "a"], { x: [1, 2n] }], [["b"], "text"]], next: keyOf(["c"]) });
  const batch = writer.answer();
  const result = encodeResult({ deep: [[["x"]]], n: 5 });
  const counts = { refused: 0, read: 0 };
  for (let i = 0; i < 20_000; i++) {
    const [bytes, read] = chance.chance(1, 2)
      ? [mangled(batch, chance), decodeBatch]
      : [mangled(result, chance), decodeResult];
    if (bytes[0]! > 2) continue;
    counts[refusedOrRead(() => read(bytes, "b"))]++;
  }
  assert(counts.refused > 3_000 && counts.read > 300, JSON.stringify(counts));
});

test("remote parts: what is long goes in parts and comes together again", () => {
  const short = new Uint8Array(10);
  assertEquals(partsOf(1, short), [short]);
  const long = new Uint8Array(1_300_000).map((_, i) => i * 7);
  const parts = partsOf(5, long);
  assertEquals(parts.map((it) => [isPart(it), sequenceOf(it)]), [[true, 5], [true, 5], [true, 5]]);
  const assembly = new Assembly(2);
  assertEquals(parts.map((it) => assembly.take(it)), [undefined, undefined, long]);
  // Begun anew, as in another view.
  assembly.take(parts[0]!);
  assembly.take(parts[0]!);
  assembly.take(parts[1]!);
  assertThrows(() => assembly.take(parts[1]!), CohortError, "does not follow");
  assembly.forget(5);
  assertThrows(() => assembly.take(parts[2]!), CohortError, "does not follow");
});

test("remote parts: one that claims too much is refused before it is believed", () => {
  const [part] = partsOf(5, new Uint8Array(1_300_000)) as [Uint8Array];
  new DataView(part.buffer).setUint32(7, 0xffff_fff0, true);
  assertThrows(() => new Assembly(1).take(part), CohortError, "4294967280");
  const chance = new Prng(9, "parts");
  const pieces = partsOf(6, new Uint8Array(600_000)).map((it) => it.slice(0, 60));
  for (let i = 0; i < 5_000; i++) {
    const assembly = new Assembly(1);
    for (const piece of pieces) refusedOrRead(() => assembly.take(mangled(piece, chance)));
  }
});
