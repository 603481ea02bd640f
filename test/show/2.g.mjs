// 2.g: every route of the admin app without token, with a wrong one, with a foreign host, with a bad body, by
// curl: of its own server and inside a user's Hono app, under Deno, Bun and Node 24.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT, scriptCommand } from "../support/runtimes.mjs";

const SCRIPT = "test/admin/prove.ts";
const wanted = process.argv.slice(2).filter((it) => /^--(?:deno|bun|node)$/.test(it)).map((it) =>
  it.slice(2)
);
const folder = mkdtempSync(join(tmpdir(), "cohort-admin-show-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

for (const runtime of wanted) {
  const [file, ...args] = runtime === "node" ? await nodeCommand() : scriptCommand(runtime, SCRIPT);
  const { status } = spawnSync(file, [...args, runtime], { cwd: ROOT, stdio: "inherit", timeout: 600_000 });
  if (status !== 0) process.exitCode = 1;
}

/** Node takes no TypeScript with paths of ours: it runs the same source, bundled as the package is. */
async function nodeCommand() {
  const bundle = join(folder, "prove.mjs");
  await build({
    absWorkingDir: ROOT,
    entryPoints: [SCRIPT],
    outfile: bundle,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node22",
    supported: { using: false },
    logLevel: "warning",
  });
  const home = join(folder, "node");
  mkdirSync(home);
  writeFileSync(join(home, "package.json"), '{"private":true}');
  execFileSync("npm", ["install", "node@24", "--silent", "--no-audit", "--no-fund"], { cwd: home });
  const modules = join(home, "node_modules");
  const node = readdirSync(modules, { recursive: true }).map((name) => join(modules, name)).find((path) =>
    /[\\/]bin[\\/]node(?:\.exe)?$/.test(path) && statSync(path).size > 1_000_000
  );
  if (node === undefined) throw new Error("The npm package node@24 brought no node");
  return [node, bundle];
}
