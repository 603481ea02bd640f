/**
 * 1.c: the simulator. Fresh seeds of both tiers, equal hashes on both runtimes, every planted bug found, the
 * part of the engine that runs under it, and the sums of the recorded campaigns in test/campaigns.jsonl.
 *
 *     -- [--full N] [--micro RUNS] [--sample N]
 *
 * The runtimes share the planted bugs; the coverage is Deno's.
 */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { run } from "../support/process.mjs";
import { compareHashes, huntPlanted, plantsHere } from "../sim/children.ts";
import { freshSeed, keptSeeds, runShare, RUNTIME, seedsFrom, type Tier } from "../sim/share.ts";

const FULL_SEEDS_MIN = 20_000;
const MICRO_RUNS_MIN = 200_000;
const PLANTS_MIN = 15;

function flag(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

/** A recorded campaign, as far as it is looked at here. */
interface Campaign {
  readonly name: string;
  readonly tier: Tier;
  readonly seeds: number;
  readonly runs: number;
  readonly failures: number;
  /** True once what failed was mended and the seeds pass. */
  readonly mended?: boolean;
}

function recorded(): { full: number; micro: number; open: number } {
  const path = new URL("../campaigns.jsonl", import.meta.url);
  const text = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  const lines = text === "" ? [] : text.split("\n").map((line): Campaign => JSON.parse(line));
  const mine = lines.filter(({ name, tier }) => name === "sim" && tier !== "cluster");
  const sum = (tier: Tier, of: (it: Campaign) => number) =>
    mine.filter((it) => it.tier === tier).reduce((all, it) => all + of(it), 0);
  const unmended = mine.filter(({ mended }) => mended !== true);
  return {
    full: sum("full", (it) => it.seeds),
    micro: sum("micro", (it) => it.runs),
    open: unmended.reduce((all, it) => all + it.failures, 0),
  };
}

/** The last line of the coverage's report, and whether it is enough; only under Deno. */
async function coverage(): Promise<{ line: string; enough: boolean }> {
  if (RUNTIME !== "deno") return { line: "coverage measured on deno", enough: true };
  const script = fileURLToPath(new URL("../sim/coverage.mjs", import.meta.url));
  let line = "no coverage";
  const sink = (text: string) => {
    console.log(text);
    if (text.startsWith("coverage engine")) line = text;
  };
  const code = await run(["node", script], { sink, timeoutMs: 3_600_000 });
  return { line, enough: code === 0 };
}

const first = freshSeed();
const full = await runShare("full", [...keptSeeds("full"), ...seedsFrom(first, flag("full", 100))]);
const micro = await runShare("micro", [...keptSeeds("micro"), ...seedsFrom(first, 1000)], {
  runsMin: flag("micro", 5000),
});
const failures = [...full.failures, ...micro.failures];
const sample = flag("sample", 200);
const differing = await compareHashes(first + 2500, sample);
const planted = await huntPlanted(plantsHere());
const found = planted.lines.filter((line) => line.includes(": found after ")).length;
const covered = await coverage();
const campaigns = recorded();
for (const line of [...failures, ...differing]) console.log(line);
const lacking = [
  ...(failures.length > 0 ? [`${failures.length} seeds failed`] : []),
  ...(differing.length > 0 ? [`${differing.length} hashes differ or fail`] : []),
  ...(planted.allFound && 2 * found >= PLANTS_MIN ? [] : ["planted bugs not found"]),
  ...(covered.enough ? [] : [covered.line]),
  ...(campaigns.full < FULL_SEEDS_MIN ? [`${campaigns.full} of ${FULL_SEEDS_MIN} full seeds recorded`] : []),
  ...(campaigns.micro < MICRO_RUNS_MIN
    ? [`${campaigns.micro} of ${MICRO_RUNS_MIN} micro runs recorded`]
    : []),
  ...(campaigns.open > 0 ? [`${campaigns.open} recorded failures open`] : []),
];
for (const line of lacking) console.log(`short: ${line}`);
const result = {
  result:
    `${full.seeds} full seeds and ${micro.runs} micro runs from ${first}: ${failures.length} failures; ` +
    `${sample} seeds with ${differing.length === 0 ? "equal" : "DIFFERENT"} hashes on both runtimes; ` +
    `${covered.line}; campaigns: ${campaigns.full} full seeds, ${campaigns.micro} micro runs, ` +
    `${campaigns.open} open failures`,
  control: `${found} of ${plantsHere().length} planted bugs found, the other runtime looks for the rest`,
  ok: lacking.length === 0,
};
console.log(`@@${JSON.stringify(result)}`);
process.exit(result.ok ? 0 : 1);
