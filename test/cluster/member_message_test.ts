import { assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError } from "@cohort/db";
import { decodeMember, encodeMember, type MemberMessage } from "../../src/cluster/member_message.ts";
import { Prng } from "../support/prng.ts";
import { joiner, viewOf } from "./view_rig.ts";

const ASK: MemberMessage = {
  kind: "ask",
  view: 0,
  asked: {
    joiner: joiner("ä€😀"),
    settings: { durability: "sync", umask: "022", ["__proto__"]: "own" },
    probe: "7".repeat(32),
  },
};

test("member message: what is put is read", () => {
  const all: MemberMessage[] = [
    { kind: "beat", view: 2 ** 40 },
    { kind: "look", view: 3 },
    { kind: "decided", view: 2, next: viewOf(["ä", "b"]) },
    { kind: "wait", view: 4, why: "b is being recovered" },
    ASK,
    { kind: "state", view: 7, serial: 2 ** 40, report: { state: "suspended", why: "it could not write ä" } },
    { kind: "letter", view: 8, bytes: new Uint8Array([1, 2, 3]) },
    { kind: "letter", view: 8, bytes: new Uint8Array(0) },
    { kind: "vouch", view: 6, newcomer: "1".repeat(32), probe: "7".repeat(32), sees: true, why: "" },
    {
      kind: "vouch",
      view: 6,
      newcomer: "1".repeat(32),
      probe: "7".repeat(32),
      sees: false,
      why: "elsewhere",
    },
  ];
  for (const message of all) assertEquals(decodeMember(encodeMember(message), "m1"), message);
  const error = new CohortError("NAME_TAKEN", "Another has it", { name: "b" });
  const told = decodeMember(encodeMember({ kind: "refuse", view: 5, error }), "m1");
  assertEquals(told.kind, "refuse");
  if (told.kind !== "refuse") return;
  assertEquals([told.error.code, told.error.message, told.error.facts["name"]], [
    "NAME_TAKEN",
    "Another has it",
    "b",
  ]);
});

test("member message: what is cut or changed is CORRUPT or another message, never anything else", () => {
  const whole = encodeMember(ASK);
  for (let end = 0; end < whole.length; end++) {
    assertThrows(() => decodeMember(whole.subarray(0, end), "m1"), CohortError);
  }
  const chance = new Prng(1);
  for (let i = 0; i < 5_000; i++) {
    const bytes = whole.slice();
    for (let n = 1 + chance.below(3); n > 0; n--) bytes[chance.below(bytes.length)] = chance.below(256);
    try {
      decodeMember(bytes, "m1");
    } catch (error) {
      assertEquals(error instanceof CohortError, true, String(error));
    }
  }
});
