// The gates: what a change must pass beside its tests. Quiet when green, whole output when red.
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.mjs";
import { ROOT, runtimePath } from "./runtimes.mjs";
import { findTests } from "./suite.mjs";

const deno = runtimePath("deno");

/** Every published `.ts` entry, as deno.json names them. */
function entries() {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  return Object.values(exports).filter((path) => existsSync(join(ROOT, path)));
}

/** Folders and files of `candidates` that are there. */
function present(candidates) {
  return candidates.filter((path) => existsSync(join(ROOT, path)));
}

/** Name, and the command with where it runs, made when it runs; the longest first. */
const GATES = [
  ["publish", () => [deno, "publish", "--dry-run", "--allow-dirty", "--quiet"]],
  // Bun's door of `#test` is the one file that Deno cannot check; tsc does.
  ["check-deno", () => [
    deno,
    "check",
    "--quiet",
    ...present(["mod.ts", "src", "adapters", "examples", "bench"]),
    ...findTests(""),
  ]],
  ["pack", (scratch) => [process.execPath, "test/support/pack_gate.mjs", join(scratch, "pack")]],
  ["check-bun", () => [process.execPath, "node_modules/typescript/bin/tsc", "--noEmit"]],
  // In a folder of its own: the examples make files.
  ["doc-examples", () => [
    deno,
    ...["test", "-A", "--doc", "--quiet", "--config", join(ROOT, "deno.json")],
    ...present(["README.md", "mod.ts", "src", "adapters"]).map((path) => join(ROOT, path)),
  ], (scratch) => mkdtempSync(join(scratch, "doc-"))],
  ["fmt", () => [deno, "fmt", "--check"]],
  ["lint", () => [deno, "lint", "--quiet"]],
  ["doc-lint", () => [deno, "doc", "--lint", "--quiet", ...entries()]],
];

/**
 * Runs the gates whose name contains `filter`, two at a time; resolves to `{name, passed, failed, seconds}`.
 */
export async function runGates(filter, scratch) {
  const started = performance.now();
  const queue = GATES.filter(([name]) => name.includes(filter));
  let passed = 0, failed = 0;
  const worker = async () => {
    for (let gate = queue.shift(); gate !== undefined; gate = queue.shift()) {
      const [name, command, folder] = gate;
      if (await runGate(name, command(scratch), folder?.(scratch))) passed++;
      else failed++;
    }
  };
  await Promise.all([worker(), worker()]);
  return { name: "gates", passed, failed, seconds: (performance.now() - started) / 1000 };
}

async function runGate(name, command, cwd) {
  const started = performance.now();
  const lines = [];
  const code = await run(command, { cwd, sink: (line) => lines.push(line), env: { NO_COLOR: "1" } });
  const took = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  console.log(`gate ${name.padEnd(12)} ${code === 0 ? "ok" : "FAILED"} (${took})`);
  if (code !== 0) console.log(lines.map((line) => `  ${line}`).join("\n"));
  return code === 0;
}
