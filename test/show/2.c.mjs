// 2.c: fail-over to the first write on a survivor; the plays are in test/failover/show.ts, whose members are
// of both runtimes at once.
//
//   node test/show/2.c.mjs [--kills N] [--stops N] [--full]
//                          [--only crash | silent | tuned | backlog | many | leave | calm]
import process from "node:process";
import { run } from "../support/process.mjs";
import { scriptCommand } from "../support/runtimes.mjs";

const rest = process.argv.slice(2).filter((arg) => arg !== "--deno+bun");
const command = scriptCommand("deno", "test/failover/show.ts", rest);
process.exitCode = await run(command, { timeoutMs: 3_600_000 });
