/** Databases as a whole: every state of the tables with every event, and what is said of it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError } from "../../mod.ts";
import {
  BY_BLOCK,
  type DatabaseUse,
  type HolderWidth,
  type HolderWidthEvent,
  holderWidthStep,
  type KeeperWidth,
  type KeeperWidthEvent,
  keeperWidthStep,
  KEPT_BY_BLOCK,
  UNUSED,
  type UseEvent,
  useStep,
} from "../../src/buffer/wide_grant.ts";
import { decodeWide, encodeWide, type WideMessage } from "../../src/buffer/wide_message.ts";

test("wide grant: the master gives a database to the one that uses it, once all have told", () => {
  const told: UseEvent = { kind: "told" };
  const use = (from: string): UseEvent => ({ kind: "use", from });
  const unuse = (from: string): UseEvent => ({ kind: "unuse", from });
  const steps: ReadonlyArray<
    readonly [DatabaseUse, UseEvent, boolean, string[], string | undefined, string]
  > = [
    [UNUSED, use("a"), false, ["a"], undefined, ""],
    [UNUSED, use("a"), true, ["a"], "a", "give a"],
    [UNUSED, unuse("a"), true, [], undefined, ""],
    [UNUSED, told, true, [], undefined, ""],
    [{ users: ["a"], holder: undefined }, told, true, ["a"], "a", "give a"],
    [{ users: ["a", "b"], holder: undefined }, told, true, ["a", "b"], undefined, ""],
    [{ users: ["a"], holder: "a" }, use("a"), true, ["a"], "a", ""],
    [{ users: ["a"], holder: "a" }, use("b"), true, ["a", "b"], undefined, "end a"],
    [{ users: ["a"], holder: "a" }, unuse("b"), true, ["a"], "a", ""],
    [{ users: ["a"], holder: "a" }, unuse("a"), true, [], undefined, "end a"],
    [{ users: ["a", "b"], holder: undefined }, use("c"), true, ["a", "b", "c"], undefined, ""],
    [{ users: ["a", "b"], holder: undefined }, unuse("a"), true, ["b"], "b", "give b"],
    [{ users: ["a", "b"], holder: undefined }, unuse("a"), false, ["b"], undefined, ""],
  ];
  for (const [before, event, isTold, users, holder, said] of steps) {
    const { use, messages } = useStep(before, event, isTold);
    assertEquals(use, { users, holder });
    assertEquals(messages.map(({ kind, to }) => `${kind} ${to}`).join(), said);
  }
});

const CLAIMING: HolderWidth = { phase: "claiming", turn: 0, isWanted: false };
const ENDING: HolderWidth = { phase: "ending", turn: 0, isWanted: false };
const AGAIN: HolderWidth = { ...ENDING, isWanted: true };
const DATABASE: HolderWidth = { phase: "database", turn: 7, isWanted: false };

test("wide grant: the holder, in every state at every event", () => {
  const give: HolderWidthEvent = { kind: "give" }, end: HolderWidthEvent = { kind: "end" };
  const granted: HolderWidthEvent = { kind: "granted", turn: 7 };
  const withdrawn: HolderWidthEvent = { kind: "withdrawn" };
  const table: ReadonlyArray<readonly [HolderWidth, HolderWidthEvent, HolderWidth | "never", string]> = [
    [BY_BLOCK, give, CLAIMING, "claim"],
    [BY_BLOCK, end, BY_BLOCK, ""],
    [BY_BLOCK, granted, "never", ""],
    [BY_BLOCK, withdrawn, "never", ""],
    [CLAIMING, give, CLAIMING, ""],
    [CLAIMING, end, ENDING, "withdraw"],
    [CLAIMING, granted, DATABASE, ""],
    [CLAIMING, withdrawn, "never", ""],
    [ENDING, give, AGAIN, ""],
    [ENDING, end, ENDING, ""],
    [ENDING, granted, BY_BLOCK, "list"],
    [ENDING, withdrawn, BY_BLOCK, ""],
    [AGAIN, give, AGAIN, ""],
    [AGAIN, end, ENDING, ""],
    [AGAIN, granted, CLAIMING, "list,claim"],
    [AGAIN, withdrawn, CLAIMING, "claim"],
    [DATABASE, give, DATABASE, ""],
    [DATABASE, end, BY_BLOCK, "list"],
    [DATABASE, granted, "never", ""],
    [DATABASE, withdrawn, "never", ""],
  ];
  for (const [before, event, after, said] of table) {
    if (after === "never") assertThrows(() => holderWidthStep(before, event), RangeError);
    else {
      const step = holderWidthStep(before, event);
      assertEquals([step.width, step.messages.join()], [after, said], `${before.phase} ${event.kind}`);
    }
  }
});

test("wide grant: the keeper, in every state at every event", () => {
  const claimed: KeeperWidth = { holder: undefined, claims: ["a"] };
  const had: KeeperWidth = { holder: "a", claims: [] };
  const next: KeeperWidth = { holder: "b", claims: ["a"] };
  const last: KeeperWidthEvent = { kind: "list", from: "a", isLast: true };
  const some: KeeperWidthEvent = { kind: "list", from: "a", isLast: false };
  const of = (kind: "claim" | "withdraw" | "quiet"): KeeperWidthEvent => ({ kind, from: "a" });
  const table: ReadonlyArray<readonly [KeeperWidth, KeeperWidthEvent, KeeperWidth | "never", string]> = [
    [KEPT_BY_BLOCK, of("claim"), claimed, ""],
    [KEPT_BY_BLOCK, of("withdraw"), "never", ""],
    [KEPT_BY_BLOCK, of("quiet"), KEPT_BY_BLOCK, ""],
    [KEPT_BY_BLOCK, some, "never", ""],
    [KEPT_BY_BLOCK, last, "never", ""],
    [claimed, of("claim"), "never", ""],
    [claimed, of("withdraw"), KEPT_BY_BLOCK, "withdrawn"],
    [claimed, of("quiet"), had, "granted"],
    [claimed, some, "never", ""],
    [claimed, last, "never", ""],
    [had, of("claim"), "never", ""],
    [had, of("withdraw"), had, ""],
    [had, of("quiet"), had, ""],
    [had, some, had, ""],
    [had, last, KEPT_BY_BLOCK, ""],
    [{ holder: "b", claims: [] }, of("claim"), next, ""],
    [next, of("withdraw"), { holder: "b", claims: [] }, "withdrawn"],
    [next, of("quiet"), next, ""],
    [next, some, "never", ""],
    [next, last, "never", ""],
  ];
  for (const [before, event, after, said] of table) {
    if (after === "never") assertThrows(() => keeperWidthStep(before, event), RangeError);
    else {
      const step = keeperWidthStep(before, event);
      assertEquals([step.width, step.messages.map(({ kind }) => kind).join()], [after, said]);
    }
  }
});

test("wide grant: what is said is what is heard, and what is none is refused", () => {
  const tag = 0xfedc_ba98;
  const reports = [
    { tag, block: 70_000, turn: 2 ** 40, isDirty: true, mode: "EX", sentTo: undefined },
    { tag, block: 3, turn: 1, isDirty: false, mode: "PR", sentTo: undefined },
  ] as const;
  const all: WideMessage[] = [
    { kind: "uses", tags: [] },
    { kind: "uses", tags: [tag, 1] },
    ...(["use", "unuse", "give", "end", "claim", "withdraw"] as const).map((kind) => ({ kind, tag })),
    { kind: "withdrawn", tag },
    { kind: "granted", tag, turn: 2 ** 45 },
    { kind: "list", tag, reports, isLast: false },
    { kind: "list", tag, reports: [], isLast: true },
  ];
  for (const message of all) {
    const bytes = encodeWide(message);
    assertEquals(decodeWide(bytes), message);
    for (let length = 0; length < bytes.length; length++) {
      assertThrows(() => decodeWide(bytes.subarray(0, length)), CohortError);
    }
    assertThrows(() => decodeWide(Uint8Array.of(...bytes, 0)), CohortError);
  }
  for (const kind of [0, all.length, 255]) {
    assertThrows(() => decodeWide(Uint8Array.of(kind, 0, 0, 0, 0)), CohortError);
  }
  assert(encodeWide(all[2]!).length === 5);
});
