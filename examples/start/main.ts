/** The demonstration of `npm start`, under one runtime, in a directory that is removed at the end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { openNode } from "@cohort/db";
import { atlasIn } from "./cities.ts";
import { crash } from "./crash.ts";
import { good, grouped, heading, line, type Rate, table } from "./screen.ts";
import { ask, change, load } from "./steps.ts";

const root = mkdtempSync(`${tmpdir()}/cohort-start-`);
const cleanUp = (): void => rmSync(root, { recursive: true, force: true });
process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

/** Everything with one database in fair weather. */
async function fairWeather(): Promise<Rate[]> {
  await using node = await openNode({ dir: `${root}/node` });
  const database = await node.mount(`${root}/atlas`, { create: true });
  const atlas = atlasIn(database);
  heading("Load");
  const rates = [await load(atlas)];
  heading("Ask, in order");
  rates.push(...await ask(atlas));
  heading("Change");
  rates.push(...await change(node, atlas));
  heading("Check");
  const report = await database.check();
  if (report.problems.length > 0) throw new Error(JSON.stringify(report.problems.slice(0, 5)));
  const blocks = report.leaves + report.branches + report.valueBlocks;
  good(
    `${grouped(report.entries)} nodes in ${grouped(blocks)} blocks: every one in order, in place and whole`,
  );
  return rates;
}

const begun = performance.now();
try {
  const rates = await fairWeather();
  heading("Kill -9 in mid-commit");
  rates.push(await crash(root));
  heading("Rates");
  table(rates);
  line(`all in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
} finally {
  cleanUp();
}
