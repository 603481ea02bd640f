// 2.f: one and two members of a cluster, with peers in the same run, medians of at least five rounds, on both
// runtimes.
//
// Runs the bench once and passes its result lines on: one a goal, met or missed, a miss with what the profile
// says of it. Arguments behind `--` go to the bench, say `-- --rounds 7 --save`.
import { run } from "../support/process.mjs";
import { scriptCommand } from "../support/runtimes.mjs";

const args = process.argv.slice(2);
const runtimes = ["deno", "bun"].filter((runtime) => args.includes(`--${runtime}`));
const rest = args.filter((arg) => arg !== "--deno" && arg !== "--bun");
const rounds = rest.includes("--rounds") ? [] : ["--rounds", "5"];
const command = scriptCommand("deno", "bench/cluster/main.ts", ["--goals", ...rounds, ...rest]);
const sink = (line) => {
  if (!line.startsWith("@@")) return console.log(line);
  if (runtimes.length === 0 || runtimes.includes(JSON.parse(line.slice(2)).runtime)) console.log(line);
};
process.exitCode = await run(command, { sink, timeoutMs: 24 * 3_600_000 });
