/**
 * A member that mounts a database privately for others to call, until it is killed. Arguments: PIJ directory,
 * directory of the database. It says `mounted` on standard output.
 */
import process from "node:process";
import { openNode } from "../../mod.ts";

const [pij, directory] = process.argv.slice(2) as [string, string];
const node = await openNode({ pij, name: "beta", poolBytes: 4 << 20 });
await node.join();
await node.mount(directory, { create: true });
console.log("mounted");
// Keeps the process alive.
setInterval(() => {}, 1_000);
