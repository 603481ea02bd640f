// `npm run sim -- --planted [ID …] [--runtime deno | bun]`: plants the bugs of test/sim/planted.ts one by one
// and lets the simulator look for each.
import { run } from "../support/process.mjs";
import { scriptCommand } from "../support/runtimes.mjs";

const args = process.argv.slice(2).filter((arg) => arg !== "--planted");
const at = args.indexOf("--runtime");
const runtime = at < 0 ? "bun" : args.splice(at, 2)[1];
process.exitCode = await run(scriptCommand(runtime, "test/sim/planted_run.ts", args), {
  timeoutMs: 6 * 3_600_000,
});
