// 1.d: real processes; the plays are in test/process/crash/show.ts, which runs under each runtime. (A script
// of the name
// `1.d.ts` would be taken for a file of declarations.)
//
//   node test/show/1.d.mjs [--deno] [--bun] [--kills N] [--seed N] [--record]
import process from "node:process";
import { run } from "../support/process.mjs";
import { scriptCommand } from "../support/runtimes.mjs";

const args = process.argv.slice(2);
const both = ["deno", "bun"];
const asked = both.filter((runtime) => args.includes(`--${runtime}`));
const rest = args.filter((arg) => arg !== "--deno" && arg !== "--bun");
let failed = 0;
for (const runtime of asked.length > 0 ? asked : both) {
  const command = scriptCommand(runtime, "test/process/crash/show.ts", rest);
  if (await run(command, { timeoutMs: 3_600_000 }) !== 0) failed++;
}
process.exitCode = failed > 0 ? 1 : 0;
