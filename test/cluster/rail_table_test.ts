import { test } from "#test";
import { assertEquals, assertThrows } from "@std/assert";
import {
  formatRails,
  parseRails,
  putEnd,
  putMessage,
  putState,
  readRailMessage,
} from "../../src/cluster/rail_message.ts";
import { RailPeer } from "../../src/cluster/rail_peer.ts";
import { ErrorWindow, RailHealth, railOf, railVerdict, silentRail } from "../../src/cluster/rail_table.ts";

/** Errors evenly spread over so many milliseconds, from a time on. */
function spread(count: number, overMs: number, from = 1_000): number[] {
  return Array.from({ length: count }, (_, i) => from + (i * overMs) / (count - 1));
}

/** What follows after each of these errors, if all members have a secondary or not. */
function verdicts(times: readonly number[], isComplete = true): string[] {
  const window = new ErrorWindow();
  return times.map((now) => {
    window.add(now);
    return railVerdict(window.count(now), isComplete);
  });
}

const TEN_TIMES_STAY = Array.from({ length: 10 }, () => "stay");

test("rails: ten errors within a minute are borne, the eleventh is not", () => {
  assertEquals(verdicts(spread(10, 60_000)), TEN_TIMES_STAY);
  assertEquals(verdicts(spread(11, 60_000)), [...TEN_TIMES_STAY, "switch"]);
  assertEquals(verdicts(spread(11, 0)), [...TEN_TIMES_STAY, "switch"]);
  assertEquals(verdicts(spread(11, 61_000)), [...TEN_TIMES_STAY, "stay"]);
  // For ever at that pace; and a window that slides sees what a window that begins anew would not.
  assertEquals(new Set(verdicts(spread(101, 610_000))), new Set(["stay"]));
  assertEquals(verdicts([...spread(5, 1_000, 59_000), ...spread(6, 1_000, 119_000)]).at(-1), "stay");
  assertEquals(verdicts([...spread(5, 1_000, 59_000), ...spread(6, 1_000, 61_000)]).at(-1), "switch");
});

test("rails: without a secondary somewhere there is no switch", () => {
  assertEquals(verdicts(spread(11, 30_000), false), [...TEN_TIMES_STAY, "no secondary"]);
  assertEquals(verdicts(spread(10, 30_000), false), TEN_TIMES_STAY);
});

test("rails: errors count for the rail in use, and begin anew after a switch", () => {
  const health = new RailHealth();
  for (const now of spread(11, 1_000)) health.error(1, now);
  assertEquals([health.recent(2_000), health.errors, health.active], [0, [0, 11], 0]);
  for (const now of spread(11, 1_000)) health.error(0, now);
  assertEquals([health.recent(2_000), health.errors], [11, [11, 11]]);
  health.enter(1, 2_000);
  assertEquals([health.recent(2_000), health.errors, health.active], [0, [11, 11], 1]);
  health.error(1, 2_001);
  assertEquals(health.recent(2_001), 1);
});

test("rails: the rail that was left is back when a person says so, or after a minute without error", () => {
  const health = new RailHealth();
  assertEquals(health.isRepaired(0), true);
  health.enter(1, 5_000);
  assertEquals([health.isRepaired(5_000), health.isRepaired(65_000), health.isRepaired(65_001)], [
    false,
    false,
    true,
  ]);
  health.error(0, 60_000);
  assertEquals([health.isRepaired(65_001), health.isRepaired(120_001)], [false, true]);
  assertEquals([health.repair(1), health.repair(1), health.repaired], [true, false, 1]);
  assertEquals(health.isRepaired(60_001), true);
  // Of the next rail that is left nobody has said anything.
  health.enter(2, 70_000);
  assertEquals([health.active, health.isRepaired(70_001)], [0, false]);
});

test("rails: generations take turns, and silence is a rail's fault if the other one is heard", () => {
  assertEquals([0, 1, 2, 3].map(railOf), [0, 1, 0, 1]);
  assertEquals(silentRail([7, 7]), undefined);
  assertEquals(silentRail([7, 8]), undefined);
  assertEquals([silentRail([6, 8]), silentRail([8, 6])], [0, 1]);
});

test("rails: what one rail lacks is its error only if the other one shows that the member lives", () => {
  const told = { name: "m1", incarnation: "1".repeat(32), epoch: 0, version: 1 };
  const link = () => ({ peer: told, isGreeted: true, isEnding: false });
  const state = { generation: 0, repaired: 0, number: 2, hasTwo: true, isReady: true };
  const peer = new RailPeer(told, 5);
  peer.links[1] = link();
  peer.heard[1] = 9;
  assertEquals([peer.silent(), peer.isReached(1), peer.isReached(0)], [undefined, true, false]);
  peer.says(state);
  peer.says({ ...state, number: 1, hasTwo: false });
  assertEquals([peer.silent(), peer.hasTwo], [0, true]);
  peer.broken[0].push("reset");
  assertEquals([peer.takeBroken(0), peer.takeBroken(0)], [["reset"], []]);
  // It has ended meanwhile, or is about to.
  for (const last of [undefined, { ...link(), isEnding: true }, { ...link(), isGreeted: false }]) {
    peer.links[1] = last;
    peer.broken[0].push("reset");
    assertEquals([peer.silent(), peer.takeBroken(0)], [undefined, []]);
    peer.links[1] = link();
    assertEquals(peer.takeBroken(0), []);
  }
  peer.links[0] = link();
  assertEquals([peer.isReached(0), peer.isReached(1)], [false, true]);
  peer.heard[0] = 8;
  assertEquals([peer.silent(), peer.isReached(0)], [undefined, true]);
});

test("rails: what travels reads as it was put, and what is none of it reads as nothing", () => {
  const state = { generation: 7, repaired: 3, number: 2 ** 32 - 1, hasTwo: true, isReady: false };
  for (const hasTwo of [true, false]) {
    for (const isReady of [true, false]) {
      const it = { ...state, hasTwo, isReady };
      assertEquals(readRailMessage(putState(it)), { kind: "state", state: it });
    }
  }
  assertEquals(readRailMessage(putMessage(9, new Uint8Array([4, 5]))), {
    kind: "message",
    generation: 9,
    bytes: new Uint8Array([4, 5]),
  });
  assertEquals(readRailMessage(putMessage(9, new Uint8Array(0)))?.kind, "message");
  assertEquals(readRailMessage(putEnd()), { kind: "end" });
  const bad = putState(state);
  bad[13] = 4;
  const ahead = putState({ ...state, repaired: 8 });
  const none = [
    new Uint8Array(0),
    new Uint8Array(4),
    new Uint8Array([3]),
    new Uint8Array([2, 0]),
    bad,
    ahead,
  ];
  for (const bytes of [...none, putState(state).subarray(0, 13)]) {
    assertEquals(readRailMessage(bytes), undefined);
  }
});

test("rails: both addresses are one text, whatever is in them", () => {
  for (
    const addresses of [
      ["tcp://127.0.0.1:4711", "tcp://[::1]:4712"],
      ["unix:/a,b/%2C c", "unix:/%,"],
      ["loopback:1"],
      ["rails:x,y"],
    ]
  ) assertEquals(parseRails(formatRails(addresses)), addresses);
  assertEquals(formatRails(["tcp://a:1", "tcp://b:2"]), "rails:tcp://a:1,tcp://b:2");
  for (const text of ["", "rails:", "tcp://a:1", "rails:a,", "rails:,a", "rails:a,b,c"]) {
    assertThrows(() => parseRails(text), TypeError);
  }
});
