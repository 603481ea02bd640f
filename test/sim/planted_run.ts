/**
 * Plants each bug of the table in a copy of the sources and lets the simulator look for it.
 *
 *     planted_run.ts [ID …] [--list] [--table]
 *
 * A line a plant: the seeds it took and the checkers that found it. Exit code 1 when one was not found, was
 * found only by others than its checkers, or could not be planted. `--table` writes planted.tsv anew, the
 * rows of those that were looked for.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Plant } from "./plant.ts";
import { PLANTS } from "./planted.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = ["src", "adapters", "test/sim", "mod.ts", "deno.json", "tsconfig.json", "package.json"];
/** A seed that takes longer hangs, which counts as found by the check of liveness. */
const SEED_MS = 240_000;

/** What a hunt came to. */
interface Found {
  readonly seeds: number;
  readonly seed: number | undefined;
  /** Checkers that found something, with the first thing each found. */
  readonly checkers: ReadonlyMap<string, string>;
}

/** Makes a copy of the sources with the bug in it. Throws when its text is not there exactly once. */
function plantIn(plant: Plant): string {
  const tree = mkdtempSync(join(tmpdir(), "cohort-plant-"));
  for (const name of COPIED) cpSync(join(ROOT, name), join(tree, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
  for (const { file, find, replace } of plant.edits) {
    const path = join(tree, file);
    const parts = readFileSync(path, "utf8").split(find);
    if (parts.length !== 2) {
      throw new Error(`${plant.id}: its text stands ${parts.length - 1} times in ${file}`);
    }
    writeFileSync(path, parts.join(replace));
  }
  return tree;
}

/** Runs seeds in the planted tree until one fails. */
function hunt(plant: Plant, tree: string): Promise<Found> {
  const isDeno = "Deno" in globalThis;
  const script = join(tree, "test/sim/run.ts");
  const args = ["--seed", String(plant.seed), "--seeds", String(plant.seedsMax), "--tier", plant.tier];
  const runtime = isDeno ? ["run", "-A", "--no-check", script] : ["run", script];
  const child = spawn(process.execPath, [...runtime, ...args, "--told", "--quiet", "--until-failed"], {
    cwd: tree,
  });
  const checkers = new Map<string, string>();
  let seeds = 0;
  let seed: number | undefined;
  let last = plant.seed;
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hung = () => {
      seed = last;
      checkers.set("liveness", `seed ${last} hung`);
      child.kill("SIGKILL");
    };
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [word, first = "", ...rest] = line.split(" ");
      if (word === "@start") {
        last = Number(first);
        seeds++;
        clearTimeout(timer);
        timer = setTimeout(hung, SEED_MS);
      } else if (word === "@problem") {
        seed = last;
        if (!checkers.has(first)) checkers.set(first, rest.join(" "));
      }
    });
    let errors = "";
    child.stderr.on("data", (chunk) => (errors += String(chunk).slice(0, 2000)));
    child.on("close", (code) => {
      clearTimeout(timer);
      if (seeds === 0) checkers.set("nothing", `it did not run (${code}): ${errors.slice(0, 600)}`);
      resolve({ seeds, seed, checkers });
    });
  });
}

const ids = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const chosen = PLANTS.filter((plant) => ids.length === 0 || ids.includes(plant.id));
if (process.argv.includes("--list")) {
  for (const { id, mistake } of PLANTS) console.log(`${id}: ${mistake}`);
  process.exit(0);
}
const TABLE = new URL("planted.tsv", import.meta.url);
const HEAD = "id\tseeds needed\ttier\tseed\tfound by";
/** Rows of the table, by id. */
const rows = new Map(
  readFileSync(TABLE, "utf8").trim().split("\n").slice(1).map((row) => [row.split("\t")[0] ?? "", row]),
);
let missed = 0;
for (const plant of chosen) {
  const began = performance.now();
  let verdict: string;
  let tree: string | undefined;
  try {
    tree = plantIn(plant);
    const { seeds, seed, checkers } = await hunt(plant, tree);
    const right = [...checkers.keys()].filter((name) => (plant.checkers as readonly string[]).includes(name));
    if (right.length === 0) missed++;
    rows.delete(plant.id);
    if (right.length > 0) {
      const others = [...checkers.keys()].filter((name) => !right.includes(name));
      rows.set(plant.id, [plant.id, seeds, plant.tier, seed, [...right, ...others].join(", ")].join("\t"));
    }
    const first = checkers.get(right[0] ?? [...checkers.keys()][0] ?? "") ?? "";
    verdict =
      `${right.length > 0 ? "found" : "MISSED"} after ${seeds} seeds (${plant.tier} ${seed ?? "-"}) ` +
      `by ${[...checkers.keys()].join(", ")}: ${first.slice(0, 160)}`;
  } catch (error) {
    missed++;
    verdict = `DEAD: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    if (tree !== undefined) rmSync(tree, { recursive: true, force: true });
  }
  console.log(`${plant.id}: ${verdict} [${((performance.now() - began) / 1000).toFixed(1)} s]`);
}
if (process.argv.includes("--table")) {
  const known = [...rows].filter(([id]) => PLANTS.some((plant) => plant.id === id));
  const sorted = known.sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row);
  writeFileSync(TABLE, `${[HEAD, ...sorted].join("\n")}\n`);
}
console.log(`${chosen.length} plants, ${missed} missed`);
process.exit(missed > 0 ? 1 : 0);
