/** `npm run chaos`: rounds of chaos for so many minutes; see `round.ts` and `test/chaos.mjs`. */
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { playRound, type RoundReport } from "./round.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function argument(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

const minutes = argument("--minutes", 1);
const seed = argument("--seed", 1 + Date.now() % 1_000_000_000);
/** Seconds of faults of one round; then everything is judged, and begins anew. */
const roundSeconds = argument("--round", 120);
const isVerbose = process.argv.includes("--verbose");

const begun = Date.now();
// Asked before the run, which may take hours.
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
const reports: RoundReport[] = [];
for (let round = 0; reports.every((it) => it.problems.length === 0); round++) {
  const left = minutes * 60 - reports.reduce((sum, it) => sum + it.seconds, 0);
  if (left <= 0 && round > 0) break;
  const report = await playRound({
    seed: seed + round,
    seconds: Math.max(5, Math.min(left, roundSeconds)),
    members: argument("--members", 3 + (seed + round) % 2),
    blocks: argument("--blocks", 10_000),
    poolBlocks: argument("--pool", 1_500),
    clients: argument("--clients", 16),
    // Neither may lose anything to a kill.
    durability: round % 3 === 2 ? "relaxed" : "sync",
    network: !process.argv.includes("--no-network"),
    onProblem: (text) => console.log(`problem: ${text}`),
    ...(isVerbose ? { onEvent: (text: string) => console.log(text) } : {}),
    keep: process.argv.includes("--keep"),
  });
  reports.push(report);
  const { problems, recoveries, ends, ...facts } = report;
  console.log(JSON.stringify({ ...facts, problems: problems.length, recoveries: recoveries.length, ends }));
}
const sum = (of: (report: RoundReport) => number): number => reports.reduce((all, it) => all + of(it), 0);
const line = {
  name: "chaos",
  commit,
  runtime: "deno, bun",
  seed,
  minutes: Number(((Date.now() - begun) / 60_000).toFixed(1)),
  kills: sum((it) => it.kills),
  stops: sum((it) => it.stops),
  wholeKills: sum((it) => it.wholeKills),
  partitions: sum((it) => it.partitions),
  unasked: sum((it) => it.unasked),
  operations: sum((it) => it.operations),
  unknown: sum((it) => it.unknown),
  perSecond: Math.round(sum((it) => it.perSecond) / reports.length),
  failures: sum((it) => it.problems.length),
};
console.log(JSON.stringify(line));
if (process.argv.includes("--record")) {
  appendFileSync(`${ROOT}/test/campaigns.jsonl`, `${JSON.stringify(line)}\n`);
}
process.exit(line.failures > 0 ? 1 : 0);
