// 2.b: real clusters of both runtimes, killed, stopped, cut and started over and over. A fresh minute now,
// and the sums of the recorded campaigns of `npm run chaos -- --record` in test/campaigns.jsonl.
//
//     -- [--minutes N]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../support/process.mjs";
import { ROOT } from "../support/runtimes.mjs";

/** What is asked of all campaigns together, and of the operations in a second of each round at the median. */
const ASKED = { kills: 200, stops: 100, wholeKills: 30, partitions: 50 };
const PER_SECOND = 1_000;

const at = process.argv.indexOf("--minutes");
const minutes = at < 0 ? "1" : process.argv[at + 1];
const seed = String(Date.now() % 1_000_000_000);
let fresh;
const sink = (text) => {
  console.log(text);
  if (text.startsWith('{"name":"chaos"')) fresh = JSON.parse(text);
};
const code = await run(["node", "test/chaos.mjs", "--minutes", minutes, "--seed", seed], {
  sink,
  timeoutMs: 3_600_000,
});

const campaigns = readFileSync(join(ROOT, "test/campaigns.jsonl"), "utf8").trim().split("\n")
  .map((text) => JSON.parse(text)).filter(({ name }) => name === "chaos");
const sum = (of) => campaigns.reduce((all, it) => all + (it[of] ?? 0), 0);
const open = campaigns.filter(({ mended }) => mended !== true).reduce((all, it) => all + it.failures, 0);
const short = Object.entries(ASKED).filter(([of, least]) => sum(of) < least)
  .map(([of, least]) => `${sum(of)} of ${least} ${of}`);
if (open > 0) short.push(`${open} failures open`);
if (code !== 0 || fresh === undefined) short.push("the fresh run failed");
else if (fresh.perSecond < PER_SECOND) short.push(`${fresh.perSecond} of ${PER_SECOND} operations a second`);
for (const text of short) console.log(`short: ${text}`);
const result =
  `${campaigns.length} campaigns: ${sum("kills")} SIGKILL, ${sum("stops")} SIGSTOP past the lease, ` +
  `${sum("wholeKills")} kills of the whole cluster, ${sum("partitions")} partitions, ${sum("operations")} ` +
  `operations: ${open} lost, zombie or wrong; now, seed ${seed}: ${fresh?.operations} operations at ` +
  `${fresh?.perSecond}/s, ${fresh?.kills} kills, ${fresh?.failures} failures${
    short.length ? `; short: ${short}` : ""
  }`;
const control = "the judge finds each of seven kinds of planted wrong history (test/chaos/judge_test.ts)";
console.log(`@@${JSON.stringify({ runtime: "deno+bun", result, control, ok: short.length === 0 })}`);
process.exitCode = short.length === 0 ? 0 : 1;
