// `npm run bench -- engine [options]`: rates of the engine and of its peers, in the same run.
//
// The driver and its workers are TypeScript; this file only finds a runtime for the driver.
import { run } from "../test/support/process.mjs";
import { scriptCommand } from "../test/support/runtimes.mjs";

const [suite, ...options] = process.argv.slice(2);
if (suite !== "engine") {
  console.error("usage: npm run bench -- engine [options]; npm run bench -- engine --help lists them");
  process.exit(2);
}
process.exitCode = await run(scriptCommand("deno", "bench/engine/main.ts", options), {
  timeoutMs: 24 * 3_600_000,
});
