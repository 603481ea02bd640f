/**
 * One member of the cluster that `npm start` shows. It is told what to do by lines on stdin, and says by
 * lines on stdout what came of it; each commit that was acknowledged is a line of its own number, written
 * before the next begins, so that a kill -9 loses none that it was told of.
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import process from "node:process";
import { openNode } from "@cohort/db";
import { atlasIn, readRows } from "./cities.ts";
import { ask, load } from "./steps.ts";

const [, , root = "", name = "", desks = "8"] = process.argv;

/** A pipe takes what it has room for: a long line goes in pieces. */
const put = (line: string): void => {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      // Full, and not to be waited for: once more.
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
    }
  }
};
const say = (word: string, ...facts: unknown[]): void =>
  put([word, ...facts.map((fact) => JSON.stringify(fact))].join(" "));

const node = await openNode({ pij: `${root}/cluster`, name });
const atlas = atlasIn(await node.mount(`${root}/cluster/atlas`, { mode: "clustered", create: true }));
const shop = await node.mount(`${root}/cluster/shop`, { mode: "clustered", create: true });
const orders = shop.global<number>("Order"), taken = shop.global<number>("Taken");
let isSelling = false;

/** One desk: each order gets a number of a counter, and takes one of an article; both or neither. */
async function desk(): Promise<void> {
  while (isSelling) {
    const number = await orders.increment([]);
    const article = number % 10;
    await node.transact(async (tx) => {
      await tx.global(orders).set([number], article);
      const stock = tx.global(taken);
      await stock.set([article], (await stock.get([article]) ?? 0) + 1);
    });
    put(String(number));
  }
}

async function readAll(): Promise<{ readonly count: number; readonly ms: number }> {
  const begun = performance.now();
  const rows = readRows();
  for (const { country, name, cityId, population } of rows) {
    const found = await atlas.city.get([country, name, cityId]);
    if (found?.population !== population) throw new Error(`${name} is not as it was stored`);
  }
  return { count: rows.length, ms: performance.now() - begun };
}

/** What is there of all orders: each number, and what each article says. */
async function count(): Promise<
  { readonly numbers: number[]; readonly taken: number[]; readonly problems: number }
> {
  const numbers: number[] = [];
  for await (const [[number]] of orders.entries()) if (number !== undefined) numbers.push(Number(number));
  const articles: number[] = [];
  for (let article = 0; article < 10; article++) articles.push(await taken.get([article]) ?? 0);
  const { problems } = await shop.check();
  return { numbers, taken: articles, problems: problems.length };
}

let selling: Promise<unknown> = Promise.resolve();
const commands: Record<string, () => Promise<unknown>> = {
  load: () => load(atlas),
  ask: () => ask(atlas),
  read: readAll,
  sell: () => {
    isSelling = true;
    selling = Promise.all(Array.from({ length: Number(desks) }, desk));
    return Promise.resolve();
  },
  stop: async () => {
    isSelling = false;
    await selling;
  },
  count,
  status: () => Promise.resolve(node.status.cluster),
  leave: () => node.close(),
};

say("ready", node.status.cluster);
for await (const word of createInterface({ input: process.stdin })) {
  if (word === "exit") break;
  // What a command answers is said in the order of the commands, but for what goes on beside them.
  say("done", word, await commands[word]?.());
}
process.exit(0);
