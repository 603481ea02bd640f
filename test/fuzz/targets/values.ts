/** Claims, values and keys: what is read back from leaves and registers. */
import { crc32 } from "node:zlib";
import { ByteWriter } from "../../../src/ground/byte_writer.ts";
import { putU32 } from "../../../src/ground/bytes.ts";
import type { ErrorCode } from "../../../src/ground/errors.ts";
import {
  decodeKey,
  decodeLastSubscript,
  encodeKey,
  KEY_SCRATCH_BYTES,
  keyOf,
  nextSiblingPrefix,
  prefixLengthOfLevel,
  subscriptCount,
} from "../../../src/ground/key.ts";
import { KEY_BYTES_MAX, SUBSCRIPTS_MAX, VALUE_BYTES_MAX } from "../../../src/ground/limits.ts";
import { decodeValue, encodeValue } from "../../../src/ground/value.ts";
import { type ClaimRecord, decodeClaim, encodeClaim } from "../../../src/storage/claim_record.ts";
import { Prng } from "../../support/prng.ts";
import { randomSubscript } from "../../support/subscripts.ts";
import { randomScalar, randomValue } from "../../support/values.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { answerOf, expectRefused, find, sameBytes } from "../judge.ts";
import { damageByte, garbage, mutate, spoil } from "../mutate.ts";

const writer = new ByteWriter(4096);
const scratch: Uint8Array = new Uint8Array(KEY_SCRATCH_BYTES);

const RECORD: ClaimRecord = {
  number: 7,
  state: "recovering",
  mode: "private",
  cluster: "",
  volume: "00112233445566778899aabbccddeeff",
  incarnation: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
  owner: {
    host: "machine:0123456789abcdef0123456789abcdef",
    hostName: "alpha",
    boot: "40e427cd-1d1f-475b-8921-044a890e4404",
    pidNamespace: 4026531836,
    pid: 11693,
    startTime: "164691",
    exec: "a9223f482f63599b",
    nonce: "ffeeddccbbaa99887766554433221100",
  },
  journalDirectory: "/var/lib/app/ffeeddccbbaa99887766554433221100",
  predecessors: ["/var/lib/app/journals/1", "/var/lib/äpp/journals/2"],
  wallMs: 1_700_000_000_123,
  ceiling: 0,
};
const CLAIMS: readonly Uint8Array[] = [
  encodeClaim(RECORD),
  encodeClaim({ ...RECORD, state: "free", mode: "read", predecessors: [] }),
  encodeClaim({
    ...RECORD,
    cluster: "c",
    mode: "clustered",
    ceiling: 7,
    predecessors: new Array(40).fill("/x/y"),
  }),
];
const CLAIM_CODES: readonly ErrorCode[] = ["CORRUPT", "FORMAT_NEWER"];

/** A claim: every changed byte shows; one with a right checksum is refused or read whole. */
function claim(prng: Prng): Outcome {
  const sample = prng.pick(CLAIMS);
  if (prng.once(2)) {
    const bytes = sample.slice();
    const at = damageByte(prng, bytes, 0, bytes.length);
    return expectRefused(
      answerOf(CLAIM_CODES, () => decodeClaim(bytes, "x", 7)),
      `a changed byte ${at} of a claim`,
    );
  }
  let bytes = prng.once(6) ? garbage(prng, 900, sample.subarray(0, 12)) : mutate(prng, sample, CLAIMS);
  if (prng.once(3)) {
    bytes = sample.slice();
    spoil(prng, bytes, 8, bytes.length);
  }
  if (bytes.length > 8 && !prng.once(4)) putU32(bytes, 4, crc32(bytes.subarray(8)));
  const answer = answerOf(CLAIM_CODES, () => decodeClaim(bytes, "x", 7));
  if ("code" in answer) return "refused";
  if (!sameBytes(encodeClaim(answer.value), bytes)) find("a claim has two spellings");
  return "read";
}

const VALUES: readonly Uint8Array[] = makeValues();
const KEYS: readonly Uint8Array[] = makeKeys();

function makeValues(): Uint8Array[] {
  const prng = new Prng(3);
  return Array.from({ length: 300 }, (_, i) => {
    writer.length = 0;
    encodeValue(i % 3 === 0 ? randomScalar(prng) : randomValue(prng), writer);
    return writer.copy();
  });
}

function makeKeys(): Uint8Array[] {
  const prng = new Prng(4);
  return Array.from(
    { length: 300 },
    () => keyOf(Array.from({ length: prng.below(6) }, () => safeSubscript(prng))),
  );
}

function safeSubscript(prng: Prng): string | number | bigint {
  for (;;) {
    const subscript = randomSubscript(prng);
    try {
      keyOf([subscript]);
      return subscript;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
}

const DEEP = 30_000;

/**
 * Bytes of no one: garbage behind a tag, or an array header a byte, which a recursive reader would not
 * survive.
 */
function wildValue(prng: Prng): Uint8Array {
  if (!prng.once(20)) return garbage(prng, 300, Uint8Array.of(prng.below(13), prng.below(256)));
  const bytes = new Uint8Array(prng.below(DEEP, 2)).fill(prng.pick([0x81, 0x9f, 0xa1, 0xc2, 0x9b, 0xdb]));
  bytes[0] = 10;
  return bytes;
}

/** A value: refused, or one that is written again and comes back the same. */
function value(prng: Prng): Outcome {
  const bytes = prng.once(5) ? wildValue(prng) : mutate(prng, prng.pick(VALUES), VALUES);
  const from = prng.once(4) ? prng.below(bytes.length + 1) : 0;
  const answer = answerOf(["CORRUPT"], () => decodeValue(bytes, from, bytes.length));
  if ("code" in answer) return "refused";
  writer.length = 0;
  encodeValue(answer.value, writer);
  const again = writer.copy();
  // An object may name a key twice, and a Latin-1 text may have been written as UTF-8: then one spelling is
  // left.
  if (again.length > bytes.length - from || again.length > VALUE_BYTES_MAX) {
    find("a value is longer when written");
  }
  writer.length = 0;
  encodeValue(decodeValue(again, 0, again.length), writer);
  if (!sameBytes(again, writer.bytes.subarray(0, writer.length))) {
    find("a value does not come back as it was");
  }
  return "read";
}

/** A key: refused, or the one spelling of its subscripts. */
function key(prng: Prng): Outcome {
  const bytes = prng.once(6) ? garbage(prng, KEY_BYTES_MAX) : mutate(prng, prng.pick(KEYS), KEYS);
  const to = bytes.length;
  subscriptCount(bytes, 0, to);
  const level = prng.below(5);
  if (prefixLengthOfLevel(bytes, 0, to, level) > to) find("a prefix is longer than its key");
  if (to <= KEY_BYTES_MAX) nextSiblingPrefix(bytes, 0, to, level, scratch);
  const last = answerOf(["CORRUPT"], () => decodeLastSubscript(bytes, 0, to));
  const answer = answerOf(["CORRUPT"], () => decodeKey(bytes, 0, to));
  if ("code" in answer) return "refused";
  const subscripts = answer.value;
  if (to > 0 && (!("value" in last) || last.value !== subscripts.at(-1))) {
    find("the last subscript is another");
  }
  if (subscripts.length > SUBSCRIPTS_MAX || to > KEY_BYTES_MAX) return "read";
  const length = encodeKey(subscripts, scratch);
  if (!sameBytes(scratch.subarray(0, length), bytes)) find("a key has two spellings");
  return "read";
}

/** The targets of this file. */
export const VALUE_TARGETS: readonly Target[] = [
  { name: "claim", weight: 10, run: claim },
  { name: "value", weight: 14, run: value },
  { name: "key", weight: 14, run: key },
];
