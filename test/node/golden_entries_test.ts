/** Entries of the trees beside the globals: what the catalog and the free queue hold of a real database. */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { OP_FORMAT, OP_PUT } from "../../src/ground/block_op.ts";
import { getU16 } from "../../src/ground/bytes.ts";
import { keyOf } from "../../src/ground/key.ts";
import { mergeStaged } from "../../src/global/staged_merge.ts";
import { scanJournal } from "../../src/storage/journal_scan.ts";
import { CATALOG_ROOT, QUEUE_ROOT } from "../../src/storage/volume.ts";
import { CrashedFiles, DATABASE, TurnedNode } from "../fuzz/sample_databases.ts";
import { hexOf } from "../ground/golden_blocks.ts";
import type { RigStorage } from "../storage/rig.ts";

/** First operation of each record of a block that puts something: key and value. */
async function putsOf(storage: RigStorage, directory: string, block: number): Promise<string[]> {
  const puts: string[] = [];
  for await (const { records } of scanJournal(storage, directory)) {
    for (const { block: at, ops } of records) {
      if (at !== block || ops[0] === OP_FORMAT || ops[0] !== OP_PUT) continue;
      const value = 5 + getU16(ops, 1);
      puts.push(`${hexOf(ops.subarray(5, value))} = ${hexOf(ops.subarray(value, value + getU16(ops, 3)))}`);
    }
  }
  return puts;
}

test("golden entries: catalog and free queue", async () => {
  const storage = new CrashedFiles();
  const work = await TurnedNode.open(storage, 1);
  const database = await work.run(work.node.mount(DATABASE, { create: true }));
  const global = database.global<string>("Patient");
  await work.run(global.set([1], "x".repeat(20_000)));
  await work.run(global.set([1], "short"));
  await work.run(global.kill());
  const directory = `/data/journals/${work.node.incarnation}`;
  await work.run(work.node.sync());
  const left = storage.copy();
  await work.run(work.node.close());
  assertEquals(await putsOf(left, directory, CATALOG_ROOT), ["50617469656e74 = 0500000001"]);
  assertEquals(await putsOf(left, directory, QUEUE_ROOT), [
    "00000006 = 03060000000700000008000000",
    "00000005 = 01",
  ]);
});

test("golden entries: a staged tree on the free queue", async () => {
  const storage = new CrashedFiles();
  const work = await TurnedNode.open(storage, 1);
  const database = await work.run(work.node.mount(DATABASE, { create: true }));
  await work.run(database.global<string>("Patient").set([1], "short"));
  const place = (subscripts: number[]) => ({
    database: database.core,
    name: "Patient",
    key: keyOf(subscripts),
  });
  await work.run(mergeStaged(place([1]), place([2]), {}));
  const directory = `/data/journals/${work.node.incarnation}`;
  await work.run(work.node.sync());
  const left = storage.copy();
  await work.run(work.node.close());
  // Staged, what it replaced, and the staged root and another leaf, merged with their neighbours.
  assertEquals(await putsOf(left, directory, QUEUE_ROOT), [
    "00000006 = 04",
    "00000008 = 01",
    "00000006 = 02",
    "00000009 = 02",
  ]);
});
