// `npm run chaos -- --minutes M [--seed S] [--members N] [--record]`: real processes of one cluster, killed,
// stopped and started over and over; the driver is test/chaos/main.ts.
import process from "node:process";
import { run } from "./support/process.mjs";
import { scriptCommand } from "./support/runtimes.mjs";

const command = scriptCommand("deno", "test/chaos/main.ts", process.argv.slice(2));
process.exitCode = await run(command, { timeoutMs: 24 * 3_600_000 });
