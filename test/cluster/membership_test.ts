/** Membership over a simulated host: views form, change and survive whatever happens to members. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { seedsOf, shared } from "../support/depth.ts";
import { CohortError } from "@cohort/db";
import type { View } from "../../src/ground/view.ts";
import { nativeDrain } from "../sim/drain.ts";
import type { Life } from "./member_life.ts";
import { names, newest, part, play } from "./member_plays.ts";
import { type Disturbances, type MemberWorld, runMembers } from "./member_world.ts";

const QUIET: Disturbances = { kills: false, pauseUs: 0, cuts: false, leaves: false, evilNetwork: false };

test("membership: whatever happens, nobody evicted is forgotten and all come together again", async () => {
  const all: Disturbances = { kills: true, pauseUs: 4_000_000, cuts: true, leaves: true, evilNetwork: true };
  const seeds = seedsOf(1, 4);
  let evictions = 0;
  for (const seed of seeds) {
    const world = await runMembers(seed, await nativeDrain(), all, { members: 3 + seed % 3, seconds: 15 });
    assertEquals(world.problems.slice(0, 4), [], `seed ${seed}`);
    evictions += world.evictions;
  }
  assert(evictions > 2 * seeds.length, `${evictions} evictions`);
});

test("membership: with wrong clocks and spoiled disks nobody answers by what others have", async () => {
  const wrong = { kills: false, pauseUs: 6_000_000, leaves: false, evilNetwork: false, clocks: true };
  let evictions = 0, answers = 0;
  const drawn = shared([1, 4, 7, 9, 11]);
  for (const seed of drawn) {
    const how: Disturbances = { ...wrong, cuts: seed % 3 === 0, disks: seed % 3 === 1 };
    const live = (world: MemberWorld): void => void (world.fences = false);
    const world = await runMembers(seed, await nativeDrain(), how, { seconds: 40 }, live);
    assertEquals(world.problems.slice(0, 4), [], `seed ${seed}`);
    evictions += world.evictions;
    answers += world.answers;
  }
  const { length } = drawn;
  assert(evictions > 2 * length && answers > 8_000 * length, `${evictions} evictions, ${answers} answers`);
});

test("membership: members leave and are fenced amid wrong clocks and spoiled disks", async () => {
  const how = { pauseUs: 5_000_000, cuts: true, leaves: true, clocks: true, disks: true };
  let evictions = 0;
  const drawn = shared([105, 108, 111]);
  for (const seed of drawn) {
    const all: Disturbances = { ...how, kills: seed % 2 === 0, evilNetwork: seed % 2 === 0 };
    const world = await runMembers(seed, await nativeDrain(), all, { seconds: 25 });
    assertEquals(world.problems.slice(0, 4), [], `seed ${seed}`);
    evictions += world.evictions;
  }
  assert(evictions >= drawn.length, `${evictions} evictions`);
});

test("membership: one seed is one run", async () => {
  const run = async (): Promise<string> =>
    (await runMembers(3, await nativeDrain(), { ...QUIET, kills: true }, { seconds: 5 })).trace.hash();
  assertEquals(await run(), await run());
});

test("membership: nobody is evicted for stalls shorter than the silence allowed", async () => {
  for (let seed = 1; seed <= 2; seed++) {
    const world = await runMembers(seed, await nativeDrain(), { ...QUIET, pauseUs: 1_000_000 });
    assertEquals([world.problems, world.evictions], [[], 0], `seed ${seed}`);
  }
});

test("membership: whoever is killed is evicted within 100 ms, and what it left is recovered", () =>
  play(async (world) => {
    for (const at of [1, 0]) {
      const before = newest(world).number;
      world.host.kill(world.lives[at]!.process);
      await world.scheduler.sleep(100_000);
      assertEquals(world.views.get(before + 1)?.pending.map((it) => it.name), [`m${at + 1}`]);
      await world.scheduler.sleep(2_000_000);
    }
    assertEquals([names(newest(world).members), newest(world).pending, newest(world).cause], [
      "m3",
      [],
      "recovered",
    ]);
  }));

test("membership: a bridge between two that do not hear each other: the earlier joiner stays", () =>
  play(async (world) => {
    part(world, "m1", "m3");
    await world.scheduler.sleep(6_000_000);
    assertEquals(names(newest(world).members), "m1 m2");
    assertEquals(world.evictions, 1, "no view after view");
    assertEquals(world.lives[2]!.process.alive, false, "it was fenced");
  }));

test("membership: a master that nobody hears stands back, then is told that it is evicted", () =>
  play(async (world) => {
    world.fences = false;
    const master = world.lives[0]!;
    part(world, "m1", "m2");
    part(world, "m1", "m3");
    let wasSuspended = false;
    for (let i = 0; i < 60; i++) {
      await world.scheduler.sleep(100_000);
      wasSuspended ||= master.membership.state === "suspended";
    }
    assertEquals([names(newest(world).members), world.evictions, wasSuspended], ["m2 m3", 1, true]);
    assertEquals(master.membership.state, "evicted");
  }));

test("membership: whoever sleeps past the silence allowed is evicted, and learns it when it wakes", () =>
  play(async (world) => {
    world.fences = false;
    world.host.pause(world.lives[1]!.process, 5_000_000);
    await world.scheduler.sleep(4_900_000);
    assertEquals([names(newest(world).members), world.evictions], ["m1 m3", 1]);
    await world.scheduler.sleep(1_000_000);
    assertEquals([world.lives[1]!.membership.state, world.evictions], ["evicted", 1]);
  }));

test("membership: all stall together for longer than the silence allowed, and nobody is evicted", () =>
  play(async (world) => {
    for (let i = 0; i < 5; i++) {
      for (const { process } of world.lives) world.host.pause(process, 4_000_000 + 50_000 * i);
      await world.scheduler.sleep(6_000_000);
    }
    assertEquals([world.evictions, names(newest(world).members)], [0, "m1 m2 m3"]);
  }));

test("membership: the master leaves in order: another is master at once, nothing is owed", () =>
  play(async (world) => {
    const leaving = world.lives[0]!.membership.leave();
    await world.scheduler.sleep(50_000);
    assertEquals(world.lives.slice(1).map((it) => names(it.membership.view!.members)), ["m2 m3", "m2 m3"]);
    await leaving;
    await world.scheduler.sleep(5_000_000);
    assertEquals([newest(world).cause, newest(world).pending, world.evictions], ["left", [], 0]);
    assertEquals([world.lives[1]!.membership.isMaster, world.lives[2]!.membership.isMaster], [true, false]);
  }));

test("membership: whoever decides a view tells it: nobody reads it from the storage before going on", () =>
  play(async (world) => {
    const [, second, third] = world.lives as [Life, Life, Life];
    world.spoil(third, { kind: "error", code: "IO", errno: "EIO" });
    await second.membership.leave();
    await world.scheduler.sleep(20_000);
    assertEquals(names(third.membership.view!.members), "m1 m3");
    third.fault = () => undefined;
  }));

test("membership: who cannot leave yet tries again; who cannot at all says so, and is evicted", () =>
  play(async (world) => {
    const [, second, third] = world.lives as [Life, Life, Life];
    world.spoil(second, { kind: "error", code: "IO", errno: "EIO" });
    const leaving = second.membership.leave();
    await world.scheduler.sleep(700_000);
    assertEquals(names(newest(world).members), "m1 m2 m3");
    second.fault = () => undefined;
    await leaving;
    assertEquals([names(newest(world).members), newest(world).cause], ["m1 m3", "left"]);
    world.spoil(third, { kind: "error", code: "IO", errno: "EIO" });
    const error = await assertRejects(() => third.membership.leave(), CohortError, "EIO");
    assertEquals([error.code, third.membership.state === "left"], ["IO", false]);
    await world.scheduler.sleep(4_000_000);
    assertEquals([names(newest(world).members), world.evictions], ["m1", 1]);
  }));

test("membership: all are killed at once; the first who comes begins a session that owes them recovery", () =>
  play(async (world) => {
    const { session } = newest(world);
    for (const { process } of world.lives) world.host.kill(process);
    const first = world.newcomer(1);
    const view = await first.join();
    assertEquals([view.cause, names(view.members), names(view.pending)], ["formed", "m1", "m1 m2 m3"]);
    assertEquals(view.session === session, false);
    await world.scheduler.sleep(2_000_000);
    assertEquals([newest(world).cause, newest(world).pending], ["recovered", []]);
  }));

test("membership: who has no votes waits for one who has, before a cluster begins", () =>
  play(async (world) => {
    for (const { process } of world.lives) world.host.kill(process);
    const alone = world.newcomer(4, { votes: 0, joinMs: 1_000 });
    const error = await assertRejects(() => alone.join(), CohortError, "a member with votes");
    assertEquals(error.code, "TIMEOUT");
    const waiting = world.newcomer(5, { votes: 0 });
    const joins = waiting.join();
    await world.scheduler.sleep(1_000_000);
    assertEquals(waiting.membership.why.includes("a member with votes"), true);
    const first = await world.newcomer(1).join();
    assertEquals([first.cause, names(first.members)], ["formed", "m1"]);
    assertEquals(names((await joins).members), "m1 m5");
  }));

test("membership: whoever does not fit is refused, with all that does not", () =>
  play(async (world) => {
    const differing = {
      format: "2",
      durability: "relaxed",
      user: "0",
      group: "7",
      umask: "0077",
      modes: "files 0600",
      "settings version": "2",
      networkMs: "1",
    };
    let life = 10;
    for (const [setting, found] of Object.entries(differing)) {
      const newcomer = world.newcomer(4, { settings: { [setting]: found } }, life++);
      const error = await assertRejects(() => newcomer.join(), CohortError, `${setting} is ${found}`);
      assertEquals([error.code, error.facts["setting"], error.facts["found"]], [
        "PEER_REFUSED",
        setting,
        found,
      ]);
    }
    const all = await assertRejects(() => world.newcomer(5, { settings: differing }).join(), CohortError);
    for (const setting of Object.keys(differing)) assert(all.message.includes(`${setting} is`), setting);
    const { incarnation } = world.lives[1]!;
    const taken = await assertRejects(() => world.newcomer(2).join(), CohortError, "has that name");
    assertEquals([taken.code, taken.facts["incarnation"]], ["NAME_TAKEN", incarnation]);
    assertEquals(newest(world).members.length, 3);
  }));

test("membership: whoever has another secret is refused, with the member that it was refused by", () =>
  play(async (world) => {
    const stranger = world.newcomer(4, { secret: new Uint8Array(32) });
    const error = await assertRejects(() => stranger.join(), CohortError, "no link to m");
    assertEquals([error.code, error.facts["reason"]], ["PEER_REFUSED", "secret"]);
  }));

test("membership: a newcomer is taken once every member has read its probe by its own path", () =>
  play(async (world) => {
    const [, slow, blind] = world.lives;
    // The path of one leads elsewhere: it is named, and nobody is taken who others would not see.
    blind!.fault = (call) =>
      call.path.includes("probe.") ? { kind: "error", code: "IO", errno: "EIO" } : undefined;
    const error = await assertRejects(() => world.newcomer(4, { joinMs: 3_000 }).join(), CohortError, "m3 (");
    assertEquals([error.code, newest(world).members.length], ["TIMEOUT", 3]);
    blind!.fault = () => undefined;
    world.host.pause(slow!.process, 1_000_000);
    const from = world.scheduler.now;
    await world.newcomer(5).join();
    assert(world.scheduler.now - from > 900_000, "it waited for the slow one");
    assertEquals(names(newest(world).members), "m1 m2 m3 m5");
  }));

test("membership: a newcomer whose probe a member does not find is refused with that member's name", () =>
  play(async (world) => {
    world.lives[2]!.hidden = "probe.";
    const error = await assertRejects(() => world.newcomer(4).join(), CohortError, "m4 and m3 do not see");
    assertEquals([error.code, error.facts["other"], names(newest(world).members)], [
      "PEER_REFUSED",
      "m3",
      "m1 m2 m3",
    ]);
  }));

test("membership: who dies or sleeps while it is to read a probe is evicted, and the join goes on", () =>
  play(async (world) => {
    const joining: Promise<View>[] = [];
    world.host.pause(world.lives[1]!.process, 30_000_000);
    joining.push(world.newcomer(4).join());
    await world.scheduler.sleep(10_000);
    world.host.kill(world.lives[2]!.process);
    joining.push(world.newcomer(5).join());
    await Promise.all(joining);
    assertEquals([...newest(world).members].map((it) => it.name).sort(), ["m1", "m4", "m5"]);
    assert(world.scheduler.now < 12_000_000, `${world.scheduler.now} us`);
  }));

test("membership: whoever could not be fenced is refused, unless a person says that they are gone", () =>
  play(async (world) => {
    const foreign = world.newcomer(4, { pidNamespace: 2 });
    const refused = await assertRejects(
      () => foreign.join(),
      CohortError,
      "another pid namespace",
    );
    assertEquals([refused.code, refused.facts["name"]], ["UNFENCEABLE", "m1"]);
    for (const { process } of world.lives) world.host.kill(process);
    const again = world.newcomer(5, { pidNamespace: 2 });
    await assertRejects(
      () => again.join(),
      CohortError,
      `confirmGone: "${world.lives[0]!.incarnation}"`,
    );
    const told = world.newcomer(6, { pidNamespace: 2, confirmGone: true });
    assertEquals(names((await told.join()).members), "m6");
    // A word is no proof: their leases are waited for all the same.
    await world.scheduler.sleep(1_400_000);
    assertEquals(names(newest(world).pending), "m1 m2 m3");
    await world.scheduler.sleep(1_600_000);
    assertEquals([names(newest(world).members), newest(world).pending], ["m6", []]);
  }));

test("membership: a member that no signal reaches stays pending until it ends", () =>
  play(async (world) => {
    const { process, name } = world.lives[2]!;
    process.isShielded = true;
    part(world, "m1", name);
    part(world, "m2", name);
    await world.scheduler.sleep(8_000_000);
    assertEquals([names(newest(world).members), names(newest(world).pending)], ["m1 m2", name]);
    world.host.kill(process);
    await world.scheduler.sleep(2_000_000);
    assertEquals([names(newest(world).members), newest(world).pending], ["m1 m2", []]);
  }));

test("membership: a join waits while a recovery is under way", () =>
  play(async (world) => {
    const recover = world.recover.bind(world);
    const gate = Promise.withResolvers<void>();
    world.recover = async (...args) => {
      await gate.promise;
      await recover(...args);
    };
    world.host.kill(world.lives[2]!.process);
    await world.scheduler.sleep(500_000);
    let isIn = false;
    const joining = world.newcomer(4).join().then(() => isIn = true);
    await world.scheduler.sleep(3_000_000);
    assertEquals([isIn, names(newest(world).pending)], [false, "m3"]);
    gate.resolve();
    await joining;
    assertEquals([names(newest(world).members), newest(world).pending], ["m1 m2 m4", []]);
  }));

test("membership: a view whose blocks are granted again is not recovered once more", () =>
  play(async (world) => {
    const [master, , lost] = world.lives as [Life, Life, Life];
    let refusals = 0;
    world.recover = ((recover) => async (...args) => {
      await recover(...args);
      // The view that follows cannot be written for a while.
      const fault = { kind: "error", code: "FULL", errno: "ENOSPC" } as const;
      master.fault = ({ operation, path }) =>
        operation === "createRegister" && path.includes("/view.") && ++refusals <= 5 ? fault : undefined;
    })(world.recover.bind(world));
    world.host.kill(lost.process);
    await world.scheduler.sleep(3_000_000);
    assertEquals([refusals > 5, names(newest(world).members), newest(world).pending], [true, "m1 m2", []]);
  }));

test("membership: a recovery that breaks what is always so ends the member", () =>
  play(async (world) => {
    world.recover = () => Promise.reject(new TypeError("impossible"));
    world.host.kill(world.lives[2]!.process);
    await world.scheduler.sleep(300_000);
    assertEquals(world.problems.splice(0).slice(0, 1), [
      `${world.lives[0]!.incarnation} is broken: TypeError: impossible`,
    ]);
  }));
