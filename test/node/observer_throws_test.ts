/** An observer that breaks its contract: its mistake is its own. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { type Observer, openNode } from "../../mod.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";

test("an observer that throws ends nothing", async () => {
  let told = 0;
  const mistake = (): never => {
    told++;
    throw new Error("an observer's own mistake");
  };
  const observer: Observer = { traits: { version: 1 }, event: mistake, measure: mistake };
  const files = new CrashedFiles();
  const node = await openNode({ dir: "/one", poolBytes: 48 * 8192 }, { storage: files, observer });
  const global = (await node.mount("/v", { create: true })).global<number>("A");
  await global.set([1], 1);
  await node.checkpoint();
  await global.set([2], 2);
  const left = CrashedFiles.of(files);
  await node.close();
  const next = await openNode({ dir: "/two", poolBytes: 48 * 8192 }, { storage: left, observer });
  const found = (await next.mount("/v")).global<number>("A");
  assertEquals([await found.get([1]), await found.get([2])], [1, 2]);
  await next.close();
  assert(told > 3);
});
