/** Members that leave in good order and join again, under the same incarnation. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { readdirSync, readlinkSync } from "node:fs";
import { type CountingWorld, playCounting } from "./increments_world.ts";
import { openNode } from "@cohort/db";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

const SHARED = { mode: "clustered", create: true } as const;

async function trio(world: CountingWorld) {
  return [await world.open("alpha"), await world.open("beta"), await world.open("gamma")] as const;
}

test("rejoin: who left and joined again is heard and seen, and stays a member", () =>
  playCounting(11, async (world) => {
    const [alpha, beta, gamma] = await trio(world);
    for (const { node } of [beta, alpha]) {
      await node.leave();
      const count = (await node.mount("/data/hr", SHARED)).global<number>("Count");
      await count.increment(["again"]);
      const { view } = gamma.node.status.cluster!;
      await world.ms(12_000);
      assertEquals(gamma.node.status.cluster!.view, view, "nobody was evicted");
      assertEquals(node.status.cluster?.state, "active");
    }
    for (const { node } of [alpha, beta, gamma]) await node.close();
  }));

test("rejoin: an increment is told done only where it was, though earlier ones had its member's number", () =>
  playCounting(13, async (world) => {
    const [alpha, beta, gamma] = await trio(world);
    const inOrder = async (from: number, until: number): Promise<void> => {
      for (let i = from; i < until; i++) assertEquals(await alpha.global.increment(["c"]), i + 1);
    };
    // Each asks the one who used the leaf last, whose journal then has the results.
    await beta.global.increment(["c"]);
    await inOrder(1, 20);
    await beta.node.leave();
    const again = (await beta.node.mount("/data/hr", SHARED)).global<number>("Count");
    await inOrder(20, 22);
    assertEquals(await again.increment(["c"]), 23);
    const asked = Promise.allSettled(Array.from({ length: 8 }, () => alpha.global.increment(["c"])));
    world.host.kill(beta.process);
    const values = (await asked).map((it) => it.status === "fulfilled" ? it.value : undefined);
    const known = values.filter((it) => it !== undefined);
    assertEquals(new Set(known).size, known.length, `${values}`);
    assert(known.every((it) => it > 23), `${values}`);
    const last = await gamma.global.increment(["c"]);
    assert(last > Math.max(23, ...known) && last <= 23 + 8 + 1, `${last} after ${values}`);
    await alpha.node.close();
    await gamma.node.close();
  }));

test("rejoin: members that come and go leave no open files behind", async () => {
  const pij = mkdtempSync(`${tmpdir()}/cohort-rejoin-`);
  const open = (name: string) => openNode({ pij, name, poolBytes: 4 << 20 });
  const unlinked = (): number =>
    readdirSync("/proc/self/fd").filter((it) => {
      try {
        return readlinkSync(`/proc/self/fd/${it}`).includes("/slot.");
      } catch {
        return false;
      }
    }).length;
  try {
    await using alpha = await open("alpha");
    await alpha.join();
    for (let i = 0; i < 5; i++) {
      const beta = await open("beta");
      await beta.join();
      await new Promise((go) => setTimeout(go, 250));
      await beta.close();
    }
    await new Promise((go) => setTimeout(go, 300));
    assertEquals(unlinked(), 1, "alpha's own");
  } finally {
    rmSync(pij, { recursive: true, force: true });
  }
});
