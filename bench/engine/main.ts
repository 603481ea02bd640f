/**
 * Driver of `npm run bench -- engine`: runs workers in turn, round by round, and says what they found.
 *
 * A step of one subject is one process, so that nobody inherits another's warm or crowded heap; a round is
 * every step of every subject, so that ratios are of the same minutes.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { run } from "../../test/support/process.mjs";
import { ROOT, scriptCommand } from "../../test/support/runtimes.mjs";
import { shownRate } from "../common/figures.ts";
import { machine, whole, words } from "../common/driver.ts";
import { chart } from "./chart.ts";
import { shown, standings } from "./goals.ts";
import { type Figure, type Job, type Line, RECORDS, type Step, type Workload, WORKLOADS } from "./job.ts";
import { BASELINE, type Entrant, entrants, STEPS, WORDS } from "./plan.ts";
import { RECORDS_END } from "../common/records.ts";
import { losses, misses, section, table, withSection } from "./report.ts";
import { summarize } from "./summary.ts";

const RESULTS = join(ROOT, "bench/results");
const LINES_FILE = join(RESULTS, "engine.jsonl");
const MACHINE_FILE = join(RESULTS, "machine.txt");
const WORKER = "bench/engine/worker.ts";
const STEP_MS_MAX = 600_000;
const USAGE = `npm run bench -- engine [options]
  --rounds N        rounds; medians are over them (3)
  --n RECORDS       records of the data set, below ${RECORDS_END} (${RECORDS})
  --ms MS           length of a timed loop (800)
  --only WORDS      of ${WORDS.join(",")}, and bun or deno for one runtime; ${BASELINE} always runs
  --steps WORDS     of ${STEPS.join(",")}; load always runs
  --directory PATH  where databases are made and removed; on the disk to be measured (scratch/bench)
  --json            JSON lines and nothing else
  --goals           result lines of npm run show, at the end
  --save            keep lines, charts and the table of README
  --report          the same from the lines kept, without running anything`;

/** Stands above the run: what it calls must be there by then. */
const CHARTS: ReadonlyArray<readonly [file: string, title: string, prefix: string[]]> = [
  ["load", "Loading, durable at the end (ratio to bun:sqlite)", ["W1"]],
  ["read", "Reading (ratio to bun:sqlite)", ["W2", "W3"]],
  ["write", "Writing (ratio to bun:sqlite)", ["W4", "W5", "W6"]],
  ["beyond", "Data four times the pool (ratio to bun:sqlite)", ["4x"]],
];

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    n: { type: "string", default: String(RECORDS) },
    ms: { type: "string", default: "800" },
    only: { type: "string", default: "" },
    steps: { type: "string", default: "" },
    directory: { type: "string", default: join(ROOT, "scratch/bench") },
    json: { type: "boolean", default: false },
    goals: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (options.help) console.log(USAGE);
else if (options.report) save(readLines(), readFileSync(MACHINE_FILE, "utf8").trim());
else process.exitCode = await measure();

async function measure(): Promise<number> {
  const rounds = whole("rounds", options.rounds, [1, 1000], USAGE);
  const records = whole("n", options.n, [1000, RECORDS_END - 1], USAGE);
  const ms = whole("ms", options.ms, [1, 3_600_000], USAGE);
  const steps = stepsOf(words(options.steps, STEPS, USAGE));
  const all = entrants(words(options.only, [...WORDS, "bun", "deno"], USAGE));
  const lines: Line[] = [];
  let failures = 0;
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const step of steps) {
        for (const entrant of all) {
          if (!entrant.steps.includes(step)) continue;
          if (!await one(entrant, { step, records, ms, round }, lines)) failures++;
        }
      }
    }
  } finally {
    rmSync(options.directory, { recursive: true, force: true });
  }
  if (!options.json) print(lines);
  if (options.goals) { for (const it of standings(lines)) console.log(`@@${JSON.stringify(shown(it))}`); }
  if (options.save) save(lines, machine(records, ms));
  return failures === 0 ? 0 : 1;
}

interface Turn {
  readonly step: Step;
  readonly records: number;
  readonly ms: number;
  readonly round: number;
}

/** One step of one entrant; false when its process failed. */
async function one(entrant: Entrant, turn: Turn, lines: Line[]): Promise<boolean> {
  const { subject, runtime, shown } = entrant;
  const { step, records, ms, round } = turn;
  const directory = join(options.directory, `${subject}-${runtime}`.replace(/\W/g, "_"));
  mkdirSync(options.directory, { recursive: true });
  const job: Job = { subject, runtime, step, records, ms, directory };
  const [file, ...rest] = scriptCommand(runtime, WORKER, [JSON.stringify(job)]) as [string, ...string[]];
  const flags = runtime === "deno" ? [rest[0]!, "--unstable-kv", "--quiet"] : [rest[0]!];
  const other: string[] = [];
  const found: Figure[] = [];
  const sink = (text: string): void => {
    if (text.startsWith("@@")) found.push(JSON.parse(text.slice(2)));
    else other.push(text);
  };
  const code = await run([file, ...flags, ...rest.slice(1)], { sink, timeoutMs: STEP_MS_MAX });
  for (const figure of found) {
    const { workload, rate, p50Us, p99Us, settings } = figure;
    const line: Line = { round, workload, runtime: shown, subject, rate, p50Us, p99Us, settings };
    lines.push(line);
    if (options.json) console.log(JSON.stringify(rounded(line)));
  }
  if (!options.json) {
    const rates = found.map((figure) => `${figure.workload} ${shownRate(figure.rate)}`).join("; ");
    console.log(`round ${round} ${step} ${subject} (${shown}): ${rates}`);
  }
  if (code !== 0) console.error(`${subject} (${shown}) ${step} ended with ${code}\n${other.join("\n")}`);
  return code === 0;
}

function rounded(line: Line): Line {
  const short = (x: number | undefined): number | undefined => x === undefined ? x : +x.toPrecision(5);
  return { ...line, rate: short(line.rate)!, p50Us: short(line.p50Us), p99Us: short(line.p99Us) };
}

function print(lines: readonly Line[]): void {
  const list = (title: string, texts: readonly string[]): void => {
    if (texts.length > 0) console.log(`\n${title}\n${texts.map((text) => `  ${text}`).join("\n")}`);
  };
  console.log(`\n${table(lines)}`);
  list("Ahead of Cohort:", losses(lines));
  list("Below the goals:", misses(lines));
}

function save(lines: readonly Line[], machine: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(LINES_FILE, lines.map((line) => JSON.stringify(rounded(line)) + "\n").join(""));
  writeFileSync(MACHINE_FILE, machine + "\n");
  const rows = summarize(lines);
  for (const [file, title, prefixes] of CHARTS) {
    const isIn = (workload: Workload): boolean => prefixes.some((prefix) => workload.startsWith(prefix));
    writeFileSync(join(RESULTS, `${file}.svg`), chart(title, rows, WORKLOADS.filter(isIn)));
  }
  const readme = join(ROOT, "README.md");
  writeFileSync(readme, withSection(readFileSync(readme, "utf8"), section(lines, machine)));
}

function readLines(): Line[] {
  return readFileSync(LINES_FILE, "utf8").split("\n").filter((text) => text !== "").map((text) =>
    JSON.parse(text)
  );
}

function stepsOf(picked: readonly string[]): readonly Step[] {
  return picked.length === 0 ? STEPS : STEPS.filter((step) => step === "load" || picked.includes(step));
}
