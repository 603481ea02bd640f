import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { test } from "#test";
import { crc32 } from "node:zlib";
import { CohortError } from "../../src/ground/errors.ts";
import {
  claimName,
  claimNumber,
  type ClaimRecord,
  decodeClaim,
  encodeClaim,
  isReaderName,
  NO_ID,
  PREDECESSORS_MAX,
  readerName,
} from "../../src/storage/claim_record.ts";
import { Prng } from "../support/prng.ts";

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
  journalDirectory: "/var/lib/app/journals/ffeeddccbbaa99887766554433221100",
  predecessors: ["/var/lib/app/journals/1", "/var/lib/äpp/journals/2"],
  wallMs: 1_700_000_000_123,
  ceiling: 0,
};

const GOLDEN = new URL("golden/claim_1.hex", import.meta.url);

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof CohortError) return error.code;
    if (error instanceof RangeError) return "RangeError";
    throw error;
  }
  return "none";
}

test("claim record: format 1 is what the golden file says", () => {
  const golden = readFileSync(GOLDEN, "utf8").replace(/\s+/g, "");
  assertEquals(hex(encodeClaim(RECORD)), golden);
  const bytes = Uint8Array.from(golden.match(/../g)!, (pair) => parseInt(pair, 16));
  assertEquals(decodeClaim(bytes, "claim.7", 7), RECORD);
});

test("claim record: states, modes and limits come back as they went in", () => {
  for (const state of ["held", "recovering", "free"] as const) {
    for (const mode of ["private", "clustered", "read"] as const) {
      const record: ClaimRecord = {
        ...RECORD,
        state,
        mode,
        number: 2 ** 49,
        cluster: "c",
        ceiling: 9,
        volume: NO_ID,
      };
      assertEquals(decodeClaim(encodeClaim(record), "x", 2 ** 49), record);
    }
  }
  const many = { ...RECORD, predecessors: Array.from({ length: PREDECESSORS_MAX }, (_, at) => `/j/${at}`) };
  assertEquals(decodeClaim(encodeClaim(many), "x", 7), many);
  assertEquals(
    codeOf(() => encodeClaim({ ...many, predecessors: [...many.predecessors, "/"] })),
    "RangeError",
  );
  assertEquals(codeOf(() => encodeClaim({ ...RECORD, cluster: "x".repeat(4097) })), "RangeError");
  assertEquals(codeOf(() => encodeClaim({ ...RECORD, cluster: "\ud800" })), "RangeError");
});

test("claim record: every single-byte change, cut and addition is CORRUPT and names the file", () => {
  const bytes = encodeClaim(RECORD);
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [1, 0x80, 0xff]) {
      const damaged = bytes.slice();
      damaged[at]! ^= flip;
      assertEquals(codeOf(() => decodeClaim(damaged, "/v/claim.7", 7)), "CORRUPT", `byte ${at} ^ ${flip}`);
    }
  }
  for (let length = 0; length < bytes.length; length++) {
    assertEquals(codeOf(() => decodeClaim(bytes.slice(0, length), "x", 7)), "CORRUPT", `cut at ${length}`);
  }
  assertEquals(codeOf(() => decodeClaim(new Uint8Array([...bytes, 0]), "x", 7)), "CORRUPT");
  assertEquals(codeOf(() => decodeClaim(bytes, "x", 8)), "CORRUPT");
  try {
    decodeClaim(bytes.slice(1), "/v/claim.7", 7);
  } catch (error) {
    assert(String(error).includes("/v/claim.7"));
  }
});

test("claim record: a newer format is told from damage", () => {
  const bytes = encodeClaim(RECORD);
  bytes[8] = 2;
  new DataView(bytes.buffer).setUint32(4, crc32(bytes.subarray(8)), true);
  assertEquals(codeOf(() => decodeClaim(bytes, "x", 7)), "FORMAT_NEWER");
});

test("claim record: what passes the checksum is still bounds-checked", () => {
  const chance = new Prng(11);
  const bytes = encodeClaim(RECORD);
  let refused = 0;
  for (let round = 0; round < 5000; round++) {
    const made = bytes.slice(0, 8 + chance.below(bytes.length - 8));
    for (let change = chance.below(4); change >= 0; change--) {
      if (made.length > 10) made[10 + chance.below(made.length - 10)] = chance.below(256);
    }
    new DataView(made.buffer).setUint32(4, crc32(made.subarray(8)), true);
    if (codeOf(() => decodeClaim(made, "x", 7)) === "CORRUPT") refused++;
  }
  assert(refused > 4500, `${refused} of 5000`);
});

test("claimNumber and isReaderName take the names given, and no others", () => {
  for (const number of [1, 9, 10, 123456, 2 ** 49]) assertEquals(claimNumber(claimName(number)), number);
  for (
    const name of [
      "claim.",
      "claim.0",
      "claim.01",
      "claim.1x",
      "claim.-1",
      "claim.1e3",
      "xclaim.1",
      "claim.1 ",
    ]
  ) {
    assertEquals(claimNumber(name), undefined, name);
  }
  assert(isReaderName(readerName(NO_ID)));
  for (const name of ["reader.", "reader.12", `reader.${NO_ID}0`, `lease.${NO_ID}`]) {
    assert(!isReaderName(name), name);
  }
});
