import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { openNode, type StartupDatabase } from "@cohort/db";
import { withFaults } from "../../src/testing/mod.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";

const DIRECTORIES = ["/a", "/b"];
const DATABASES: StartupDatabase[] = DIRECTORIES.map((directory) => ({ directory, mustMount: true }));
const OPTIONS = { dir: "/nodes", poolBytes: 32 * 8192, segmentBytes: 65_536, databases: DATABASES };

/** Files of a node that died with work of two databases in its journal alone. */
async function crashedFiles(): Promise<CrashedFiles> {
  const files = new CrashedFiles();
  const { databases: _none, ...options } = OPTIONS;
  const node = await openNode({ ...options, dir: "/dead" }, { storage: files });
  for (const directory of DIRECTORIES) {
    const database = await node.createDatabase(directory);
    for (let n = 0; n < 20; n++) await database.global<string>("A").set([n], directory);
  }
  const left = CrashedFiles.of(files);
  await node.close();
  return left;
}

/** Starts a node over files that are copied before the call of this number; answers how many there were. */
async function startUntil(files: CrashedFiles, crashAt: number): Promise<[calls: number, CrashedFiles]> {
  let calls = 0;
  let left = files;
  const storage = withFaults(files, () => {
    if (++calls === crashAt) left = CrashedFiles.of(files);
    return undefined;
  });
  const node = await openNode(OPTIONS, { storage });
  const during = calls;
  await node.close();
  return [during, left];
}

test("start-up: after a crash at any of its calls the next one mounts all, and nothing is lost", async () => {
  const dead = await crashedFiles();
  const [calls] = await startUntil(CrashedFiles.of(dead), 0);
  assert(calls > 50, `${calls} calls`);
  for (let at = 1; at <= calls; at++) {
    const [_, left] = await startUntil(CrashedFiles.of(dead), at);
    await using node = await openNode(OPTIONS, { storage: left });
    assertEquals(node.status.databases, DIRECTORIES, `crash at call ${at}`);
    for (const directory of DIRECTORIES) {
      const global = (await node.mount(directory)).global<string>("A");
      for (let n = 0; n < 20; n++) assertEquals(await global.get([n]), directory, `call ${at}: ${n}`);
      assertEquals((await (await node.mount(directory)).check()).problems, [], `crash at call ${at}`);
    }
  }
});
