/**
 * 1.b: generated operations give GT.M's answers: set, kill, zkill, get, data, order and query both ways,
 * merge, increment and transactions, in M mode and in UTF-8 mode; every answer is compared, and every node
 * after each 2,500 operations. What differs by a rule of ARCHITECTURE ("Where we differ from M") is counted
 * by that rule.
 *
 * Arguments: `--operations N` (60,000 a mode by default), `--seed N` (drawn by default; printed). Control:
 * each lie of test/gtm/differential/lies.ts, a few wrong answers or deeds in a run, must be noticed.
 */
import process from "node:process";
import { LIES } from "../gtm/differential/lies.ts";
import { describeDifferential, type DifferentialReport, runDifferential } from "../gtm/differential/run.ts";

const OPERATIONS_MIN = 100_000;
const LIE_OPERATIONS = 10_000;

function argument(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

async function run(...[options]: Parameters<typeof runDifferential>): Promise<DifferentialReport> {
  const report = await runDifferential(options);
  if (report !== undefined) return report;
  console.error("There is nothing to compare with: GT.M is not installed (Debian and Ubuntu: fis-gtm)");
  process.exit(2);
}

const operations = argument("--operations", 60_000);
const seed = argument("--seed", Math.floor(performance.timeOrigin / 1000));
const reports: DifferentialReport[] = [];
for (const mode of ["M", "UTF-8"] as const) {
  const report = await run({ mode, seed, operations });
  console.log(describeDifferential(report).join("\n"));
  reports.push(report);
}
let noticed = 0;
for (const lie of LIES) {
  const { differences } = await run({ mode: "M", seed, operations: LIE_OPERATIONS, lie });
  if (differences.length > 0) noticed++;
  console.log(`lie: ${lie.what}: ${differences[0] ?? "NOT NOTICED"}`);
}

const sum = (count: (report: DifferentialReport) => number): number =>
  reports.reduce((all, report) => all + count(report), 0);
const compared = sum((it) => it.operations), unexplained = sum((it) => it.differences.length);
const byRule = sum((it) => [...it.deviations.values()].reduce((all, count) => all + count, 0));
const rules = new Set(reports.flatMap((it) => [...it.deviations.keys()])).size;
console.log(
  "@@" + JSON.stringify({
    result:
      `${compared} operations in M and UTF-8 mode, seed ${seed}: ${unexplained} unexplained differences, ` +
      `${byRule} by ${rules} rules, ${sum((it) => it.refused)} refused by both; ${
        sum((it) => it.nodes)
      } nodes ` +
      `compared in walks`,
    control: `${noticed} of ${LIES.length} lies noticed`,
    ok: unexplained === 0 && noticed === LIES.length && compared >= OPERATIONS_MIN,
  }),
);
