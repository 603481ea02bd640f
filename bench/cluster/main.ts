/**
 * Driver of `npm run bench -- cluster`: runs the processes of each step, round by round, and says what they
 * found.
 *
 * Data is loaded once for each subject. A step of one subject is processes of its own, so that nobody
 * inherits another's warm or crowded heap; a round is every step of every subject, so that ratios are of the
 * same minutes.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { ROOT } from "../../test/support/runtimes.mjs";
import { machine, whole, words } from "../common/driver.ts";
import { shownRate } from "../common/figures.ts";
import { RECORDS_END } from "../common/records.ts";
import { shown, standings } from "./goals.ts";
import { type Costs, type Job, type Line, RECORDS, type Step } from "./job.ts";
import { party } from "./party.ts";
import { BASELINE, type Entrant, entrants, processesOf, STEPS, WORDS } from "./plan.ts";
import { RedisServer } from "./redis_server.ts";
import { handoverTable, misses, section, shownHandovers, table, withSection } from "./report.ts";

const RESULTS = join(ROOT, "bench/results");
const LINES_FILE = join(RESULTS, "cluster.jsonl");
const MACHINE_FILE = join(RESULTS, "cluster_machine.txt");
const USAGE = `npm run bench -- cluster [options]
  --rounds N        rounds; medians are over them (3)
  --n RECORDS       records of the data set, below ${RECORDS_END} (${RECORDS})
  --ms MS           length of a timed loop (800)
  --only WORDS      of ${WORDS.join(",")}, the last two for one runtime; ${BASELINE} always runs
  --steps WORDS     of ${STEPS.join(",")}; ratios of count (W6) are to what one found
  --directory PATH  where databases are made and removed; on the disk to be measured (scratch/bench_cluster)
  --json            JSON lines and nothing else
  --goals           result lines of npm run show, at the end
  --save            keep lines and the tables of README
  --report          the same from the lines kept, without running anything`;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    n: { type: "string", default: String(RECORDS) },
    ms: { type: "string", default: "800" },
    only: { type: "string", default: "" },
    steps: { type: "string", default: "" },
    directory: { type: "string", default: join(ROOT, "scratch/bench_cluster") },
    json: { type: "boolean", default: false },
    goals: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (options.help) console.log(USAGE);
else if (options.report) report();
else process.exitCode = await measure();

function report(): void {
  const lines = readFileSync(LINES_FILE, "utf8").split("\n").filter((text) => text !== "").map((text) =>
    JSON.parse(text) as Line
  );
  print(lines);
  save(lines, readFileSync(MACHINE_FILE, "utf8").trim());
}

async function measure(): Promise<number> {
  const rounds = whole("rounds", options.rounds, [1, 1000], USAGE);
  const records = whole("n", options.n, [1000, RECORDS_END - 1], USAGE);
  const ms = whole("ms", options.ms, [1, 3_600_000], USAGE);
  const picked = words(options.steps, STEPS, USAGE);
  const steps = picked.length === 0 ? STEPS : STEPS.filter((step) => picked.includes(step));
  const all = entrants(words(options.only, WORDS, USAGE));
  const lines: Line[] = [];
  let isWhole = true;
  const turn = async (entrant: Entrant, step: Step, round: number): Promise<void> => {
    if (entrant.steps.includes(step)) {
      isWhole = await one(entrant, { step, records, ms, round }, lines) && isWhole;
    }
  };
  mkdirSync(options.directory, { recursive: true });
  const redis = all.find((entrant) => entrant.word === "redis");
  const server = redis && await RedisServer.start(directoryOf(redis));
  try {
    for (const entrant of all) await turn(entrant, "load", 0);
    for (let round = 1; round <= rounds; round++) {
      for (const step of steps) for (const entrant of all) await turn(entrant, step, round);
    }
  } finally {
    await server?.stop();
    rmSync(options.directory, { recursive: true, force: true });
  }
  if (!options.json) print(lines);
  if (options.goals) {
    const results = [...standings(lines).map(shown), ...shownHandovers(lines)];
    for (const it of results) console.log(`@@${JSON.stringify(it)}`);
  }
  if (options.save) save(lines, machine(records, ms));
  return isWhole ? 0 : 1;
}

interface Turn {
  readonly step: Step;
  readonly records: number;
  readonly ms: number;
  readonly round: number;
}

function directoryOf({ home }: Entrant): string {
  return join(options.directory, home);
}

/** One step of one entrant; false when one of its processes failed. */
async function one(entrant: Entrant, turn: Turn, lines: Line[]): Promise<boolean> {
  const { subject, runtime, shown, mount } = entrant;
  const { step, records, ms, round } = turn;
  const parts = processesOf(step);
  const directory = directoryOf(entrant);
  const jobs = Array.from({ length: parts }, (_, part): Job => {
    const facts = { subject, runtime, step, part, parts, records, ms, directory };
    return mount === undefined ? facts : { ...facts, mount };
  });
  const { figures, troubles } = await party(jobs);
  for (const figure of figures) {
    const line: Line = { round, runtime: shown, subject, ...figure };
    lines.push(line);
    if (options.json) console.log(JSON.stringify(rounded(line)));
  }
  if (!options.json) {
    const uneven = (share: number): string => share > 0.5 ? "" : ` (slower ${Math.round(share * 100)} %)`;
    const rates = figures.map(({ workload, rate, share }) => `${workload} ${shownRate(rate)}${uneven(share)}`)
      .join("; ");
    console.log(`round ${round} ${step} ${subject} (${shown}): ${rates}`);
  }
  for (const trouble of troubles) console.error(`${subject} (${shown}) ${step}: ${trouble}`);
  return !troubles.some((trouble) => trouble.startsWith("process") || trouble.startsWith("took"));
}

function rounded(line: Line): Line {
  const short = (x: number): number => +x.toPrecision(5);
  const { costs } = line;
  const own = { ...line, rate: short(line.rate), share: short(line.share) };
  if (costs === undefined) return own;
  const shortCosts: Costs = {
    transfers: short(costs.transfers),
    messages: short(costs.messages),
    syncs: short(costs.syncs),
  };
  return { ...own, costs: shortCosts };
}

function print(lines: readonly Line[]): void {
  console.log(`\n${table(lines)}\n\nWhat an operation costs among members:\n\n${handoverTable(lines)}`);
  const missed = misses(lines);
  if (missed.length > 0) console.log(`\nBelow the goals:\n${missed.map((text) => `  ${text}`).join("\n")}`);
}

function save(lines: readonly Line[], machine: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(LINES_FILE, lines.map((line) => JSON.stringify(rounded(line)) + "\n").join(""));
  writeFileSync(MACHINE_FILE, machine + "\n");
  const readme = join(ROOT, "README.md");
  writeFileSync(readme, withSection(readFileSync(readme, "utf8"), section(lines, machine)));
}
