/** Membership: how a member judges itself, and what it tells of itself, over a simulated host. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError } from "@cohort/db";
import { TELL_BYTES_MAX } from "../../src/cluster/host_status.ts";
import type { Fault } from "../../src/testing/fault_plan.ts";
import type { Life } from "./member_life.ts";
import { names, newest, part, play } from "./member_plays.ts";

test("membership: who is stopped past its lease does not answer when it wakes, others wait that long", () =>
  play(async (world) => {
    world.fences = false;
    const sleeper = world.lives[1]!;
    const { membership } = sleeper;
    const mayAnswer = (): boolean => membership.mayAnswer(membership.view!.number);
    assert(mayAnswer());
    assertEquals(membership.mayAnswer(membership.view!.number - 1), false, "an answer of another view");
    for (const stop of ["pause", "suspend"] as const) {
      world.host[stop](sleeper.process, 1_100_000);
      await world.scheduler.sleep(1_099_999);
      assertEquals([membership.state, mayAnswer()], ["active", false], `${stop}: no timer has run yet`);
      await world.scheduler.sleep(300_000);
      assertEquals([membership.state, mayAnswer(), world.evictions], ["active", true, 0]);
    }
    sleeper.process.wallOffsetMs -= 1_800_000;
    assertEquals(mayAnswer(), false, "a wall clock that was set back");
    await world.scheduler.sleep(300_000);
    assert(mayAnswer(), "the next look renews the lease");
    const evicted = world.scheduler.now;
    world.host.pause(sleeper.process, 20_000_000);
    while (newest(world).cause !== "evicted") await world.scheduler.sleep(10_000);
    const from = world.scheduler.now;
    while (newest(world).cause !== "recovered") await world.scheduler.sleep(10_000);
    const waited = world.scheduler.now - from;
    assert(
      waited >= 1_480_000 && waited < 2_000_000,
      `waited ${waited} us for a lease of a second and a half`,
    );
    assert(world.scheduler.now - evicted < 5_000_000);
  }));

test("membership: who cannot write its slot stands back by itself, says why, and goes on when it can", () =>
  play(async (world) => {
    const life = world.lives[2]!;
    const heals = Promise.withResolvers<void>();
    const faults: [Fault, string][] = [
      [{ kind: "error", code: "FULL", errno: "ENOSPC" }, "write its slot for 1"],
      [{ kind: "error", code: "IO", errno: "EIO" }, "EIO"],
      [{ kind: "stall", until: heals.promise }, "write its slot for 1"],
    ];
    for (const [fault, why] of faults) {
      world.spoil(life, fault, /slot\.3/);
      await world.scheduler.sleep(1_300_000);
      const { membership } = life;
      assertEquals([membership.state, membership.why.includes(why)], ["suspended", true], membership.why);
      assertEquals(membership.mayAnswer(membership.view!.number), false);
      assertEquals(world.lives[0]!.membership.verdicts.get(life.incarnation), "up", "its beats go on");
      life.fault = () => undefined;
      if (fault.kind === "stall") heals.resolve();
      await world.scheduler.sleep(1_000_000);
      assertEquals([membership.state, membership.why, world.evictions], ["active", "", 0]);
    }
  }));

test("membership: whose way to the storage stays cut is evicted by the others, who see that it lives", () =>
  play(async (world) => {
    const life = world.lives[0]!;
    const heals = Promise.withResolvers<void>();
    world.spoil(life, { kind: "stall", until: heals.promise });
    const seen = new Set<string>();
    while (world.evictions === 0) {
      await world.scheduler.sleep(20_000);
      seen.add(world.lives[1]!.membership.verdicts.get(life.incarnation) ?? "forgotten");
    }
    assertEquals([...seen], ["up", "storage partition", "forgotten"]);
    assertEquals([names(newest(world).members), life.membership.state], ["m2 m3", "suspended"]);
  }));

test("membership: a disk that answers nobody for long suspends all, evicts nobody, and all go on", () =>
  play(async (world) => {
    for (const ms of [1_500, 4_000, 20_000]) {
      const heals = Promise.withResolvers<void>();
      for (const life of world.lives) world.spoil(life, { kind: "stall", until: heals.promise });
      await world.scheduler.sleep(ms * 1_000);
      assertEquals(world.lives.map((it) => it.membership.state), ["suspended", "suspended", "suspended"]);
      for (const life of world.lives) life.fault = () => undefined;
      heals.resolve();
      await world.scheduler.sleep(2_000_000);
      assertEquals([world.lives.map((it) => it.membership.state), world.evictions], [
        ["active", "active", "active"],
        0,
      ]);
    }
  }));

test("membership: with the network cut, members tell each other through the slots how they stand", () =>
  play(async (world) => {
    const [one, two, three] = world.lives as [Life, Life, Life];
    const tell = (text: string): boolean =>
      one.membership.tell(two.incarnation, new TextEncoder().encode(text));
    world.fences = false;
    assert(tell("by the network"));
    await world.scheduler.sleep(10_000);
    assertEquals(two.told, [[one.incarnation, "by the network"]]);
    for (const [a, b] of [["m1", "m2"], ["m1", "m3"], ["m2", "m3"]]) part(world, a!, b!);
    await world.scheduler.sleep(2_200_000);
    for (const life of world.lives) {
      const verdicts = [...life.membership.verdicts.values()];
      assertEquals(verdicts, ["network partition", "network partition"], life.name);
    }
    // The first may go on alone once all have settled; the others stand back and tell it so.
    assertEquals([two, three].map((it) => one.membership.reportOf(it.incarnation)?.state), [
      "suspended",
      "suspended",
    ]);
    assert(two.membership.reportOf(three.incarnation)?.why.includes("reach each other"));
    const largest = "x".repeat(TELL_BYTES_MAX);
    assertThrows(() => tell(`${largest}x`), RangeError, "at most");
    assertEquals(one.membership.tell("9".repeat(32), new Uint8Array(1)), false, "no member");
    assertEquals([tell(largest), tell("too early")], [true, false]);
    await world.scheduler.sleep(600_000);
    assert(tell("second"));
    await world.scheduler.sleep(600_000);
    assertEquals(two.told.slice(1), [[one.incarnation, largest], [one.incarnation, "second"]]);
    // Who is silent both ways is down, which is no partition.
    world.host.pause(three.process, 30_000_000);
    await world.scheduler.sleep(1_900_000);
    assertEquals(one.membership.verdicts.get(three.incarnation), "down");
    assertEquals([one.membership.verdicts.get(two.incarnation), world.evictions], ["network partition", 0]);
    await world.scheduler.sleep(10_000_000);
    assertEquals([names(newest(world).members), two.told.length], ["m1", 3]);
  }, { settleMs: 6_000 }));

test("membership: whoever sleeps while it is taken in and evicted does not join a second time", () =>
  play(async (world) => {
    world.fences = false;
    const late = world.newcomer(4);
    const entered = world.entered.bind(world);
    world.entered = (life, view) => {
      if (view.cause === "joined" && newest(world).number < view.number && life !== late) {
        world.host.pause(late.process, 10_000_000);
      }
      entered(life, view);
    };
    const error = await assertRejects(() => late.join(), CohortError, "evicted again before it knew");
    assertEquals([error.code, late.views], ["FENCED", []]);
    const causes = [...world.views.values()].slice(-3).map((it) => it.cause);
    assertEquals([causes, names(newest(world).members)], [["joined", "evicted", "recovered"], "m1 m2 m3"]);
    const left = world.host.disk.list("/pij").filter((it) => it.includes(late.incarnation));
    assertEquals(left, [], "nothing of it is left");
  }));
