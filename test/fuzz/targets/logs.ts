/** The cluster journal log: what other members wrote, also while they did. */
import { crc32 } from "node:zlib";
import {
  decodeJournalLog,
  encodeLogRecord,
  JOURNAL_LOG_HEAD_BYTES,
  journalLogHead,
  type LogRecord,
} from "../../../src/cluster/journal_log_record.ts";
import { getU16, putU32 } from "../../../src/ground/bytes.ts";
import type { ErrorCode } from "../../../src/ground/errors.ts";
import type { Prng } from "../../support/prng.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { answerOf, find, sameBytes } from "../judge.ts";
import { damageByte, garbage, mutate } from "../mutate.ts";

const ID = "00112233445566778899aabbccddeeff";
const RECORDS: readonly LogRecord[] = [
  {
    kind: "owner",
    wallMs: 1_700_000_000_123,
    snapshot: 2,
    owner: { name: "älpha", incarnation: ID, cluster: "c".repeat(32), journal: `/pij/journals/${ID}` },
  },
  { kind: "view", wallMs: 2, entered: { view: 7, session: "5".repeat(32), stamp: 9, position: 8 } },
  { kind: "begun", wallMs: 3, segment: { number: 1, base: 0, stamp: 10, ceiling: 90 }, view: 7 },
  { kind: "ended", wallMs: 4, number: 1, end: 4096 },
  { kind: "floor", wallMs: 5, floor: 2 },
  {
    kind: "round",
    wallMs: 6,
    round: { round: 3, view: 7, needs: [{ incarnation: ID, from: 5, position: 6 }] },
  },
  { kind: "left", wallMs: 7, view: 8, position: 5000 },
];
const LOG: Uint8Array = bytesOf(RECORDS);
const CODES: readonly ErrorCode[] = ["FORMAT_NEWER"];

function bytesOf(records: readonly LogRecord[]): Uint8Array {
  return new Uint8Array([journalLogHead(), ...records.map(encodeLogRecord)].flatMap((it) => [...it]));
}

/**
 * A changed byte ends the log before the record that has it; what has a right checksum is read whole or not.
 */
function journalLog(prng: Prng): Outcome {
  const isDamaged = prng.once(2);
  let bytes: Uint8Array = LOG.slice();
  if (isDamaged) damageByte(prng, bytes, JOURNAL_LOG_HEAD_BYTES, bytes.length);
  else {
    bytes = prng.once(6) ? garbage(prng, 600, LOG.subarray(0, 40)) : mutate(prng, LOG, [LOG]);
    if (!prng.once(4)) mend(bytes);
  }
  const answer = answerOf(CODES, () => decodeJournalLog(bytes, "x"));
  if ("code" in answer) return "refused";
  if (answer.value === undefined) return "refused";
  const { records, tailBytes } = answer.value;
  if (isDamaged && records.length >= RECORDS.length) find("a changed byte of a journal log does not show");
  const sound = bytesOf(records).subarray(JOURNAL_LOG_HEAD_BYTES);
  const read = bytes.subarray(JOURNAL_LOG_HEAD_BYTES, bytes.length - tailBytes);
  if (!sameBytes(sound, read)) find("a record of a journal log has two spellings");
  return "read";
}

/** Gives each record that is long enough the checksum of what it is now. */
function mend(bytes: Uint8Array): void {
  for (let at = JOURNAL_LOG_HEAD_BYTES; at + 6 <= bytes.length;) {
    const length = getU16(bytes, at + 4);
    if (length < 6 || at + length > bytes.length) return;
    putU32(bytes, at, crc32(bytes.subarray(at + 4, at + length)));
    at += length;
  }
}

/** Its target. */
export const LOG_TARGETS: readonly Target[] = [{ name: "journal log", weight: 8, run: journalLog }];
