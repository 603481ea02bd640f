/**
 * The plays of 1.d under one runtime. Workers killed with -9 under concurrent commits, durable and relaxed;
 * writes and syncs that fail on journal, image journal and volume; a disk of 1 MiB that is full; programs
 * reloaded and Workers terminated; another pid namespace; the time a take-over takes. Nothing acknowledged
 * may be lost, and no structure broken.
 *
 * Arguments: `--kills N` (100 a mode by default), `--seed N`, `--record` (adds lines to
 * test/campaigns.jsonl). Controls: commits that never were are told to the ledger, and must be found missing;
 * a fault counts only when the node itself has told of it.
 */
import { appendFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type CampaignReport, findInvented, runCampaign } from "./campaign.ts";
import { type FaultReport, playFault } from "./faults.ts";
import { playFullDisk } from "./full_disk.ts";
import { canInject } from "./injection.ts";
import { LANE_COUNT } from "./lanes.ts";
import { playReloads, playWorkers, type ReloadReport } from "./reload.ts";
import { onSmallDisk } from "./small_disk.ts";
import { playNamespaces, takeOverTimes } from "./takeover.ts";

const runtime = "Deno" in globalThis ? "deno" : "bun";
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

function argument(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

/**
 * Restarts of a program, terminations of a Worker, take-overs timed, and the goal of those in milliseconds.
 */
const RESTARTS = 20;
const TAKE_OVERS = 15;
const TAKE_OVER_MS = 50;

const kills = argument("--kills", 100);
const seed = argument("--seed", 1 + Date.now() % 1_000_000);

/** Gives a result to `npm run show`. */
function result(text: string, control: string, ok: boolean): void {
  console.log(`@@${JSON.stringify({ runtime, result: text, control, ok })}`);
}

/** Adds what was done to the recorded campaigns, when that is asked for. */
function record(name: string, report: CampaignReport): void {
  if (!process.argv.includes("--record")) return;
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" })
    .trim();
  const all = report.killsUnderLoad + report.killsInRecovery + report.killsInClosing;
  const hours = Number((report.seconds / 3600).toFixed(3));
  const line = { name, commit, runtime, kills: all, seed, hours, failures: report.problems.length };
  appendFileSync(`${ROOT}/test/campaigns.jsonl`, `${JSON.stringify(line)}\n`);
}

async function showKills(durability: "sync" | "relaxed"): Promise<void> {
  const onProblem = (problem: string): void => console.log(`problem: ${problem}`);
  const report = await runCampaign({ seed, kills, durability, onProblem });
  record(`kill -9, ${durability}`, report);
  const { killsUnderLoad, killsInRecovery, killsInClosing, operations, reads, compared, problems } = report;
  const text = [
    `${durability}: ${killsUnderLoad} kills under load`,
    `${killsInRecovery} in recovery, ${killsInClosing} in closing`,
    `${operations} commits and ${reads} reads acknowledged, ${compared} recoveries compared`,
    `${problems.length} lost or broken`,
    `two databases mounted in ${report.mountMsMedian.toFixed(0)} ms at the median`,
    `seed ${seed}`,
  ].join("; ");
  const found = await findInvented(durability);
  const ok = problems.length === 0 && killsUnderLoad >= kills && found.length > LANE_COUNT;
  result(text, `${LANE_COUNT + 1} invented acknowledgements: ${found.length} findings`, ok);
}

async function showFaults(): Promise<void> {
  if (!canInject()) return console.log("skipped, there is no strace here");
  for (const target of ["journal", "image", "volume"] as const) {
    const reports: FaultReport[] = [];
    for (const calls of ["write", "sync"] as const) {
      for (const error of ["EIO", "ENOSPC"] as const) {
        const report = await playFault({ target, calls, error });
        reports.push(report);
        console.log(JSON.stringify(report));
      }
    }
    const told = reports.map(({ title, noticedMs, thawedMs, operations, looks, refused }) => {
      const [before, during, after] = operations;
      const end = thawedMs >= 0
        ? `frozen, ${looks} reads meanwhile, thawed in ${thawedMs.toFixed(0)} ms, ${after} commits after it`
        : `stopped (${Object.entries(refused).map(([code, count]) => `${count} ${code}`).join(", ")})`;
      return `${title}: told in ${noticedMs.toFixed(0)} ms, ${before + during} commits kept, ${end}`;
    });
    const problems = reports.flatMap((report) => report.problems);
    const causes = reports.map(({ cause }) => /E[A-Z]+/.exec(cause)?.[0] ?? "none").join(", ");
    const control = `each play waited for the node's own word of it: ${causes}`;
    result(`${told.join("; ")}; ${problems.length} lost or broken`, control, problems.length === 0);
    for (const problem of problems) console.log(`problem: ${problem}`);
  }
}

async function showFullDisk(): Promise<void> {
  const played = await onSmallDisk(async (directory) => {
    const report = await playFullDisk(directory);
    for (const problem of report.problems) console.log(`problem: ${problem}`);
    const text =
      `1 MiB tmpfs: ${report.values} values set; FULL ${report.full} times and on again after a kill; ` +
      `all space taken: frozen (${
        /E[A-Z]+/.exec(report.cause)?.[0]
      }), ${report.looks} reads meanwhile, thawed; ` +
      `killed while full, a mount then: ${report.mountWhileFull.split(":")[0]}; ` +
      `${report.problems.length} lost or broken`;
    const control = `the disk was really full: ${report.cause.replace(/: .*/, "")}`;
    result(text, control, report.problems.length === 0 && report.full > 0 && report.cause.includes("ENOSPC"));
  });
  if (!played) console.log("skipped, no tmpfs may be mounted here");
}

function listed(ms: readonly number[]): string {
  const median = ms[ms.length >> 1] ?? 0;
  return `${median.toFixed(0)} ms at the median, ${(ms.at(-1) ?? 0).toFixed(0)} at most`;
}

async function showTakeOvers(): Promise<void> {
  const plays: [what: string, report: ReloadReport][] = [];
  for (const flags of runtime === "deno" ? [["--watch"]] : [["--watch"], ["--hot"]]) {
    plays.push([`${runtime} ${flags}`, await playReloads(flags, RESTARTS)]);
  }
  plays.push(["a Worker terminated", await playWorkers(RESTARTS)]);
  for (const [what, { lives, operations, mountMs, problems }] of plays) {
    for (const problem of problems) console.log(`problem: ${problem}`);
    const text = `${what}: ${lives - 1} restarts in mid-commit, ${operations} commits acknowledged, ` +
      `${problems.length} lost or broken; both databases mounted in ${listed(mountMs)}`;
    const ok = problems.length === 0 && lives > RESTARTS && operations > 0;
    result(text, "each life compared all with the log of acknowledgements, signed by life", ok);
  }
  const namespaces = await playNamespaces();
  if (namespaces === undefined) console.log("skipped, no pid namespace may be made here");
  else {
    const { refusals, operations, problems } = namespaces;
    for (const problem of problems) console.log(`problem: ${problem}`);
    const text =
      `two pid namespaces: refused twice, mounted on a person's word with all ${operations} commits; ` +
      `${problems.length} lost or broken`;
    const ok = problems.length === 0 && refusals.every((why) => why === "lives in another pid namespace");
    result(text, `it said: the holder ${refusals[0]}`, ok);
  }
  const { claimMs, mountMs } = await takeOverTimes(TAKE_OVERS);
  const within = (times: readonly number[]): number => times.filter((ms) => ms <= TAKE_OVER_MS).length;
  const text = `kill -9 of the holder of a small database at rest: from its death to the claim taken over ` +
    `${listed(claimMs)}; to the database mounted, its journal recovered, ${listed(mountMs)}`;
  const control = `within ${TAKE_OVER_MS} ms: ${within(claimMs)} claims and ${within(mountMs)} mounts of ` +
    `${TAKE_OVERS}; a new node each time, which makes its own journals first`;
  result(text, control, 2 * Math.min(within(claimMs), within(mountMs)) > TAKE_OVERS);
}

await showKills("sync");
await showKills("relaxed");
await showFaults();
await showFullDisk();
await showTakeOvers();
