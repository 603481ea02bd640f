/** The tables of coherence, run through every order of events of the model of one block. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { type BlockOrder, type HeldBlock, obey, UNKNOWN } from "../../src/buffer/block_holder.ts";
import { type GrantMode, keeperStep, type KeptBlock, UNHELD } from "../../src/buffer/block_keeper.ts";
import { explore } from "./coherence_explore.ts";
import type { Budget } from "./coherence_model_state.ts";

test("coherence: two members, every order of reads, changes, homes and giving up", () => {
  const both: Budget = { reads: 1, writes: 1, evicts: 1, homes: 1 };
  const states = explore([both, both]);
  assert(states > 50_000, `${states} states`);
});

test("coherence: three members, readers beside a writer that all must forget", () => {
  const states = explore([{ reads: 1, evicts: 1 }, { reads: 1 }, { writes: 1, homes: 1 }]);
  assert(states > 3_000, `${states} states`);
});

test("coherence: three members raise what they share", () => {
  const raiser: Budget = { reads: 1, writes: 1 };
  assert(explore([raiser, raiser, { reads: 1 }]) > 10_000);
});

test("coherence: an image that comes late, to whom has forgotten the block, is never taken", () => {
  const states = explore([{ writes: 1, homes: 1, evicts: 1 }, { reads: 1, evicts: 1 }, { writes: 1 }]);
  assert(states > 15_000, `${states} states`);
});

test("coherence: an image that comes spoiled is had again, from its sender or from the volume", () => {
  const late = [{ writes: 1, homes: 1, evicts: 1 }, { reads: 1, evicts: 1 }, { writes: 1 }];
  const one = explore(late, { spoils: 2 });
  const two = explore([{ writes: 1, homes: 1 }, { writes: 1, reads: 1 }], { spoils: 1, views: 1 });
  assert(one > 40_000 && two > 20_000, `${one}, ${two} states`);
});

test("coherence: who waits may be interrupted; what it is granted then others get", () => {
  const one: Budget = { reads: 1, writes: 1, aborts: 1 };
  const states = explore([{ writes: 1, aborts: 1 }, one, { writes: 1 }]);
  assert(states > 20_000, `${states} states`);
});

test("coherence: views begin meanwhile, of which each member hears in its own time", () => {
  const writer: Budget = { writes: 1, homes: 1, evicts: 1 };
  const two = explore([writer, writer], { views: 1 });
  const three = explore([{ writes: 1 }, { reads: 1 }, { writes: 1 }], { views: 1 });
  const again = explore([{ writes: 1 }, { writes: 1 }], { views: 2 });
  assert(two > 35_000 && three > 60_000 && again > 20_000, `${two}, ${three}, ${again} states`);
});

test("coherence: members are lost at any time, what they changed is not", () => {
  const two = explore([{ writes: 1, reads: 1, homes: 1 }, { writes: 1, homes: 1 }], { losses: 1 });
  const three = explore([{ writes: 1 }, { reads: 1 }, { writes: 1 }], { losses: 1 });
  assert(two > 10_000 && three > 50_000, `${two}, ${three} states`);
});

test("coherence: by way of the disk, every order of what members do, and views, and losses", () => {
  const both: Budget = { reads: 1, writes: 1, evicts: 1, homes: 1 };
  const states = [
    explore([both, both], { handover: "disk" }),
    explore([{ reads: 1, evicts: 1 }, { reads: 1, writes: 1 }, { writes: 1 }], { handover: "disk" }),
    explore([{ writes: 1, aborts: 1 }, { reads: 1, writes: 1, aborts: 1 }], { handover: "disk" }),
    explore([both, { writes: 1, homes: 1 }], { handover: "disk", views: 1 }),
    explore([{ writes: 1 }, { reads: 1 }, { writes: 1 }], { handover: "disk", losses: 1 }),
    explore([{ writes: 1, reads: 1 }, { writes: 1, reads: 1 }], { handover: "mixed", views: 1 }),
  ];
  assert(states.every((it) => it > 1_000), `${states} states`);
});

test("coherence: by way of the disk no image is sent, and two messages tell where the block is", () => {
  const held: HeldBlock = { ...UNKNOWN, mode: "EX", turn: 1, isHere: true };
  const order: BlockOrder = {
    kind: "demand",
    turn: 2,
    asker: "b",
    mode: "EX",
    keeps: "NL",
    isFree: true,
  };
  const left = obey({ ...held, order }, "disk");
  assertEquals([left.block, left.messages], [{ ...UNKNOWN, turn: 1 }, [{ kind: "unsent", turn: 2 }]]);
  const kept = keeperStep(UNHELD, { kind: "ask", from: "a", mode: "EX" }).block;
  const asked = keeperStep(kept, { kind: "ask", from: "b", mode: "EX" }).block;
  const { block, messages } = keeperStep(asked, { kind: "unsent", from: "a", turn: 2 });
  assertEquals(messages, [{ kind: "grant", to: "b", turn: 2, mode: "EX", source: "volume" }]);
  assertEquals([block.exclusive, block.owner, block.turn], ["b", "b", undefined]);
  assertThrows(() => obey({ ...held, order, isDirty: true }, "disk"), RangeError);
});

test("coherence: messages of one turn, counted", () => {
  const asked = (block: KeptBlock, from: string, mode: GrantMode) =>
    keeperStep(block, { kind: "ask", from, mode });
  const first = asked(UNHELD, "a", "EX");
  assertEquals(first.messages.map((it) => it.kind), ["grant"], "from the volume");
  const second = asked(first.block, "b", "EX");
  assertEquals(second.messages.map((it) => it.kind), ["demand"], "one holder: two messages and the image");
  const sharers = ["a", "b", "c"].reduce(
    (block, it) => ({ ...block, sharers: [...block.sharers, it] }),
    UNHELD,
  );
  const raised = asked(sharers, "d", "EX");
  assertEquals(raised.messages.map((it) => it.kind), ["drop", "drop", "drop"], "in one parallel round");
});
