/**
 * The demonstration of `npm start`: three members of one cluster in three processes, Deno and Bun mixed. One
 * loads, all read; all sell at once, and the master is killed with -9 in the middle of it. It runs in a
 * directory that is removed at the end.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { type ClusterFacts, MemberProcess } from "./member_process.ts";
import type { Asked } from "./steps.ts";
import { good, grouped, heading, line, LiveTable, type Rate, table } from "./screen.ts";

const NAMES = ["alpha", "beta", "gamma"] as const;
const SELL_MS = 4_000;
/** Longest that survivors may stand still after a kill -9, in milliseconds. */
const STILL_MS_MAX = 2_000;

const root = mkdtempSync(`${tmpdir()}/cohort-start-`);
const runtimes = (process.argv[2] ?? "deno,bun").split(",");
let members: MemberProcess[] = [];
const killed: MemberProcess[] = [];
const cleanUp = (): void => rmSync(root, { recursive: true, force: true });
process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    for (const member of members) void member.kill();
    process.exit(130);
  });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function show({ members: seen, view }: ClusterFacts): void {
  line(`view ${view}:`);
  for (const { name, address, pid, isMaster } of seen) {
    const runtime = members.find((it) => it.name === name)?.runtime ?? "";
    line(`  ${name.padEnd(6)} ${runtime.padEnd(5)} process ${pid}  ${address}${isMaster ? "  master" : ""}`);
  }
}

async function begin(): Promise<void> {
  heading("Three processes, one cluster");
  const begun = performance.now();
  members = NAMES.map((name, at) => new MemberProcess(root, name, runtimes[at % runtimes.length]!));
  await Promise.all(members.map((member) => member.ready()));
  line(`started in the same instant; all are members after ${(performance.now() - begun).toFixed(0)} ms`);
  show(await members[0]!.tell<ClusterFacts>("status"));
}

async function loadAndRead(): Promise<Rate[]> {
  heading("One loads, all read");
  const [first] = members;
  const loaded = await first!.tell<Rate>("load");
  line(`${first!.name} stored ${grouped(loaded.count / 2)} cities under two orders`);
  const rates = [loaded];
  for (const how of ["from the others", "again, from memory"]) {
    const all = await Promise.all(members.map((it) => it.tell<{ count: number; ms: number }>("read")));
    for (const [at, { count, ms }] of all.entries()) {
      rates.push({ what: `get, ${members[at]!.name}, ${how}`, count, seconds: ms / 1000 });
    }
  }
  good("each member found every city as it was stored");
  const { texts, rates: asked } = await members.at(-1)!.tell<Asked>("ask");
  for (const text of texts) line(text);
  rates.push(...asked.map((rate) => ({ ...rate, what: `${rate.what}, ${members.at(-1)!.name}` })));
  return rates;
}

/** All sell until it is over; what is shown meanwhile is a line a member. */
async function sellFor(ms: number, live: LiveTable): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    live.show(members.map((it) => ({
      name: `${it.name} (${it.runtime})`,
      count: it.acknowledged.length,
      note: it.isAlive ? "" : "killed with -9",
    })));
    await sleep(100);
  }
}

async function sell(): Promise<Rate> {
  heading("All sell from one shop, and the master is killed with -9");
  const begun = performance.now();
  const live = new LiveTable();
  for (const member of members) void member.tell("sell").catch(() => {});
  await sellFor(SELL_MS, live);
  for (const member of members) member.longestMs = 0;
  const facts = await members[1]!.tell<ClusterFacts>("status");
  const master = members.find((it) => it.name === facts.members.find((of) => of.isMaster)?.name)!;
  await master.kill();
  killed.push(master);
  await sellFor(SELL_MS, live);
  const survivors = members.filter((it) => it.isAlive);
  const still = Math.max(...survivors.map((it) => it.longestMs));
  live.end();
  const names = survivors.map((it) => it.name).join(" and ");
  line(`${master.name}, the master, was killed; ${names} stood still for ${still.toFixed(0)} ms at most`);
  if (still > STILL_MS_MAX) throw new Error(`The survivors stood still for ${still.toFixed(0)} ms`);
  const again = new MemberProcess(root, master.name, master.runtime);
  members = members.map((it) => it === master ? again : it);
  await again.ready();
  show(await survivors[0]!.tell<ClusterFacts>("status"));
  void again.tell("sell").catch(() => {});
  await sellFor(SELL_MS / 2, live);
  live.end();
  await Promise.all(members.map((it) => it.tell("stop")));
  good(`${master.name} is a member again, and has sold ${grouped(again.acknowledged.length)} since`);
  const count = [...members, ...killed].reduce((sum, it) => sum + it.acknowledged.length, 0);
  return { what: "transact, three members", count, seconds: (performance.now() - begun) / 1000 };
}

/** Every commit that was acknowledged is there, once, and whole. */
async function check(): Promise<void> {
  heading("Check");
  const all = [...members, ...killed].flatMap((it) => it.acknowledged);
  if (new Set(all).size !== all.length) throw new Error("A number was handed out twice");
  good(`${grouped(all.length)} acknowledged orders, no number twice`);
  const counts = await Promise.all(
    members.map((it) => it.tell<{ numbers: number[]; taken: number[]; problems: number }>("count")),
  );
  for (const [at, { numbers, taken, problems }] of counts.entries()) {
    const { name } = members[at]!;
    const found = new Set(numbers);
    const lost = all.filter((number) => !found.has(number));
    if (lost.length > 0) {
      throw new Error(`${name} lacks ${lost.length} acknowledged orders: ${lost.slice(0, 9)}`);
    }
    const wanted = new Array<number>(10).fill(0);
    for (const number of numbers) wanted[number % 10]!++;
    if (wanted.join() !== taken.join()) throw new Error(`${name} has ${taken} taken for ${wanted} ordered`);
    if (problems > 0) throw new Error(`${name} found ${problems} problems in the blocks`);
    const more = numbers.length - all.length;
    good(`${name} has them all, ${more} that were not acknowledged yet; each is whole; the blocks are sound`);
  }
}

const begun = performance.now();
try {
  await begin();
  const rates = await loadAndRead();
  rates.push(await sell());
  await check();
  heading("Rates");
  table(rates);
  for (const member of members) await member.end();
  line(`all left in good order; all in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
} finally {
  for (const member of members) if (member.isAlive) await member.kill();
  cleanUp();
}
