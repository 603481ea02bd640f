/**
 * 2.e: clusters in the simulator, and bad frames. Fresh seeds beside those that once failed, equal hashes on
 * both runtimes, planted bugs of clusters found; 500,000 bad frames; and the sums of the campaigns recorded
 * in test/campaigns.jsonl, made by
 *
 *     node test/sim.mjs --campaign --tier cluster --minutes M
 *     node test/fuzz.mjs --set frames --inputs 10000000 --record frames
 *
 *     -- [--seeds N] [--sample N] [--inputs N]
 */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { openClusterEngine } from "../../src/testing/sim/bind_cluster.ts";
import { type ClusterResult, runCluster } from "../../src/testing/sim/cluster/run_cluster.ts";
import { describeReport, fuzz } from "../fuzz/fuzz.ts";
import { PLANTED_LINKS } from "../fuzz/targets/links.ts";
import { makeFrameTargets } from "../fuzz/targets.ts";
import { compareHashes, huntPlanted, plantsHere } from "../sim/children.ts";
import { nativeDrain } from "../sim/drain.ts";
import { PLANTS } from "../sim/planted.ts";
import { freshSeed, keptSeeds, runShare, seedsFrom } from "../sim/share.ts";

const SEEDS_MIN = 5_000;
const FRAMES_MIN = 10_000_000;
/** Of the seeds of the campaigns so many at the commit that they were last run at. */
const LAST_MIN = SEEDS_MIN / 10;
/** What a seed must have seen at least. */
const OPERATIONS_MIN = 2_000, LOSSES_MIN = 3, SECONDS_MIN = 20;

function flag(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

/** A recorded campaign, as far as it is looked at here. */
interface Campaign {
  readonly name: string;
  readonly commit: string;
  readonly tier?: string;
  readonly seeds: number;
  readonly inputs: number;
  readonly failures: number;
  /** True once what failed was mended and the seeds pass. */
  readonly mended?: boolean;
}

function campaigns(): readonly Campaign[] {
  const path = new URL("../campaigns.jsonl", import.meta.url);
  const text = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  return text === "" ? [] : text.split("\n").map((line): Campaign => JSON.parse(line));
}

function sum(all: readonly Campaign[], of: (it: Campaign) => number): number {
  return all.reduce((total, it) => total + of(it), 0);
}

/** What a seed lacks. */
function shortOf({ seed, problems, operations, losses, virtualSeconds }: ClusterResult): string[] {
  const found = `${operations} operations, ${losses} losses, ${virtualSeconds} s`;
  const isShort = operations < OPERATIONS_MIN || losses < LOSSES_MIN || virtualSeconds < SECONDS_MIN;
  return [
    ...problems.slice(0, 1).map(({ checker, text }) => `seed ${seed}: ${checker}: ${text}`),
    ...(isShort ? [`seed ${seed} saw only ${found}`] : []),
  ];
}

const drain = await nativeDrain();
const first = freshSeed();
const lacking: string[] = [];
const OF_CLUSTERS = new Set(["cluster", "churn", "leave", "crowd"]);
let seeds = 0, losses = 0;
for (const seed of seedsFrom(first, flag("seeds", 50))) {
  const result = await runCluster(seed, { open: openClusterEngine, drain });
  lacking.push(...shortOf(result));
  losses += result.losses;
  seeds++;
}
const kept = keptSeeds("cluster");
lacking.push(...(await runShare("cluster", kept)).failures);
lacking.push(...await compareHashes(first, flag("sample", 4), undefined, "cluster"));

const ofClusters = new Set<string>(PLANTS.filter(({ tier }) => OF_CLUSTERS.has(tier)).map(({ id }) => id));
const plants = plantsHere().filter((id) => ofClusters.has(id));
const planted = await huntPlanted(plants);
const found = planted.lines.filter((line) => line.includes(": found after ")).length;
if (!planted.allFound || found !== plants.length) lacking.push("planted bugs were not found");

const inputs = flag("inputs", 500_000);
const frames = await fuzz(makeFrameTargets(), { seed: first, to: inputs });
console.log(describeReport(frames).join("\n"));
if (frames.failures.length > 0 || frames.inputs !== inputs) lacking.push("bad frames did harm");
let strangers = 0;
for (const target of PLANTED_LINKS) {
  const report = await fuzz([target], { seed: 1, to: 3000, failuresMax: 1 });
  if (report.failures.length > 0) strangers++;
}
if (strangers !== PLANTED_LINKS.length) lacking.push("planted links were not found");

const all = campaigns();
const clusters = all.filter(({ name, tier }) => name === "sim" && tier === "cluster");
const ran = sum(clusters, (it) => it.seeds);
const last = clusters.at(-1)?.commit;
const atLast = sum(clusters.filter(({ commit }) => commit === last), (it) => it.seeds);
const open = sum(clusters.filter(({ mended }) => mended !== true), (it) => it.failures);
const ofFrames = all.filter(({ name }) => name === "frames");
const framed = sum(ofFrames, (it) => it.inputs);
const harmed = sum(ofFrames.filter(({ mended }) => mended !== true), (it) => it.failures);
if (ran < SEEDS_MIN) lacking.push(`${ran} of ${SEEDS_MIN} cluster seeds are recorded`);
if (atLast < LAST_MIN) lacking.push(`${atLast} of ${LAST_MIN} of them at ${last}`);
if (framed < FRAMES_MIN) lacking.push(`${framed} of ${FRAMES_MIN} frames are recorded`);
if (open + harmed > 0) lacking.push(`${open + harmed} recorded failures are open`);

for (const line of lacking) console.log(`short: ${line}`);
const result = {
  result: `${seeds} fresh cluster seeds from ${first} with ${losses} losses and ${kept.length} kept ones, ` +
    `${frames.inputs} bad frames: ${lacking.length} failures; campaigns: ${ran} cluster seeds, ${atLast} ` +
    `of them at ${last}, ${framed} frames, ${open + harmed} open failures`,
  control: `${found} of ${plants.length} planted bugs of clusters found here, ${strangers} of ` +
    `${PLANTED_LINKS.length} planted links`,
  ok: lacking.length === 0,
};
console.log(`@@${JSON.stringify(result)}`);
process.exit(result.ok ? 0 : 1);
