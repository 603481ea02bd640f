/** A child process is killed with -9 in mid-commit; then every acknowledged commit must be there. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openNode } from "@cohort/db";
import { good, grouped, line, type Rate } from "./screen.ts";

const KILL_AFTER_COMMITS = 1000;
/** Longest that the child may take to be ready, or to commit so often, in milliseconds. */
const PATIENCE_MS = 20_000;

/** Starts the writer under the runtime of this process. */
function startWriter(root: string): ChildProcess {
  const script = fileURLToPath(new URL("writer.ts", import.meta.url));
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : ["run"];
  return spawn(process.execPath, [...flags, script, root], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Lets the writer commit, kills it, and answers the numbers it was told are safe. */
async function commitAndKill(root: string): Promise<{ acknowledged: Set<number>; seconds: number }> {
  const child = startWriter(root);
  const acknowledged = new Set<number>();
  let begun = 0, killed = 0;
  const kill = (): void => {
    killed ||= performance.now();
    child.kill("SIGKILL");
  };
  const late = setTimeout(kill, PATIENCE_MS);
  createInterface({ input: child.stdout! }).on("line", (text) => {
    if (text === "ready") begun = performance.now();
    else acknowledged.add(Number(text));
    if (acknowledged.size === KILL_AFTER_COMMITS) setTimeout(kill, 100 * Math.random());
  });
  await new Promise<void>((resolve) => child.on("close", () => resolve()));
  clearTimeout(late);
  if (acknowledged.size < KILL_AFTER_COMMITS) {
    throw new Error(`The writer acknowledged ${acknowledged.size} commits, then it ended`);
  }
  return { acknowledged, seconds: (killed - begun) / 1000 };
}

/** The whole play. Throws when a single acknowledged commit is missing or half there. */
export async function crash(root: string): Promise<Rate> {
  const { acknowledged, seconds } = await commitAndKill(root);
  line(`killed with -9 after ${grouped(acknowledged.size)} acknowledged commits over two databases`);
  const begun = performance.now();
  await using node = await openNode({ dir: `${root}/node` });
  const orders = await node.mount(`${root}/orders`);
  const stock = await node.mount(`${root}/stock`);
  line(`recovered both in ${(performance.now() - begun).toFixed(0)} ms`);
  const found = new Set<number>();
  const wanted = new Array<number>(10).fill(0);
  for await (const [[number], article] of orders.global<number>("Order").entries()) {
    if (number === undefined) continue;
    found.add(Number(number));
    wanted[article]!++;
  }
  const lost = [...acknowledged].filter((number) => !found.has(number));
  if (lost.length > 0) throw new Error(`${lost.length} acknowledged commits are lost: ${lost.slice(0, 10)}`);
  good(
    `all ${grouped(acknowledged.size)} are there, and ${found.size - acknowledged.size} not yet acknowledged`,
  );
  const taken = stock.global<number>("Taken");
  for (const [article, count] of wanted.entries()) {
    const other = await taken.get([article]) ?? 0;
    if (other !== count) throw new Error(`Article ${article}: ${count} ordered, ${other} taken`);
  }
  good("each commit is whole: what one database ordered, the other took");
  for (const database of [orders, stock]) {
    const { problems } = await database.check();
    if (problems.length > 0) throw new Error(`${database.directory}: ${JSON.stringify(problems[0])}`);
  }
  good("both are sound, block by block");
  return { what: "transact over two, 16 at once", count: acknowledged.size, seconds };
}
