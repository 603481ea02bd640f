// `npm run sim -- --campaign`: runs seeds for a time and adds one line to test/campaigns.jsonl.
//
//   npm run sim -- --campaign --minutes M [--tier full | micro | cluster] [--runtime deno | bun]
//                  [--seed S] [--record FILE]
//
// A line: {name, commit, runtime, tier, seeds, runs, hours, failures, failed, firstSeed, lastSeed}. `runs`
// counts the crashes of micro seeds that were recovered and checked; `failed` are the first seeds that failed
// or hung. SIGINT or SIGTERM ends it early; what was run is recorded.
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT, scriptCommand } from "../support/runtimes.mjs";

/** A seed that takes longer hangs. */
const HANG_MS = 600_000;
const FAILED_KEPT = 50;

const flags = readFlags(process.argv.slice(2).filter((arg) => arg !== "--campaign"));
const minutes = Number(flags.minutes);
const tier = flags.tier ?? "full";
const runtime = flags.runtime ?? "bun";
if (!(minutes > 0)) usage();
const firstSeed = Number(flags.seed ?? Date.now());
const commit = commitName();
const started = Date.now();
let until = started + minutes * 60_000;
const sum = { seeds: 0, runs: 0, failures: 0, failed: [], lastSeed: firstSeed };
let stop = () => {};
let isStopped = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    isStopped = true;
    until = 0;
    stop();
  });
}
console.log(`${tier} campaign of ${minutes} minutes on ${runtime} at ${commit}, seeds from ${firstSeed}`);
for (let at = firstSeed; at !== undefined && Date.now() < until;) at = await child(at);

const { seeds, runs, failures, failed, lastSeed } = sum;
const hours = Number(((Date.now() - started) / 3_600_000).toFixed(3));
const line = {
  name: "sim",
  commit,
  runtime,
  tier,
  seeds,
  runs,
  hours,
  failures,
  failed,
  firstSeed,
  lastSeed,
};
appendFileSync(flags.record ?? join(ROOT, "test/campaigns.jsonl"), `${JSON.stringify(line)}\n`);
console.log(JSON.stringify(line));
process.exit(failures > 0 ? 1 : 0);

function usage() {
  console.error(
    "usage: npm run sim -- --campaign --minutes M [--tier full | micro | cluster] [--runtime deno | bun] " +
      "[--seed S] [--record FILE]",
  );
  process.exit(2);
}

function readFlags(args) {
  const found = {};
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i].replace(/^--/, "");
    if (!["minutes", "tier", "runtime", "seed", "record"].includes(name) || i + 1 >= args.length) usage();
    found[name] = args[i + 1];
  }
  return found;
}

/** Short hash of HEAD, `+dirty` when what runs is more than that. */
function commitName() {
  const git = (...args) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--", "src", "adapters", "test/sim");
  return git("rev-parse", "--short", "HEAD") + (changed === "" ? "" : "+dirty");
}

function fail(seed, why) {
  sum.failures++;
  if (sum.failed.length < FAILED_KEPT) sum.failed.push(seed);
  console.log(`FAILED seed ${seed} ${why}`);
}

/** Runs seeds in one child; resolves to the seed to go on with, undefined when the time is up. */
function child(from) {
  const left = Math.max(1, Math.ceil((until - Date.now()) / 60_000));
  const args = [
    "--seed",
    `${from}`,
    "--seeds",
    "100000000",
    "--tier",
    tier,
    "--told",
    "--minutes",
    `${left}`,
  ];
  const [file, ...rest] = scriptCommand(runtime, "test/sim/run.ts", args);
  const running = spawn(file, rest, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  stop = () => running.kill("SIGKILL");
  let seed;
  let ended = false;
  let timer;
  const hear = (text) => {
    const [word, first, , verdict] = text.split(" ");
    if (word === "@start") {
      seed = Number(first);
      clearTimeout(timer);
      timer = setTimeout(() => running.kill("SIGKILL"), HANG_MS);
    } else if (word === "@end") {
      sum.seeds++;
      sum.lastSeed = Number(first);
      if (verdict !== "ok") fail(Number(first), "");
      seed = undefined;
    } else if (word === "@done") ended = true;
    else if (text.includes(" runs of ")) sum.runs += Number(/: (\d+) runs of /.exec(text)?.[1] ?? 0);
    if (!text.startsWith("@") && !text.startsWith("seed ")) console.log(text);
  };
  createInterface({ input: running.stdout }).on("line", hear);
  return new Promise((resolve) => {
    running.on("close", (code) => {
      clearTimeout(timer);
      if (ended || isStopped) return resolve(undefined);
      if (seed !== undefined) {
        sum.seeds++;
        sum.lastSeed = seed;
        fail(seed, `hung, or ended with code ${code}`);
      }
      resolve(sum.lastSeed + 1);
    });
  });
}
