// `npm start`: the demonstration: a cluster of Deno and Bun processes, or of the runtime that is here.
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runtimePath, scriptCommand } from "../test/support/runtimes.mjs";

const SCRIPT = fileURLToPath(new URL("start/main.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("..", import.meta.url));

const here = ["deno", "bun"].flatMap((runtime) => {
  const { status, stdout } = spawnSync(runtimePath(runtime), ["--version"], { encoding: "utf8" });
  return status === 0 ? [{ runtime, version: stdout.split("\n")[0].replace(/^deno | \(.*/g, "") }] : [];
});
if (here.length === 0) {
  console.error("Neither Deno nor Bun is here: run npm ci first, it brings both");
  process.exit(1);
}

console.log("Cohort on the cities of the world (GeoNames, CC BY 4.0)");
for (const { runtime, version } of here) console.log(`  ${runtime === "deno" ? "Deno" : "Bun"} ${version}`);
const [file, ...args] = scriptCommand(here[0].runtime, SCRIPT);
const child = spawn(file, [...args, here.map(({ runtime }) => runtime).join()], {
  cwd: ROOT,
  stdio: "inherit",
});
child.on("error", () => process.exit(127));
child.on("close", (status) => process.exit(status ?? 1));
