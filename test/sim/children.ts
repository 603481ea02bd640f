/** Parts of the simulator's share that run in other processes: hashes of the other runtime, planted bugs. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { run } from "../support/process.mjs";
import { scriptCommand } from "../support/runtimes.mjs";
import { PLANTS } from "./planted.ts";
import { runShare, RUNTIME, seedsFrom, type Tier } from "./share.ts";

const TIMEOUT_MS = 3 * 3_600_000;

/**
 * Runs seeds on the other runtime, and here where their hashes are not `known`; resolves to what differs
 * or failed.
 */
export async function compareHashes(
  first: number,
  count: number,
  known: ReadonlyMap<number, string> = new Map(),
  tier: Tier = "full",
): Promise<string[]> {
  const other = RUNTIME === "deno" ? "bun" : "deno";
  const theirs = new Map<number, string>();
  const lines: string[] = [];
  const flags = ["--seed", `${first}`, "--seeds", `${count}`, "--tier", tier, "--told", "--quiet"];
  const sink = (line: string) => {
    const [word, seed, hash = ""] = line.split(" ");
    if (word === "@end") theirs.set(Number(seed), hash);
    else if (!line.startsWith("@")) lines.push(line);
  };
  const code = await run(scriptCommand(other, "test/sim/run.ts", flags), { sink, timeoutMs: TIMEOUT_MS });
  const seeds = [...seedsFrom(first, count)];
  const { hashes, failures } = await runShare(tier, seeds.filter((seed) => !known.has(seed)));
  const found = code === 0 ? [...failures] : [...failures, `${other} ended with code ${code}`, ...lines];
  for (const seed of seeds) {
    const hash = known.get(seed) ?? hashes.get(seed);
    if (theirs.get(seed) !== hash) {
      found.push(`seed ${seed}: ${hash} on ${RUNTIME}, ${theirs.get(seed)} on ${other}`);
    }
  }
  return found;
}

/**
 * The plants that this runtime looks for: those found within two seeds, shared by both; `--planted` looks for
 * all.
 */
export function plantsHere(): string[] {
  const table = readFileSync(new URL("planted.tsv", import.meta.url), "utf8").split("\n").slice(1);
  const quick = new Set(
    table.map((row) => row.split("\t")).filter(([, seeds]) => Number(seeds) <= 2).map(([id]) => id),
  );
  const mine = PLANTS.filter((_, i) => i % 2 === (RUNTIME === "deno" ? 0 : 1)).map(({ id }) => id);
  return mine.filter((id) => quick.has(id));
}

/** Plants some bugs, one by one, and lets the simulator look for them: a line for each. */
export async function huntPlanted(ids: readonly string[]): Promise<{ allFound: boolean; lines: string[] }> {
  const lines: string[] = [];
  const sink = (line: string) => {
    lines.push(line);
    process.stdout.write(`sim: planted ${line}\n`);
  };
  const command = scriptCommand(RUNTIME, "test/sim/planted_run.ts", ids);
  return { allFound: await run(command, { sink, timeoutMs: TIMEOUT_MS }) === 0, lines };
}
