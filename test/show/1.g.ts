/**
 * 1.g: bad inputs for every decoder, here 500,000 (or `-- --inputs N`), and the campaign of ten million
 * recorded in test/campaigns.jsonl (made by `node test/fuzz.mjs --inputs 10000000 --record fuzz`). As control
 * every planted flaw has to be found.
 */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { incarnationTag } from "../../src/storage/journal_frame.ts";
import { describeReport, fuzz } from "../fuzz/fuzz.ts";
import { forgetPlanted, plantedFlaws } from "../fuzz/planted.ts";
import { makeSampleJournals } from "../fuzz/sample_journals.ts";
import { makeTargets } from "../fuzz/targets.ts";
import { framesOf } from "../fuzz/targets/journals.ts";
import { INCARNATION } from "../storage/journal_rig.ts";

const CAMPAIGN_INPUTS_MIN = 10_000_000;

/** One line of the recorded campaigns, as far as it is looked at here. */
interface Campaign {
  readonly name: string;
  readonly inputs: number;
  readonly failures: number;
}

async function plantedFound(): Promise<string> {
  const planted = plantedFlaws(framesOf(await makeSampleJournals()), incarnationTag(INCARNATION));
  let found = 0;
  for (const { target, bounds } of planted) {
    const report = await fuzz([target], { seed: 1, to: 3000, failuresMax: 1, ...bounds });
    if (report.failures.length > 0) found++;
    forgetPlanted();
  }
  return `${found} of ${planted.length}`;
}

/** Inputs and failures of all recorded campaigns of this name. */
function recorded(): { inputs: number; failures: number } {
  const path = new URL("../campaigns.jsonl", import.meta.url);
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter((line) => line !== "") : [];
  const mine = lines.map((line): Campaign => JSON.parse(line)).filter(({ name }) => name === "fuzz");
  return {
    inputs: mine.reduce((sum, it) => sum + it.inputs, 0),
    failures: mine.reduce((sum, it) => sum + it.failures, 0),
  };
}

const at = process.argv.indexOf("--inputs");
const inputs = at < 0 ? 500_000 : Number(process.argv[at + 1]);
const seed = Math.floor(performance.timeOrigin / 1000);
const report = await fuzz(await makeTargets(), { seed, to: inputs });
console.log(describeReport(report).join("\n"));
const planted = await plantedFound();
const campaign = recorded();
const result = {
  result: `${report.inputs} inputs of seed ${seed}: ${report.failures.length} failures, slowest ` +
    `${Math.round(report.slowestMs)} ms, +${Math.round(report.grownBytes / 2 ** 20)} MiB; campaign: ` +
    `${campaign.inputs} inputs, ${campaign.failures} failures`,
  control: `${planted} planted flaws found`,
  ok: report.failures.length === 0 && report.inputs === inputs && new Set(planted.split(" of ")).size === 1 &&
    campaign.inputs >= CAMPAIGN_INPUTS_MIN && campaign.failures === 0,
};
console.log(`@@${JSON.stringify(result)}`);
