/** A claim that is lost: what the taker has fixed of this member's journal, nobody may add to. */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { type Node, type NodeOptions, openNode } from "../../mod.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";
import { Witness } from "../global/rig.ts";

/** A node over these files that takes all other owners for gone, as after a person's wrong word. */
function nodeOver(files: CrashedFiles, options: NodeOptions): Promise<Node> {
  return openNode({ poolBytes: 48 * 8192, ...options }, { storage: files, observer: new Witness() });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((done) => setTimeout(done, 5));
}

test("a claim that was taken over stops the node: its other databases lose nothing told", async () => {
  const files = new CrashedFiles();
  const node = await nodeOver(files, { dir: "/one", leaseMs: 20 });
  const [x, y] = [await node.mount("/x", { create: true }), await node.mount("/y", { create: true })];
  await x.global<number>("A").set([1], 1);
  await y.global<number>("A").set([1], 1);

  const other = await nodeOver(files.sharedBy(), { dir: "/two" });
  const taken = await other.mount("/x");
  assertEquals(await taken.global<number>("A").get([1]), 1);
  await until(() => node.status.databases.length < 2);
  const answer = await y.global<number>("A").set([2], 2).then(() => "acknowledged", (error) => error.code);

  const third = await nodeOver(CrashedFiles.of(files), { dir: "/three" });
  const after = (await third.mount("/y")).global<number>("A");
  assertEquals([await after.get([1]), await after.get([2])], [1, answer === "acknowledged" ? 2 : undefined]);
  assertEquals([answer, node.status.state], ["STOPPED", "stopped"]);
  for (const each of [node, other, third]) await each.close();
});

test("a reader whose register was taken away stops nothing else", async () => {
  const files = new CrashedFiles();
  const node = await nodeOver(files, { dir: "/one", leaseMs: 20 });
  await (await node.createDatabase("/x")).dismount();
  await node.mount("/x", { readOnly: true });
  const y = await node.createDatabase("/y");
  for (const path of [...files.files.keys()]) if (path.startsWith("/x/reader.")) files.files.delete(path);
  await until(() => node.status.databases.length < 2);
  await y.global<number>("A").set([1], 1);
  assertEquals(node.status.state, "active");
  await node.close();
});
