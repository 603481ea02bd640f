/**
 * A process that will be killed: it commits to two databases at once, as fast as it can, and says each number
 * that was acknowledged.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { openNode } from "@cohort/db";

const [, , root = "", desks = "16"] = process.argv;

await using node = await openNode({ dir: `${root}/node` });
const orders = (await node.mount(`${root}/orders`, { create: true })).global<number>("Order");
const stock = (await node.mount(`${root}/stock`, { create: true })).global<number>("Taken");

/** One desk: each order goes to one database and takes from the other, both or neither. */
async function desk(): Promise<never> {
  for (;;) {
    const number = await orders.increment([]);
    const article = number % 10;
    await node.transact(async (tx) => {
      await tx.global(orders).set([number], article);
      const taken = tx.global(stock);
      await taken.set([article], (await taken.get([article]) ?? 0) + 1);
    });
    // The pipe keeps what was written to it, whatever becomes of this process.
    writeSync(1, `${number}\n`);
  }
}

writeSync(1, "ready\n");
await Promise.all(Array.from({ length: Number(desks) }, desk));
