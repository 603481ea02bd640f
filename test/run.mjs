// `npm test`: the gates, then every test once under Deno and once under Bun; the last line is the sum of all.
//
//   node test/run.mjs [substring] [--deno | --bun] [--gates-only | --tests-only] [--serial]
//
// A substring picks test files by path (then gates are left out) or, with --gates-only, gates by name.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runGates } from "./support/gates.mjs";
import { findTests, runTests } from "./support/suite.mjs";

const FLAGS = ["--deno", "--bun", "--gates-only", "--tests-only", "--serial"];
const args = process.argv.slice(2);
const flags = new Set(args.filter((arg) => arg.startsWith("--")));
const words = args.filter((arg) => !arg.startsWith("--"));
const unknown = [...flags].filter((flag) => !FLAGS.includes(flag));
if (unknown.length > 0 || words.length > 1) {
  console.error(`usage: node test/run.mjs [substring] [${FLAGS.join("] [")}]`);
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), "cohort-test-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

const filter = words[0] ?? "";
const parts = [];
if (!flags.has("--tests-only") && (filter === "" || flags.has("--gates-only"))) {
  parts.push(await runGates(flags.has("--gates-only") ? filter : "", scratch));
}
if (!flags.has("--gates-only")) parts.push(...await runSuites());

console.log("");
for (const part of parts) for (const line of part.told ?? []) console.log(`${part.name} ! ${line}`);
for (const part of parts) {
  console.log(`${part.name}: ${part.passed} passed, ${part.failed} failed (${part.seconds.toFixed(1)} s)`);
}
const passed = parts.reduce((sum, part) => sum + part.passed, 0);
const failed = parts.reduce((sum, part) => sum + part.failed, 0);
if (passed + failed === 0) console.log(`Nothing ran: no test or gate matches ${JSON.stringify(filter)}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

/** Both runtimes side by side (one core each) unless told otherwise. */
async function runSuites() {
  const files = findTests(filter);
  if (files.length === 0) return [];
  const both = !flags.has("--deno") && !flags.has("--bun");
  const runtimes = ["deno", "bun"].filter((runtime) => both || flags.has(`--${runtime}`));
  const options = { files, scratch, prefix: runtimes.length > 1 && !flags.has("--serial") };
  if (options.prefix) return await Promise.all(runtimes.map((runtime) => runTests(runtime, options)));
  const results = [];
  for (const runtime of runtimes) results.push(await runTests(runtime, options));
  return results;
}
