/** A database whose files were copied: the two have one identity, and one journal must not hold both. */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { type Node, openNode } from "../../mod.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";

function nodeOver(storage: CrashedFiles, dir: string): Promise<Node> {
  return openNode({ dir, poolBytes: 48 * 8192 }, { storage });
}

/** What a mount and a set in it are answered with. */
function tried(node: Node, directory: string, value: number, readOnly = false): Promise<string> {
  const set = async (): Promise<string> => {
    const global = (await node.mount(directory, { readOnly })).global<number>("A");
    if (!readOnly) await global.set([2], value);
    return `ok ${await global.get([1])}`;
  };
  return set().catch((error) => error.code);
}

for (const isDismounted of [false, true]) {
  const when = isDismounted ? "after it was dismounted" : "while it is mounted";
  test(`a copy is not mounted by the node that wrote its original, ${when}`, async () => {
    const files = new CrashedFiles();
    const node = await nodeOver(files, "/one");
    const original = await node.mount("/x", { create: true });
    await original.global<number>("A").set([1], 1);
    await original.dismount();
    files.files.set("/copy/cohort.dat", files.copy().files.get("/x/cohort.dat")!);

    const again = await node.mount("/x");
    if (isDismounted) {
      await again.global<number>("A").set([1], 10);
      await again.dismount();
    }
    const answers = [await tried(node, "/copy", 20), await tried(node, "/copy", 30, true)];
    const left = CrashedFiles.of(files);
    await node.close();

    const other = await nodeOver(files, "/two");
    answers.push(await tried(other, "/copy", 40));
    await other.close();
    assertEquals(answers, ["MOUNTED", "ok 1", "ok 1"]);

    const next = await nodeOver(left, "/three");
    const found = (await next.mount("/x")).global<number>("A");
    assertEquals([await found.get([1]), await found.get([2])], [isDismounted ? 10 : 1, undefined]);
    await next.close();
  });
}

test("an original that could not be mounted does not keep its copy from being mounted", async () => {
  const files = new CrashedFiles();
  const holder = await nodeOver(files, "/one");
  await holder.createDatabase("/x");
  await holder.checkpoint();
  files.files.set("/copy/cohort.dat", files.copy().files.get("/x/cohort.dat")!);
  const node = await nodeOver(files, "/two");
  assertEquals([await tried(node, "/x", 1), await tried(node, "/copy", 2)], ["IN_USE", "ok undefined"]);
  await node.close();
  await holder.close();
});

for (const fate of ["recovered", "deleted"] as const) {
  test(`a copy of files and claims that is ${fate} leaves its original the journal it needs`, async () => {
    const files = new CrashedFiles();
    const node = await nodeOver(files, "/one");
    await (await node.createDatabase("/x")).global<number>("A").set([1], 1);
    const left = CrashedFiles.of(files);
    await node.close();
    for (const [path, file] of left.copy().files) {
      if (path.startsWith("/x/")) left.files.set(path.replace("/x/", "/copy/"), file);
    }

    const other = await nodeOver(left, "/two");
    if (fate === "deleted") await other.deleteDatabase("/copy");
    else assertEquals(await tried(other, "/copy", 2), "ok 1");
    await other.close();
    const next = await nodeOver(left, "/three");
    assertEquals(await (await next.mount("/x")).global<number>("A").get([1]), 1);
    await next.close();
    // Nothing of the dead one is left behind once its own database is recovered.
    assertEquals([...left.files.keys()].filter((path) => path.startsWith("/one/")), []);
  });
}
