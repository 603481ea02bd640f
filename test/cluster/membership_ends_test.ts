/** Membership: ends that are nobody's fault, and joins that end otherwise than they seem to. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { fenceOwner } from "../../src/cluster/fencing.ts";
import { CohortError } from "../../src/ground/errors.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import type { Life } from "./member_life.ts";
import { names, newest, play } from "./member_plays.ts";

test("membership: a node that ended is over by the word of another one in its process, which lives on", () =>
  play(async (world) => {
    const [, , beside] = world.lives as [Life, Life, Life];
    const ended = world.newcomer(4, { process: beside.process });
    await new SimStorage(beside.process).fence.openGate(`/j/${ended.incarnation}`, ended.incarnation);
    await ended.join();
    world.recover = async (master, view) => {
      for (const { name, owner, journal } of view.pending) {
        const living = view.members.map((it) => it.owner);
        const order = { name, owner, directories: [journal], living, confirmGone: false };
        const report = await fenceOwner(master.fencing, order);
        if (!report.over) throw new CohortError("IO", report.reason);
      }
    };
    await ended.membership.close();
    await world.scheduler.sleep(8_000_000);
    assertEquals([names(newest(world).members), newest(world).pending], ["m1 m2 m3", []]);
    assertEquals(beside.process.alive, true);
    world.problems.length = 0;
  }));

test("membership: whoever is a member has joined, though its probe could not be removed", () =>
  play(async (world) => {
    const newcomer = world.newcomer(4);
    newcomer.fault = ({ operation, path }) =>
      operation === "remove" && path.includes("/probe.")
        ? { kind: "error", code: "IO", errno: "EIO" }
        : undefined;
    await newcomer.join();
    assertEquals(names(newest(world).members), "m1 m2 m3 m4");
  }));

test("membership: who gives up just when it is taken in is in", () =>
  play(async (world) => {
    const [master] = world.lives as [Life, Life, Life];
    const newcomer = world.newcomer(4, { joinMs: 1_000 });
    const written = Promise.withResolvers<void>();
    // The master's view takes longer than the newcomer waits, to the instant.
    master.fault = ({ operation, path }) =>
      operation === "createRegister" && path.includes("/view.")
        ? { kind: "stall", until: written.promise }
        : undefined;
    newcomer.fault = ({ operation, path }) => {
      if (operation === "remove" && path.includes("/probe.")) written.resolve();
      return undefined;
    };
    const joined = newcomer.join();
    const how = await joined.then(() => "joined", (error) => String(error));
    await world.scheduler.sleep(100_000);
    // Either way both sides say the same.
    const isIn = newest(world).members.some((it) => it.name === "m4");
    assertEquals(isIn, how === "joined", how);
    assert(isIn);
  }));

test("membership: what a newcomer waits for is shown while it waits", () =>
  play(async (world) => {
    world.recover = () => new Promise(() => {});
    world.host.kill(world.lives[2]!.process);
    await world.scheduler.sleep(500_000);
    const newcomer = world.newcomer(4, { joinMs: 2_000 });
    const joining = assertRejects(() => newcomer.join(), CohortError, "m3 is being recovered");
    await world.scheduler.sleep(1_000_000);
    const { state, why } = newcomer.membership;
    assertEquals([state, why], ["joining", "waits for this: m3 is being recovered"]);
    await joining;
  }));

test("membership: who is ended while another view comes before its leave has not left", () =>
  play(async (world) => {
    const [, leaver, quicker] = world.lives as [Life, Life, Life];
    const [asked, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    leaver.fault = ({ operation, path }) => {
      if (operation !== "createRegister" || !path.includes("/view.")) return undefined;
      asked.resolve();
      return { kind: "stall", until: goOn.promise };
    };
    const how = leaver.membership.leave().then(() => "left", (error) => (error as CohortError).code);
    await asked.promise;
    await quicker.membership.leave();
    const closed = leaver.membership.close();
    goOn.resolve();
    assertEquals(await how, "STOPPED");
    await closed;
    assertEquals(names(newest(world).members), "m1 m2");
    world.problems.length = 0;
  }));
