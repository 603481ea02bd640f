// `npm run sim`: runs seeds of the simulator in child processes, so that a seed that hangs is a seed that
// fails.
//
//   node test/sim.mjs [--seeds N] [--seed S] [--tier full | micro | rot | cluster | churn | leave | crowd]
//                     [--minutes M] [--trace] [--quiet] [--runtime deno | bun | both] [--jobs J] [--no-keep]
//   node test/sim.mjs --campaign | --coverage | --planted …    see test/sim/{campaign,coverage,planted}.mjs
//
// Without --seed the first seed is drawn from the time and printed. `both` runs every seed on both runtimes
// and compares their hashes. A failing seed is kept in test/sim/seeds/ and from then on run by `npm test`.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT, scriptCommand } from "./support/runtimes.mjs";

const HANG_MS = 180_000;
const args = process.argv.slice(2);
const play = ["campaign", "coverage", "planted"].find((name) => args.includes(`--${name}`));
if (play !== undefined) {
  await import(`./sim/${play}.mjs`);
  process.exit();
}
const VALUED = ["seeds", "seed", "tier", "minutes", "runtime", "jobs"];
const PLAIN = ["trace", "quiet", "no-keep"];
const flags = readFlags();
const first = Number(flags.seed ?? Math.floor(Date.now() / 1000) * 10_000);
const count = Number(flags.seeds ?? 1);
const tier = flags.tier ?? "full";
const runtimes = flags.runtime === "both" ? ["deno", "bun"] : [flags.runtime ?? "bun"];
const jobs = Number(flags.jobs ?? 1);
const until = Date.now() + Number(flags.minutes ?? Infinity) * 60_000;
const failures = new Map();
const hashes = new Map();
let ran = 0;
const started = Date.now();

console.log(`${tier} tier, seeds ${first} to ${first + count - 1} on ${runtimes.join(" and ")}`);
const queue = [];
for (const runtime of runtimes) {
  const share = Math.ceil(count / jobs);
  for (let i = 0; i < jobs; i++) {
    const from = first + i * share;
    if (from < first + count) queue.push(runRange(runtime, from, Math.min(share, first + count - from)));
  }
}
await Promise.all(queue);
for (const [seed, found] of hashes) {
  if (new Set(found.values()).size > 1) fail(seed, `hashes differ: ${JSON.stringify([...found])}`);
}
if (flags["no-keep"] === undefined) keep();
const seconds = (Date.now() - started) / 1000;
console.log(`${ran} runs, ${failures.size} seeds failed, ${seconds.toFixed(1)} s`);
process.exit(failures.size > 0 ? 1 : 0);

function readFlags() {
  const found = {};
  for (let i = 0; i < args.length; i++) {
    const name = args[i].replace(/^--/, "");
    if (PLAIN.includes(name)) found[name] = true;
    else if (VALUED.includes(name) && i + 1 < args.length) found[name] = args[++i];
    else {
      console.error(
        `usage: npm run sim -- ${VALUED.map((it) => `[--${it} …]`).join(" ")} [--${PLAIN.join("] [--")}]`,
      );
      process.exit(2);
    }
  }
  return found;
}

/** Runs seeds one after the other in one child; after a hang in another. */
async function runRange(runtime, from, seeds) {
  let at = from;
  while (at < from + seeds && Date.now() < until) {
    const next = await runChild(runtime, at, from + seeds - at);
    if (next === undefined) return;
    at = next;
  }
}

/**
 * Resolves to the seed to go on with after a hang or a crash of the child; undefined when it came to the end.
 */
function runChild(runtime, from, seeds) {
  const minutes = (until - Date.now()) / 60_000;
  const [file, ...rest] = scriptCommand(runtime, "test/sim/run.ts", [
    ...["--seed", String(from), "--seeds", String(seeds), "--tier", tier, "--told"],
    ...(Number.isFinite(minutes) ? ["--minutes", String(Math.max(1, Math.ceil(minutes)))] : []),
    ...(flags.trace ? ["--trace"] : []),
    ...(flags.quiet ? ["--quiet"] : []),
  ]);
  const child = spawn(file, rest, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve) => {
    let running;
    let ended = false;
    let timer;
    const hung = () => {
      fail(running, `${runtime} did nothing for ${HANG_MS / 1000} s: hung`);
      child.kill("SIGKILL");
    };
    const hear = (line) => {
      if (line.startsWith("@start ")) {
        running = Number(line.slice(7));
        clearTimeout(timer);
        timer = setTimeout(hung, HANG_MS);
      } else if (line.startsWith("@end ")) {
        const [, seed, hash, verdict] = line.split(" ");
        ran++;
        if (!hashes.has(Number(seed))) hashes.set(Number(seed), new Map());
        hashes.get(Number(seed)).set(runtime, hash);
        if (verdict !== "ok") fail(Number(seed), "");
        running = undefined;
      } else if (line.startsWith("@problem ")) return;
      else if (line === "@done") ended = true;
      else console.log(line);
    };
    createInterface({ input: child.stdout }).on("line", hear);
    createInterface({ input: child.stderr }).on("line", (line) => console.error(line));
    child.on("close", (code) => {
      clearTimeout(timer);
      if (!ended && running !== undefined && !failures.has(running)) {
        fail(running, `${runtime} ended with code ${code}`);
      }
      resolve(ended || running === undefined ? undefined : running + 1);
    });
  });
}

function fail(seed, why) {
  if (why !== "") {
    console.log(`\nFAILED seed ${seed}: ${why}\n  again: npm run sim -- --seed ${seed} --tier ${tier}`);
  }
  failures.set(seed, why);
}

/** Failing seeds become regression seeds. */
function keep() {
  if (failures.size === 0) return;
  const path = join(ROOT, `test/sim/seeds/${tier}.json`);
  const kept = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : [];
  for (const [seed, why] of failures) {
    if (!kept.some((it) => it.seed === seed)) kept.push({ seed, note: why });
  }
  kept.sort((a, b) => a.seed - b.seed);
  writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`);
}
