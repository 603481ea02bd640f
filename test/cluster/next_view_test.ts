import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError, type ErrorCode } from "@cohort/db";
import { foundingView, nextView, type ViewChange } from "../../src/cluster/next_view.ts";
import { masterOf, quorumOf, storageVotesOf, type View, votesOf } from "../../src/ground/view.ts";
import { Prng } from "../support/prng.ts";
import { joiner, life, viewOf } from "./view_rig.ts";

const NEVER = new Set<string>();
const FOUNDING = { cluster: "c".repeat(32), session: "6".repeat(32), storageVotes: "auto" as const };

function all(view: View): Set<string> {
  return new Set(view.members.map((it) => it.incarnation));
}

function refused(code: ErrorCode, run: () => unknown): CohortError {
  const error = assertThrows(run, CohortError);
  assertEquals(error.code, code);
  return error;
}

test("View: members stand in the order in which they joined, the earliest is master", () => {
  const view = viewOf(["a", "b", "c"]);
  assertEquals(view.members.map((it) => [it.name, it.since]), [["a", 1], ["b", 2], ["c", 3]]);
  assertEquals([view.number, view.cause, masterOf(view)?.name], [3, "joined", "a"]);
  const left = nextView(view, life("a"), all(view), { kind: "leave", incarnation: life("a") });
  assertEquals([left.cause, masterOf(left)?.name, left.pending], ["left", "b", []]);
});

test("View: votes of members and storage, as they come and go", () => {
  const facts = (view: View): number[] => [view.expectedVotes, storageVotesOf(view), quorumOf(view)];
  let view = viewOf(["a", "b", "c"]);
  assertEquals(facts(view), [3, 2, 3], "any one of three with the storage goes on");
  const kept = new Set([life("b")]);
  view = nextView(view, life("b"), kept, { kind: "evict", kept });
  assertEquals(facts(view), [3, 2, 3], "who was evicted is still expected");
  assertEquals(votesOf(view, kept, false) >= quorumOf(view), false, "not without the storage");
  view = nextView(view, life("b"), kept, { kind: "join", joiner: joiner("a", 2) });
  assertEquals(facts(view), [3, 2, 3], "who comes back counts once");
  view = nextView(view, life("b"), all(view), { kind: "leave", incarnation: life("a", 2) });
  assertEquals(facts(view), [2, 1, 2], "who leaves is expected no more");
});

test("View: without votes of the storage the majority decides, and nobody else", () => {
  const view = viewOf(["a", "b", "c"], 0);
  assertEquals(quorumOf(view), 2);
  const kept = new Set([life("a")]);
  const error = refused("QUORUM_LOST", () => nextView(view, life("a"), kept, { kind: "evict", kept }));
  assertEquals([error.facts["votes"], error.facts["quorum"]], [1, 2]);
  refused("QUORUM_LOST", () => nextView(view, life("a"), NEVER, { kind: "join", joiner: joiner("d") }));
  const two = new Set([life("a"), life("c")]);
  assertEquals(nextView(view, life("c"), two, { kind: "evict", kept: two }).members.map((it) => it.name), [
    "a",
    "c",
  ]);
});

test("View: who is evicted stays pending, whoever creates what follows, until it is recovered", () => {
  let view = viewOf(["a", "b", "c"]);
  const two = new Set([life("a"), life("c")]);
  view = nextView(view, life("a"), two, { kind: "evict", kept: two });
  const one = new Set([life("c")]);
  view = nextView(view, life("c"), one, { kind: "evict", kept: one });
  assertEquals(view.pending.map((it) => it.name), ["b", "a"]);
  view = nextView(view, life("c"), one, { kind: "join", joiner: joiner("b", 2) });
  const done = new Set([life("b")]);
  assertThrows(
    () => nextView(view, life("b", 2), all(view), { kind: "recover", incarnations: done }),
    RangeError,
    "not the master",
  );
  view = nextView(view, life("c"), all(view), { kind: "recover", incarnations: done });
  assertEquals(view.pending.map((it) => it.name), ["a"]);
  assertThrows(
    () => nextView(view, life("c"), all(view), { kind: "recover", incarnations: done }),
    RangeError,
    "not pending",
  );
});

test("View: what is asked for wrongly is refused, and nothing follows", () => {
  const view = viewOf(["a", "b"]);
  const next = (by: string, change: ViewChange): View => nextView(view, by, all(view), change);
  const error = refused("NAME_TAKEN", () => next(life("a"), { kind: "join", joiner: joiner("b", 2) }));
  assertEquals(error.facts["incarnation"], life("b"));
  assertThrows(() => next(life("d"), { kind: "join", joiner: joiner("d") }), RangeError, "no member");
  assertThrows(() => next(life("a"), { kind: "leave", incarnation: life("d") }), RangeError, "no member");
  assertThrows(() => next(life("a"), { kind: "evict", kept: all(view) }), RangeError, "Nobody");
  for (const kept of [new Set([life("b")]), new Set([life("a"), life("d")])]) {
    assertThrows(() => next(life("a"), { kind: "evict", kept }), RangeError, "keeps");
  }
  for (const votes of [-1, 0.5, 1_001, NaN]) {
    assertThrows(
      () => next(life("a"), { kind: "join", joiner: joiner("d", 1, votes) }),
      RangeError,
      "0 to 1000 votes",
    );
  }
});

test("View: a newcomer begins a session where the last has left, or all are proven gone", () => {
  const view = viewOf(["a", "b"]);
  const error = refused("IN_USE", () => foundingView(view, joiner("d"), new Set([life("a")]), FOUNDING));
  assertEquals(error.facts["name"], "b");
  const found = foundingView(view, joiner("d"), all(view), FOUNDING);
  assertEquals([found.number, found.cause, found.expectedVotes], [3, "formed", 1]);
  assertEquals([found.members.map((it) => it.name), found.pending.map((it) => it.name)], [["d"], ["a", "b"]]);
  let last = nextView(view, life("a"), all(view), { kind: "leave", incarnation: life("a") });
  last = nextView(last, life("b"), all(last), { kind: "leave", incarnation: life("b") });
  assertEquals(foundingView(last, joiner("d"), NEVER, FOUNDING).pending, []);
  assertThrows(() => foundingView(undefined, joiner("d", 1, 0), NEVER, FOUNDING), RangeError, "1 to 1000");
});

test("View: in any run of changes, nobody evicted is forgotten and two halves never both decide", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const chance = new Prng(seed);
    const lives = new Map<string, number>();
    const owed = new Set<string>();
    let view = viewOf(["a"], chance.below(2) === 0 ? 0 : "auto");
    for (let step = 0; step < 30 && view.members.length > 0; step++) {
      const by = view.members[chance.below(view.members.length)]!.incarnation;
      const present = new Set([
        by,
        ...view.members.filter(() => chance.below(3) > 0).map((it) => it.incarnation),
      ]);
      const others = new Set(view.members.map((it) => it.incarnation).filter((it) => !present.has(it)));
      if (view.storageVotes === 0) {
        const both = [present, others].filter((it) => votesOf(view, it, true) >= quorumOf(view));
        assert(both.length < 2, `seed ${seed}`);
      }
      const name = "abcd"[chance.below(4)]!;
      const changes: ViewChange[] = [
        { kind: "join", joiner: joiner(name, (lives.get(name) ?? 1) + 1, chance.below(3)) },
        { kind: "leave", incarnation: view.members[chance.below(view.members.length)]!.incarnation },
        { kind: "evict", kept: present },
        { kind: "recover", incarnations: new Set(view.pending.slice(0, 1).map((it) => it.incarnation)) },
      ];
      const change = changes[chance.below(4)]!;
      let next: View;
      try {
        next = nextView(view, by, present, change);
      } catch (error) {
        assert(error instanceof CohortError || error instanceof RangeError, String(error));
        continue;
      }
      if (change.kind === "join") lives.set(name, (lives.get(name) ?? 1) + 1);
      if (change.kind === "evict") { for (const it of others) owed.add(it); }
      if (change.kind === "recover") { for (const it of change.incarnations) owed.delete(it); }
      assertEquals(next.number, view.number + 1);
      assertEquals(new Set(next.pending.map((it) => it.incarnation)), owed, `seed ${seed}`);
      assertEquals(new Set(next.members.map((it) => it.name)).size, next.members.length);
      const order = next.members.map((it) => it.since);
      assertEquals(order, [...order].sort((a, b) => a - b));
      view = next;
    }
  }
});
