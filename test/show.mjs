// `npm run show -- ID`: runs one recorded proof and writes its rows into test/shown.tsv.
//
//   node test/show.mjs ID [--deno | --bun] [-- ARGUMENTS FOR THE SCRIPT]
//
// A script prints result lines `@@{"runtime":…,"result":…,"control":…,"ok":…}`: what was measured, and what
// shows that the measurement could have failed. Rows are written only when nothing is short; exit 1 says what
// is.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./support/process.mjs";
import { ROOT, scriptCommand } from "./support/runtimes.mjs";
import { mergeRows, parseResults, shortcomings } from "./support/reports.mjs";

const BOTH = ["deno", "bun"];
/** Members of both runtimes in one cluster. */
const MIXED = ["deno+bun"];
/** What each id shows, and where it must be shown. */
const SHOWS = {
  "1.a": { title: "ZWR import and export give GT.M's own extract", runtimes: BOTH },
  "1.b": { title: "generated operations agree with GT.M", runtimes: BOTH },
  "1.c": { title: "simulator campaign, planted bugs, equal hashes", runtimes: BOTH },
  "1.d": { title: "real processes: kill -9, EIO, ENOSPC, a full disk", runtimes: BOTH },
  "1.e": { title: "the packed tarball in an empty folder", runtimes: ["deno", "bun", "node"] },
  "1.f": { title: "rates and ratios to peers in the same run", runtimes: BOTH },
  "1.g": { title: "damaged and generated input to every decoder", runtimes: BOTH },
  "2.a": { title: "messages of every operation, critical and background", runtimes: BOTH },
  "2.b": { title: "chaos: real processes killed, stopped, cut and started", runtimes: MIXED },
  "2.c": { title: "fail-over: how long the loss of members is felt", runtimes: MIXED },
  "2.d": { title: "the first program started five times at once is one cluster", runtimes: MIXED },
  "2.e": { title: "clusters in the simulator, and bad frames", runtimes: BOTH },
  "2.g": {
    title: "every refusal of every route of the admin app, by curl",
    runtimes: ["deno", "bun", "node"],
  },
  "2.f": { title: "one and two members of a cluster, and peers in the same run", runtimes: BOTH },
};
const TABLE = join(ROOT, "test/shown.tsv");
const TIMEOUT_MS = 24 * 3_600_000;

const [id, ...rest] = process.argv.slice(2);
const split = rest.indexOf("--") < 0 ? rest.length : rest.indexOf("--");
const flags = rest.slice(0, split), scriptArguments = rest.slice(split + 1);
const show = SHOWS[id];
if (show === undefined || flags.some((flag) => flag !== "--deno" && flag !== "--bun")) {
  console.error("usage: npm run show -- ID [--deno | --bun] [-- ARGUMENTS]\n");
  for (const [key, { title }] of Object.entries(SHOWS)) {
    console.error(`  ${key}  ${title}${scriptOf(key) ? "" : " (not built yet)"}`);
  }
  process.exit(2);
}
const script = scriptOf(id);
if (script === undefined) {
  console.error(`${id} is not built yet: neither test/show/${id}.ts nor test/show/${id}.mjs is there`);
  process.exit(2);
}

const runtimes = flags.length === 0 ? show.runtimes : flags.map((flag) => flag.slice(2));
// Asked before the run: a script may itself write files that are kept, as the bench does with --save.
const commit = commitName();
const { results, codes } = await runAll();
const short = shortcomings(results, codes, runtimes);
for (const { runtime, result, control } of results) {
  console.log(`${id} ${runtime}: ${result} (control: ${control})`);
}
if (short.length > 0) {
  console.error(short.map((line) => `short: ${line}`).join("\n"));
  process.exit(1);
}
const command = ["npm run show --", id, ...rest].join(" ");
const rows = results.map((it) => [id, command, commit, it.runtime, it.result, it.control]);
writeFileSync(TABLE, mergeRows(existsSync(TABLE) ? readFileSync(TABLE, "utf8") : "", id, runtimes, rows));
console.log(`${id} shown: ${rows.length} rows in test/shown.tsv`);

/** A TypeScript script runs under each runtime; an `.mjs` one runs once under Node and speaks for all. */
async function runAll() {
  const commands = script.endsWith(".mjs")
    ? [["node", [process.execPath, script, ...runtimes.map((it) => `--${it}`), ...scriptArguments]]]
    : runtimes.map((runtime) => [runtime, scriptCommand(runtime, script, scriptArguments)]);
  const results = [], codes = [];
  for (const [runtime, command] of commands) {
    const sink = (line) =>
      line.startsWith("@@") ? results.push(...parseResults(line, runtime)) : console.log(line);
    codes.push({ runtime, code: await run(command, { sink, timeoutMs: TIMEOUT_MS }) });
  }
  return { results, codes };
}

/** Path of the script of an id, from the root. */
function scriptOf(key) {
  return [`test/show/${key}.ts`, `test/show/${key}.mjs`].find((path) => existsSync(join(ROOT, path)));
}

/** Short hash of HEAD, `+dirty` when the tree holds more than that (the table itself aside). */
function commitName() {
  const git = (...args) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--", ".", ":!test/shown.tsv");
  return git("rev-parse", "--short", "HEAD") + (changed === "" ? "" : "+dirty");
}
