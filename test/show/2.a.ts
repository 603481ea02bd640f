/**
 * 2.a: messages of every operation, those that somebody waits for and those that nobody does, over simulated
 * networks that lose and reorder; `--seeds N` (20 by default). Control: a member that asks for a block to
 * read and then to change must be seen to cost more.
 */
import process from "node:process";
import { type CostRow, excessOf, measureCosts } from "../buffer/block_cost.ts";
import { nativeDrain } from "../sim/drain.ts";

const WHAT = "a hit 0, one holder 3 with the image, 2 for or from the keeper, a dirty one a sync more, " +
  "exclusive over k sharers 2 + 2k, one member alone 0, of what it never had, too";
const at = process.argv.indexOf("--seeds");
const seeds = at < 0 ? 20 : Number(process.argv[at + 1]);
const wrong: string[] = [];
let shown: readonly CostRow[] = [];
for (let seed = 1; seed <= seeds; seed++) {
  const { rows, problems } = await measureCosts(seed, await nativeDrain());
  wrong.push(...problems, ...rows.map(excessOf).filter((it) => it !== undefined));
  shown = rows;
}
console.log(`${"operation".padEnd(52)}   critical background  transfers      syncs`);
for (const { what, critical, background, transfers, syncs } of shown) {
  const columns = [critical, background, transfers, syncs].map((it, i) =>
    String(it).padStart([8, 11, 10, 6][i]!)
  );
  console.log(`${what.padEnd(52)} ${columns.join(" ")}`);
}
for (const text of wrong) console.error(text);
const { rows } = await measureCosts(1, await nativeDrain(), true);
const noticed = rows.some((row) => excessOf(row) !== undefined);
console.log(
  "@@" + JSON.stringify({
    result: `${shown.length} operations, ${seeds} seeds: ${wrong.length} cost other than they must; ${WHAT}`,
    control: noticed ? "a block asked for twice is noticed" : "a block asked for twice is NOT noticed",
    ok: wrong.length === 0 && noticed && shown.length === 14,
  }),
);
