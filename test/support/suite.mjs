// Runs the test files under one runtime and counts what its JUnit report says.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, runtimePath } from "./runtimes.mjs";
import { run } from "./process.mjs";
import { countReport, failuresIn } from "./reports.mjs";

/** A suite that takes longer than this is stuck (a busy loop outlives the deadlines inside). */
const SUITE_MS_MAX = Number(process.env.COHORT_SUITE_MS ?? (process.env.CI === "true" ? 40 : 20) * 60_000);

/** All `test/**\/*_test.ts` whose path contains `filter`, sorted, relative to the root. */
export function findTests(filter) {
  return readdirSync(join(ROOT, "test"), { recursive: true })
    .map((name) => `test/${name}`.replaceAll("\\", "/"))
    .filter((name) => name.endsWith("_test.ts") && name.includes(filter))
    .sort();
}

/** Command line of one runtime over these files. */
function command(runtime, files, report) {
  if (runtime === "deno") {
    return [runtimePath("deno"), "test", "-A", "--no-check", `--junit-path=${report}`, ...files];
  }
  const paths = files.map((file) => `./${file}`);
  return [runtimePath("bun"), "test", "--reporter=junit", `--reporter-outfile=${report}`, ...paths];
}

/** Runs `files`; resolves to `{name, passed, failed, seconds}`. */
export async function runTests(runtime, { files, scratch, prefix }) {
  const report = join(scratch, `${runtime}.xml`);
  const started = performance.now();
  const before = prefix ? runtime.padEnd(4) + " | " : "";
  const troubles = failuresIn(runtime);
  const code = await run(command(runtime, files, report), {
    sink: (line) => {
      process.stdout.write(`${before}${line}\n`);
      troubles.hear(line);
    },
    timeoutMs: SUITE_MS_MAX,
  });
  const counts = existsSync(report) ? countReport(readFileSync(report, "utf8")) : { passed: 0, failed: 0 };
  // A file that does not load, or a leak after the last test, shows in the exit code alone.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  const told = counts.failed > 0 ? troubles.told() : [];
  return { name: runtime, ...counts, seconds: (performance.now() - started) / 1000, told };
}
