/** Messages about blocks: what is said is what is heard, and what is none is refused. */
import { test } from "#test";
import { assertEquals, assertThrows } from "@std/assert";
import { CohortError } from "../../mod.ts";
import type { HolderMessage } from "../../src/buffer/block_holder.ts";
import type { KeeperMessage } from "../../src/buffer/block_keeper.ts";
import {
  decodeBlockMessage,
  encodeHolderMessage,
  encodeHome,
  encodeKeeperMessage,
  encodeReports,
  encodeResume,
  encodeReturned,
  encodeVerdict,
} from "../../src/buffer/block_message.ts";
import type { ReportedBlock } from "../../src/buffer/block_report.ts";

const PLACE = { tag: 0xfedc_ba98, block: 70_000 };
const ANN = "a".repeat(32), BEN = "b".repeat(32);
const SIZE = 64;
const IMAGE = Uint8Array.from({ length: SIZE }, (_, i) => i);

function heard(bytes: Uint8Array): unknown {
  return decodeBlockMessage(ANN, bytes, SIZE);
}

test("block messages: what a holder says", () => {
  const said: ReadonlyArray<readonly [HolderMessage, unknown]> = [
    [{ kind: "ask", mode: "EX" }, { kind: "ask", from: ANN, mode: "EX" }],
    [{ kind: "ask", mode: "PR" }, { kind: "ask", from: ANN, mode: "PR" }],
    [{ kind: "got", turn: 7 }, { kind: "got", from: ANN, turn: 7 }],
    [{ kind: "dropped", turn: 2 ** 40 }, { kind: "dropped", from: ANN, turn: 2 ** 40 }],
    [{ kind: "unsent", turn: 9 }, { kind: "unsent", from: ANN, turn: 9 }],
    [{ kind: "give", turn: 2 ** 30 }, { kind: "give", from: ANN, turn: 2 ** 30 }],
  ];
  for (const [message, event] of said) {
    assertEquals(heard(encodeHolderMessage(PLACE, message, undefined)), {
      to: "keeper",
      place: PLACE,
      event,
    });
  }
  for (const isFree of [false, true]) {
    for (const isDirty of [false, true]) {
      const image: HolderMessage = { kind: "image", to: BEN, turn: 9, mode: "PR", isFree, isDirty };
      const event = { kind: "image", from: ANN, turn: 9, mode: "PR", isFree, isDirty };
      const expected = { to: "holder", place: PLACE, event, bytes: IMAGE };
      const spoiled = { kind: "spoiled", turn: 9, mode: "PR", isFree } as const;
      assertEquals(heard(encodeHolderMessage(PLACE, { ...spoiled, to: BEN }, undefined)), {
        to: "holder",
        place: PLACE,
        event: { ...spoiled, from: ANN },
        bytes: undefined,
      });
      assertEquals(heard(encodeHolderMessage(PLACE, image, IMAGE)), expected);
    }
  }
});

test("block messages: what a keeper says", () => {
  for (const source of ["held", "volume", "image"] as const) {
    const grant: KeeperMessage = { kind: "grant", to: BEN, turn: 3, mode: "EX", source };
    const event = { kind: "grant", turn: 3, mode: "EX", source };
    assertEquals(heard(encodeKeeperMessage(PLACE, grant)), {
      to: "holder",
      place: PLACE,
      event,
      bytes: undefined,
    });
  }
  for (const keeps of ["NL", "PR"] as const) {
    const order = { kind: "demand", turn: 5, asker: BEN, mode: "PR", keeps, isFree: true } as const;
    const event = { kind: "order", order };
    assertEquals(heard(encodeKeeperMessage(PLACE, { ...order, to: ANN })), {
      to: "holder",
      place: PLACE,
      event,
      bytes: undefined,
    });
  }
});

test("block messages: what is said when a view begins", () => {
  const reports: ReportedBlock[] = [
    { ...PLACE, turn: 4, isDirty: true, mode: "EX", sentTo: undefined },
    { ...PLACE, turn: 5, isDirty: false, mode: "PR", sentTo: undefined },
    { ...PLACE, turn: 6, isDirty: true, mode: undefined, sentTo: BEN },
  ];
  assertEquals(heard(encodeReports(reports, true)), { to: "rebuild", reports, isLast: true });
  const part = { from: 7, safe: 2 ** 40 };
  const copy = { to: "recoverer", reports: [], isLast: false, part };
  assertEquals(heard(encodeReports([], false, part)), copy);
  assertEquals(heard(encodeResume()), { to: "resume" });
  assertEquals(heard(encodeHome(PLACE, "homeKeeper")), { to: "homeKeeper", place: PLACE });
  assertEquals(heard(encodeHome(PLACE, "homeHolder")), { to: "homeHolder", place: PLACE });
  assertEquals(heard(encodeVerdict(PLACE, 8, true)), { to: "sender", place: PLACE, turn: 8, isBack: true });
  assertEquals(heard(encodeReturned(PLACE, false)), { to: "returned", place: PLACE, hasIt: false });
});

test("block messages: what was cut, or is longer, or of an unknown kind is refused", () => {
  const image: HolderMessage = { kind: "image", to: BEN, turn: 9, mode: "PR", isFree: true, isDirty: true };
  const report: ReportedBlock = { ...PLACE, turn: 6, isDirty: true, mode: undefined, sentTo: BEN };
  const all = [
    encodeHolderMessage(PLACE, image, IMAGE),
    encodeHolderMessage(PLACE, { kind: "give", turn: 3 }, undefined),
    encodeReports([report], true, { from: 3, safe: 5 }),
  ];
  for (const bytes of all) {
    for (let length = 0; length < bytes.length; length++) {
      assertThrows(() => heard(bytes.subarray(0, length)), CohortError);
    }
    assertThrows(() => heard(Uint8Array.of(...bytes, 0)), CohortError);
    assertThrows(() => heard(Uint8Array.of(99, ...bytes.subarray(1))), CohortError);
  }
});
