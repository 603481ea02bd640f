// The gates: what a change must pass beside its tests. Quiet when green, whole output when red.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.mjs";
import { ROOT, runtimePath } from "./runtimes.mjs";

const deno = runtimePath("deno");

/** Every published `.ts` entry, as deno.json names them. */
function entries() {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  return Object.values(exports).filter((path) => existsSync(join(ROOT, path)));
}

/** Folders with sources that exist. */
function sources() {
  return ["mod.ts", "src", "adapters", "examples", "bench", "test"].filter((path) =>
    existsSync(join(ROOT, path))
  );
}

/** Name, and the command as a function (read when it runs). */
const GATES = [
  ["fmt", () => [deno, "fmt", "--check"]],
  ["lint", () => [deno, "lint", "--quiet"]],
  ["check-deno", () => [deno, "check", "--quiet", "mod.ts", "src", "adapters", "test/support/test_deno.ts"]],
  ["check-bun", () => [process.execPath, join(ROOT, "node_modules/typescript/bin/tsc"), "--noEmit"]],
  ["doc-lint", () => [deno, "doc", "--lint", "--quiet", ...entries()]],
  ["publish", () => [deno, "publish", "--dry-run", "--allow-dirty", "--quiet"]],
];

/** Runs the gates whose name contains `filter`, two at a time; resolves to `{name, passed, failed, seconds}`. */
export async function runGates(filter, scratch) {
  const started = performance.now();
  const queue = GATES.filter(([name]) => name.includes(filter));
  let passed = 0, failed = 0;
  const worker = async () => {
    for (let gate = queue.shift(); gate !== undefined; gate = queue.shift()) {
      if (await runGate(gate[0], gate[1](scratch))) passed++;
      else failed++;
    }
  };
  await Promise.all([worker(), worker()]);
  return { name: "gates", passed, failed, seconds: (performance.now() - started) / 1000 };
}

async function runGate(name, command) {
  const started = performance.now();
  const lines = [];
  const code = await run(command, { sink: (line) => lines.push(line), env: { NO_COLOR: "1" } });
  const took = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  console.log(`gate ${name.padEnd(12)} ${code === 0 ? "ok" : "FAILED"} (${took})`);
  if (code !== 0) console.log(lines.map((line) => `  ${line}`).join("\n"));
  return code === 0;
}
