// `npm run sim -- --coverage [--seeds N] [--micro N] [--seed S]`: how much of the engine the simulator runs.
//
// Runs some seeds of both tiers on Deno with coverage, and prints the part of the lines of each floor that
// ran. A file that no simulated node ever loads (tools that read and write text) is named and not counted.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/process.mjs";
import { ROOT, runtimePath } from "../support/runtimes.mjs";

const FLOORS = ["ground", "storage", "buffer", "global", "node"];
const WANTED = 85;

const number = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const seed = number("seed", Math.floor(Date.now() / 1000) * 1000);
const scratch = mkdtempSync(join(tmpdir(), "cohort-coverage-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

for (const [tier, seeds] of [["full", number("seeds", 12)], ["micro", number("micro", 6)]]) {
  const flags = ["run", "-A", "--no-check", `--coverage=${scratch}/${tier}`, "test/sim/run.ts"];
  const args = ["--seed", `${seed}`, "--seeds", `${seeds}`, "--tier", tier, "--quiet"];
  const code = await run([runtimePath("deno"), ...flags, ...args], { timeoutMs: 3_600_000 });
  if (code !== 0) process.exitCode = 1;
}
const lcov = execFileSync(
  runtimePath("deno"),
  ["coverage", "--lcov", ...["full", "micro"].map((tier) => `${scratch}/${tier}`)],
  { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] },
);
const sums = new Map(FLOORS.map((floor) => [floor, { lines: 0, ran: 0 }]));
const files = linesOf(lcov);
const unused = [];
for (const floor of FLOORS) {
  const sum = sums.get(floor);
  for (const name of readdirSync(join(ROOT, "src", floor)).filter((it) => it.endsWith(".ts"))) {
    const found = files.get(join(ROOT, "src", floor, name));
    if (found === undefined) unused.push(`${floor}/${name}`);
    else {
      sum.lines += found.lines;
      sum.ran += found.ran;
    }
  }
  console.log(`coverage src/${floor}: ${percent(sum)} of ${sum.lines} lines`);
}
const all = [...sums.values()].reduce((a, b) => ({ lines: a.lines + b.lines, ran: a.ran + b.ran }));
console.log(`never loaded, or types only: ${unused.join(" ")}`);
console.log(`coverage engine: ${percent(all)} of ${all.lines} lines, wanted ${WANTED} %`);
if (100 * all.ran < WANTED * all.lines) process.exitCode = 1;

function percent({ lines, ran }) {
  return `${(100 * ran / Math.max(1, lines)).toFixed(1)} %`;
}

/** Lines and lines that ran, by path. */
function linesOf(text) {
  const found = new Map();
  let path = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("SF:")) path = line.slice(3);
    else if (line.startsWith("DA:")) {
      const sum = found.get(path) ?? { lines: 0, ran: 0 };
      sum.lines++;
      if (Number(line.slice(line.indexOf(",") + 1)) > 0) sum.ran++;
      found.set(path, sum);
    }
  }
  return found;
}
