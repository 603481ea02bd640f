// Campaigns of bad inputs for the decoders (test/fuzz/), in child processes, so that an input that hangs
// fails.
//
//   node test/fuzz.mjs [--set stored | frames] [--inputs N] [--seed S] [--runtime deno | bun | both]
//                      [--record NAME]
//   node test/fuzz.mjs [--set …] --replay SEED:INPUT [--runtime deno | bun]
//
// `stored` are bytes and texts that are read from files, `frames` what members send each other.
// `both` gives each runtime half of the inputs, side by side. `--record` adds a line to test/campaigns.jsonl.
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./support/process.mjs";
import { ROOT, scriptCommand } from "./support/runtimes.mjs";

/** Inputs of one child process. */
const SHARE = 250_000;
/** A share that takes longer hangs; one takes half a minute. */
const SHARE_MS_MAX = 15 * 60_000;
const VALUED = ["set", "inputs", "seed", "runtime", "record", "replay"];

const flags = readFlags(process.argv.slice(2));
const set = ["--set", flags.set ?? "stored"];
const runtimes = flags.runtime === "both" || flags.runtime === undefined ? ["deno", "bun"] : [flags.runtime];
if (flags.replay !== undefined) {
  const command = scriptCommand(runtimes[0], "test/fuzz/run.ts", [...set, "--replay", flags.replay]);
  process.exit(await run(command, { timeoutMs: SHARE_MS_MAX }));
}

const inputs = Number(flags.inputs ?? SHARE);
const seed = Number(flags.seed ?? Math.floor(Date.now() / 1000));
const started = Date.now();
const each = Math.ceil(inputs / runtimes.length);
const sums = await Promise.all(
  runtimes.map((runtime, i) => campaign(runtime, i * each, Math.min(inputs, (i + 1) * each))),
);
const failures = sums.flatMap((it) => it.failures);
const hours = Number(((Date.now() - started) / 3_600_000).toFixed(3));
const ran = sums.reduce((sum, it) => sum + it.inputs, 0);
console.log(`seed ${seed}: ${ran} inputs, ${failures.length} failures, ${hours} h`);
if (flags.record !== undefined) record();
process.exit(failures.length > 0 || ran < inputs ? 1 : 0);

/** Inputs `[from, to)` under one runtime, share after share. */
async function campaign(runtime, from, to) {
  const sum = { runtime, inputs: 0, failures: [] };
  for (let at = from; at < to; at += SHARE) {
    const end = Math.min(to, at + SHARE);
    const args = [...set, "--seed", `${seed}`, "--from", `${at}`, "--to", `${end}`];
    let report;
    const sink = (line) => {
      if (line.startsWith("@@")) report = JSON.parse(line.slice(2));
      else console.log(`${runtime} | ${line}`);
    };
    const code = await run(scriptCommand(runtime, "test/fuzz/run.ts", args), {
      sink,
      timeoutMs: SHARE_MS_MAX,
    });
    if (report === undefined) {
      const problem = `the share ended with code ${code}`;
      report = { inputs: 0, failures: [{ replay: `${seed}:${at}…${end}`, target: "?", problem }] };
    }
    sum.inputs += report.inputs;
    sum.failures.push(...report.failures);
    for (const { replay, target, problem } of report.failures) {
      console.log(
        `FAILED ${target}: ${problem}\n  node test/fuzz.mjs ${
          set.join(" ")
        } --runtime ${runtime} --replay ${replay}`,
      );
    }
    if (report.seconds === undefined) continue;
    const { inputs, seconds, slowestMs, grownBytes } = report;
    const grown = `+${Math.round(grownBytes / 2 ** 20)} MiB`;
    console.log(
      `${runtime} | ${end}: ${Math.round(inputs / seconds)}/s, slowest ${slowestMs.toFixed(0)} ms, ${grown}`,
    );
  }
  return sum;
}

/** Adds what was done to the recorded campaigns. */
function record() {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" })
    .trim();
  for (const { runtime, inputs, failures } of sums) {
    const line = { name: flags.record, commit, runtime, seed, inputs, hours, failures: failures.length };
    appendFileSync(join(ROOT, "test/campaigns.jsonl"), JSON.stringify(line) + "\n");
  }
}

function readFlags(args) {
  const found = {};
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i].replace(/^--/, "");
    if (!VALUED.includes(name) || args[i + 1] === undefined) {
      console.error(`usage: node test/fuzz.mjs ${VALUED.map((it) => `[--${it} …]`).join(" ")}`);
      process.exit(2);
    }
    found[name] = args[i + 1];
  }
  return found;
}
