/** What a member leaves that had nothing mounted when it was killed: nothing, once it is recovered. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import type { Node } from "@cohort/db";
import { isMountName } from "../../src/node/mount_registers.ts";
import { withFaults } from "../../src/testing/mod.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { type CountingWorld, playCounting } from "./increments_world.ts";

/** What there is of a node: the files of its directory, and its journal logs. */
async function leftOf(world: CountingWorld, { incarnation }: Node): Promise<string[]> {
  const disk = new SimStorage(world.host.spawn());
  const logs = (await disk.list("/pij")).filter((it) => it.startsWith(`journal_log.${incarnation}`));
  return [...await disk.list(`/pij/journals/${incarnation}`), ...logs];
}

/** Waits until so many are members, nobody is left to be recovered, and the master has had time to tidy. */
async function cleared(world: CountingWorld, node: Node, members: number): Promise<void> {
  const isCleared = ({ cluster }: Node["status"]): boolean =>
    cluster!.members.length === members && cluster!.pending.length === 0;
  for (let waited = 0; !isCleared(node.status); waited++) {
    assert(waited < 1_000, "the lost were not cleared");
    await world.ms(10);
  }
  await world.ms(500);
}

test("retire: of who had nothing mounted and is killed no file stays; who lives keeps all", () =>
  playCounting(21, async (world) => {
    const { node: alpha } = await world.open("alpha");
    const beta = await world.open("beta");
    await beta.global.set(["c"], 1);
    await beta.database.dismount();
    const gamma = await world.openAlone("gamma");
    await gamma.node.join();
    // These are no members.
    const idle = await world.openAlone("delta"), owner = await world.openAlone("epsilon");
    const own = await owner.node.mount("/data/own", { mode: "private", create: true });
    await own.global<number>("A").set([1], 1);
    const kept = [await leftOf(world, idle.node), await leftOf(world, owner.node)];
    for (const lost of [beta, gamma]) {
      const left = await leftOf(world, lost.node);
      assert(left.length > 2 && !left.some(isMountName), left.join());
      world.host.kill(lost.process);
    }
    await cleared(world, alpha, 1);
    for (const lost of [beta, gamma]) assertEquals(await leftOf(world, lost.node), []);
    assertEquals([await leftOf(world, idle.node), await leftOf(world, owner.node)], kept);
    assertEquals(await own.global<number>("A").get([1]), 1);
  }));

test("retire: what could not be removed the next master removes; who has something mounted stays", () =>
  playCounting(22, async (world) => {
    let refused = 0;
    const isOfLost = (path: string): boolean => path.startsWith(`/pij/journals/${gamma.node.incarnation}/`);
    const alpha = await world.open("alpha", (storage) =>
      withFaults(storage, ({ operation, path }) => {
        if (operation !== "remove" || !isOfLost(path)) return undefined;
        // In the middle of it.
        return ++refused < 2 ? undefined : { kind: "error", code: "IO", errno: "EIO" };
      }));
    const beta = await world.open("beta");
    const gamma = await world.openAlone("gamma");
    const own = await gamma.node.mount("/data/own", { mode: "private", create: true });
    await gamma.node.join();
    const delta = await world.openAlone("delta");
    await delta.node.join();
    await own.dismount();
    const apart = await delta.node.mount("/data/apart", { mode: "private", create: true });
    await apart.global<number>("A").set([1], 2);
    for (const { process } of [gamma, delta]) world.host.kill(process);
    const { node } = beta;
    await cleared(world, node, 2);
    assert(refused > 1 && (await leftOf(world, gamma.node)).length > 0);
    world.host.kill(alpha.process);
    await cleared(world, node, 1);
    assertEquals(await leftOf(world, gamma.node), []);
    const needed = await leftOf(world, delta.node);
    assert(needed.some(isMountName) && needed.some((it) => it.startsWith("journal.")), needed.join());
    const again = await node.mount("/data/apart", { mode: "private" });
    assertEquals(await again.global<number>("A").get([1]), 2);
  }));
