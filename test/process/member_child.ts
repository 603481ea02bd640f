/** A member at an address, which says that it is one and stays. Options: JSON, argument 1. */
import process from "node:process";
import { openNode } from "@cohort/db";

const node = await openNode(JSON.parse(process.argv[2]!));
await node.join();
console.log(JSON.stringify({ what: "joined", pid: process.pid }));
setInterval(() => {}, 60_000);
