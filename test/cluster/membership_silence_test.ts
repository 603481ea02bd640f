/** Members whose silence evicts nobody: a process at a breakpoint keeps its place, a dead one does not. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "#test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { CohortError, openNode } from "@cohort/db";
import { sharedSettings } from "../../src/cluster/shared_settings.ts";
import { settingsOf } from "../../src/node/options.ts";
import { names, newest, part, play } from "./member_plays.ts";

const PATIENT = { evictSilent: false };

test("silence: who stands at a breakpoint, the master too, is a member when it goes on", () =>
  play(
    async (world) => {
      for (const life of world.lives) {
        world.host.pause(life.process, 60_000_000);
        await world.scheduler.sleep(59_000_000);
        assertEquals([names(newest(world).members), world.evictions], ["m1 m2 m3", 0]);
        await world.scheduler.sleep(3_000_000);
        assertEquals([life.membership.state, world.evictions], ["active", 0]);
      }
    },
    {},
    PATIENT,
  ));

test("silence: who is cut off is waited for as well", () =>
  play(
    async (world) => {
      part(world, "m1", "m3");
      part(world, "m2", "m3");
      await world.scheduler.sleep(20_000_000);
      assertEquals([names(newest(world).members), world.evictions], ["m1 m2 m3", 0]);
      assertEquals(world.lives.map((it) => it.membership.state), ["active", "active", "active"]);
    },
    {},
    PATIENT,
  ));

test("silence: a process that is gone is evicted at once, also while another is silent", () =>
  play(
    async (world) => {
      world.host.pause(world.lives[1]!.process, 30_000_000);
      await world.scheduler.sleep(10_000_000);
      world.host.kill(world.lives[2]!.process);
      await world.scheduler.sleep(2_000_000);
      assertEquals([names(newest(world).members), world.evictions], ["m1 m2", 1]);
      await world.scheduler.sleep(25_000_000);
      assertEquals(world.lives.slice(0, 2).map((it) => it.membership.state), ["active", "active"]);
    },
    {},
    PATIENT,
  ));

test("silence: all members must have it alike", () =>
  play(async (world) => {
    const settings = { "setting evictSilent": "false" };
    const other = world.newcomer(4, { evictSilent: false, settings });
    const error = await assertRejects(() => other.join(), CohortError, "setting evictSilent is false");
    assertEquals(error.code, "PEER_REFUSED");
  }));

test("silence: a node that has it differently is refused, and told so", async () => {
  const pij = mkdtempSync(`${tmpdir()}/cohort-silence-`);
  try {
    await using alpha = await openNode({ pij, evictSilent: false });
    await alpha.join();
    await using beta = await openNode({ pij });
    const error = await assertRejects(() => beta.join(), CohortError);
    const { setting, expected, found } = error.facts;
    assertEquals([error.code, setting, expected, found], [
      "PEER_REFUSED",
      "setting evictSilent",
      "false",
      "true",
    ]);
  } finally {
    rmSync(pij, { recursive: true, force: true });
  }
});

test("silence: the option goes into what members must have alike", () => {
  const { cluster } = settingsOf({ pij: "/pij" });
  assertEquals([cluster?.evictSilent, settingsOf({ pij: "/pij", ...PATIENT }).cluster?.evictSilent], [
    true,
    false,
  ]);
  const settings = sharedSettings({
    durability: "sync",
    timings: cluster!.timings,
    rights: {},
    traits: {} as never,
    cluster: { version: 1, values: { evictSilent: "false" } },
  });
  assertEquals(settings["setting evictSilent"], "false");
  assertThrows(
    () => settingsOf({ pij: "/pij", evictSilent: 1 as never }),
    TypeError,
    "evictSilent is true or false",
  );
  assertThrows(() => settingsOf(PATIENT), TypeError, "give pij too");
});
