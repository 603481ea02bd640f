/** Messages between members, and the records by which a cluster knows itself. */
import { crc32 } from "node:zlib";
import {
  decodeBlockMessage,
  encodeHolderMessage,
  encodeHome,
  encodeKeeperMessage,
  encodeReports,
  encodeReturned,
  encodeVerdict,
} from "../../../src/buffer/block_message.ts";
import { decodeMember, encodeMember } from "../../../src/cluster/member_message.ts";
import {
  KIND_ACK,
  KIND_NOTICE,
  KIND_REFUSAL,
  KIND_REQUEST,
  makePacket,
  putNumber,
  putState as putPacketState,
  readPacket,
} from "../../../src/cluster/packet.ts";
import { decodePij, encodePij } from "../../../src/cluster/pij_record.ts";
import { putMessage, putState, readRailMessage } from "../../../src/cluster/rail_message.ts";
import { decodeRefusal, encodeRefusal } from "../../../src/cluster/refusal.ts";
import { decodeSlot, encodeSlot, SLOT_BYTES } from "../../../src/cluster/slot_record.ts";
import { decodeView, encodeView } from "../../../src/cluster/view_record.ts";
import { putU32 } from "../../../src/ground/bytes.ts";
import { CohortError, type ErrorCode } from "../../../src/ground/errors.ts";
import { decodeAnswer, decodeQuestion, encodeQuestion } from "../../../src/node/asking.ts";
import { decodeBatch, decodeResult, encodeFailure, encodeResult } from "../../../src/node/remote_answer.ts";
import { decodeMessage, encodeCall, encodeMessage } from "../../../src/node/remote_call.ts";
import { joiner, viewOf } from "../../cluster/view_rig.ts";
import type { Prng } from "../../support/prng.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { answerOf, expectRefused, find } from "../judge.ts";
import { concat, damageByte, garbage, mutate, spoil } from "../mutate.ts";

const ANN = "a".repeat(32), BEN = "b".repeat(32);
const PLACE = { tag: 0xfedc_ba98, block: 70_000 };
const BLOCK_BYTES = 512;
const CORRUPT: readonly ErrorCode[] = ["CORRUPT"];

/** A message of an authenticated member: refused by a code, or read for what it is. */
function message(samples: readonly Uint8Array[], decode: (bytes: Uint8Array) => unknown) {
  return (prng: Prng): Outcome => {
    const sample = prng.pick(samples);
    const bytes = prng.once(6)
      ? garbage(prng, 600, sample.subarray(0, prng.below(9)))
      : mutate(prng, sample, samples);
    return "code" in answerOf(CORRUPT, () => decode(bytes)) ? "refused" : "read";
  };
}

const EMPTY = new Uint8Array(0);

function packets(): Uint8Array[] {
  const made = [
    makePacket(KIND_ACK, 0, 0, EMPTY),
    makePacket(KIND_NOTICE, 1, 0, Uint8Array.of(1, 2, 3)),
    makePacket(KIND_REQUEST, 3, 0, new Uint8Array(60).fill(7)),
    makePacket(KIND_REFUSAL, 3, 5, Uint8Array.of(9)),
  ];
  made.forEach((packet, i) => {
    putNumber(packet, i === 0 ? 0 : i + 2);
    putPacketState(packet, { view: 7, stamp: 2 ** 40, ack: 3, credit: 90 });
  });
  return made;
}

const IMAGE = { kind: "image", to: BEN, turn: 9, mode: "PR", isFree: true, isDirty: true } as const;
const BLOCK_MESSAGES: readonly Uint8Array[] = [
  encodeHolderMessage(PLACE, { kind: "ask", mode: "EX" }, undefined),
  encodeHolderMessage(PLACE, { kind: "got", turn: 2 ** 40 }, undefined),
  encodeHolderMessage(PLACE, IMAGE, new Uint8Array(BLOCK_BYTES).fill(3)),
  encodeKeeperMessage(PLACE, { kind: "grant", to: BEN, turn: 7, mode: "EX", source: "volume" }),
  encodeKeeperMessage(PLACE, {
    kind: "demand",
    to: ANN,
    asker: BEN,
    turn: 8,
    mode: "EX",
    keeps: "NL",
    isFree: false,
  }),
  encodeReports(
    [1, 2, 3].map((turn) => ({ ...PLACE, turn, isDirty: true, mode: "EX", sentTo: undefined })),
    true,
    { from: 3, safe: 5 },
  ),
  encodeHome(PLACE, "homeKeeper"),
  encodeVerdict(PLACE, 8, true),
  encodeReturned(PLACE, false),
];

const MEMBER_MESSAGES: readonly Uint8Array[] = [
  encodeMember({ kind: "beat", view: 2 ** 40 }),
  encodeMember({ kind: "wait", view: 4, why: "b is being recovered" }),
  encodeMember({
    kind: "ask",
    view: 0,
    asked: { joiner: joiner("ä€😀"), settings: { durability: "sync" }, probe: "7".repeat(32) },
  }),
  encodeMember({ kind: "state", view: 7, serial: 9, report: { state: "suspended", why: "ä" } }),
  encodeMember({ kind: "letter", view: 8, bytes: new Uint8Array(20).fill(4) }),
  encodeMember({ kind: "refuse", view: 5, error: new CohortError("NAME_TAKEN", "Another has it", {}) }),
];

const RAIL_MESSAGES: readonly Uint8Array[] = [
  putMessage(3, new Uint8Array(40).fill(1)),
  putState({ generation: 3, repaired: 2, number: 9, hasTwo: true, isReady: false }),
];

const NODE = { directory: "/data/hr é", name: "Patient", subscripts: [123, "name", -0.5] };
const HEAD = { sequence: 2 ** 40 + 3, floor: 17, settled: [19, 2 ** 40], mayEnd: true, timeoutMs: 1_500 };
const CALLS: readonly Uint8Array[] = [
  encodeCall({ what: "get", ...NODE }),
  encodeCall({ what: "set", ...NODE, value: { a: [1, "b", null, 3n] } }),
  encodeCall({ what: "increment", ...NODE, by: 2n ** 70n }),
  encodeCall({ what: "entries", ...NODE, next: undefined, isReverse: true, most: 7 }),
].map((call) => encodeMessage(HEAD, call));

const RESULTS: readonly Uint8Array[] = [
  encodeResult({ deep: [[["x"]]], n: 5 }),
  encodeResult(undefined),
  encodeFailure(new CohortError("FULL", "No room", { blocks: 3 }))!,
];
/** What an answer may tell besides: an error of the other end's caller, or any code. */
function result(prng: Prng): Outcome {
  const bytes = mutate(prng, prng.pick(RESULTS), RESULTS);
  const decode = prng.once(2) ? decodeResult : decodeBatch;
  try {
    decode(bytes, ANN);
    return "read";
  } catch (error) {
    if (error instanceof CohortError || error instanceof TypeError || error instanceof RangeError) {
      return "refused";
    }
    throw error;
  }
}

const QUESTIONS: readonly Uint8Array[] = [
  encodeQuestion({ ask: "report" }),
  encodeQuestion({ ask: "databases", from: 3 }),
  encodeQuestion({ ask: "mount", directory: "/data/hr", mode: "clustered", timeoutMs: 5 }),
];

function question(bytes: Uint8Array): void {
  decodeQuestion(bytes);
  answerOf(CORRUPT, () => decodeAnswer(bytes));
}

/** A record with a checksum: a changed byte shows, and one with a right checksum is refused or read. */
function record(samples: readonly Uint8Array[], decode: (bytes: Uint8Array) => unknown) {
  const codes: readonly ErrorCode[] = ["CORRUPT", "FORMAT_NEWER"];
  return (prng: Prng): Outcome => {
    if (prng.once(2)) {
      const bytes = prng.pick(samples).slice();
      const at = damageByte(prng, bytes, 0, bytes.length);
      return expectRefused(answerOf(codes, () => decode(bytes)), `a changed byte ${at}`);
    }
    const sample = prng.pick(samples);
    const bytes = prng.once(2) ? sample.slice() : mutate(prng, sample, samples);
    if (prng.once(2)) spoil(prng, bytes, Math.min(8, bytes.length), bytes.length);
    if (bytes.length > 8 && !prng.once(4)) putU32(bytes, 4, crc32(bytes.subarray(8)));
    return "code" in answerOf(codes, () => decode(bytes)) ? "refused" : "read";
  };
}

const SLOT = { view: 7, hears: [ANN, BEN], message: new Uint8Array(90).fill(6) };
const OLDER = encodeSlot({ ...SLOT, counter: 8 }).slice();
const NEWER = encodeSlot({ ...SLOT, counter: 9, hears: [BEN] }).slice();

/** A slot: of two halves the later whole one counts, so that a torn write shows the one before. */
function slot(prng: Prng): Outcome {
  const file = concat(OLDER, NEWER);
  if (prng.once(2)) {
    damageByte(prng, file, SLOT_BYTES, 2 * SLOT_BYTES);
    if (decodeSlot(file)?.counter !== 8) find("a torn half of a slot was read");
    return "detected";
  }
  const half = prng.pick([0, SLOT_BYTES]);
  let bytes = mutate(prng, file, [NEWER]);
  if (bytes.length < half + SLOT_BYTES) bytes = concat(bytes, new Uint8Array(2 * SLOT_BYTES));
  putU32(bytes, half + 4, crc32(bytes.subarray(half + 8, half + SLOT_BYTES)));
  return decodeSlot(bytes) === undefined ? "refused" : "read";
}

const VIEWS: readonly Uint8Array[] = [
  encodeView(viewOf(["ann", "ben"])),
  encodeView(viewOf(["döra 😀", "x"], 3)),
];
const PIJS: readonly Uint8Array[] = [encodePij({ number: 1, cluster: ANN, madeMs: 5, anchor: "12:34" })];

/** The targets of this file. */
export const MESSAGE_TARGETS: readonly Target[] = [
  { name: "packet", weight: 10, run: message(packets(), readPacket) },
  {
    name: "block message",
    weight: 10,
    run: message(BLOCK_MESSAGES, (bytes) => decodeBlockMessage(ANN, bytes, BLOCK_BYTES)),
  },
  { name: "member message", weight: 10, run: message(MEMBER_MESSAGES, (bytes) => decodeMember(bytes, ANN)) },
  {
    name: "rail message",
    weight: 6,
    run: message(RAIL_MESSAGES, (bytes) => {
      if (readRailMessage(bytes) === undefined) throw new CohortError("CORRUPT", "It is none");
    }),
  },
  { name: "remote call", weight: 10, run: message(CALLS, decodeMessage) },
  { name: "remote answer", weight: 6, run: result },
  {
    name: "refusal",
    weight: 6,
    run: message(
      [encodeRefusal(new CohortError("FULL", "Nö", { blocks: 3 }))],
      (it) => decodeRefusal(it, ANN),
    ),
  },
  { name: "question", weight: 6, run: message(QUESTIONS, question) },
  { name: "slot", weight: 6, run: slot },
  { name: "view", weight: 8, run: record(VIEWS, (bytes) => decodeView(bytes, "view.2", 2)) },
  { name: "cluster", weight: 6, run: record(PIJS, (bytes) => decodePij(bytes, "cluster.1", 1)) },
];
