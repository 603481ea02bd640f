/**
 * Changes a database in the directory of its first argument, in every way a journal records, and dies by kill
 * -9.
 */
import process from "node:process";
import { openNode, type Value } from "@cohort/db";

const directory = process.argv[2]!;
const node = await openNode({ dir: directory });
const db = await node.mount(directory, { create: true });
const global = db.global<Value>("X");
await global.set([1, "a"], "v");
await global.set([2], 5n);
await global.set([3], "L".repeat(30_000));
await Promise.all(Array.from({ length: 300 }, (_, i) => global.set([4, i], "x".repeat(40))));
await node.checkpoint();
await global.kill([4, 7]);
await global.kill([1]);
await global.set([5], { a: 1 });
await global.set([6], "end\x01\n");
process.kill(process.pid, "SIGKILL");
