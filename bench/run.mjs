// `npm run bench -- engine [options]`: rates of the engine and of its peers, in the same run.
// `npm run bench -- cluster [options]`: the same of one and of two members of a cluster.
//
// The driver and its workers are TypeScript; this file only finds a runtime for the driver.
import { run } from "../test/support/process.mjs";
import { scriptCommand } from "../test/support/runtimes.mjs";

const SUITES = { engine: "bench/engine/main.ts", cluster: "bench/cluster/main.ts" };

const [suite, ...options] = process.argv.slice(2);
if (SUITES[suite] === undefined) {
  console.error(
    "usage: npm run bench -- engine|cluster [options]; npm run bench -- engine --help lists them",
  );
  process.exit(2);
}
process.exitCode = await run(scriptCommand("deno", SUITES[suite], options), {
  timeoutMs: 24 * 3_600_000,
});
