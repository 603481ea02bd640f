// @ts-self-types="./runtimes.d.mts"
// Where the two runtimes are: the npm packages `deno` and `bun`, also when their install scripts did not run.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** Path of a runtime's executable (`deno` or `bun`); its plain name when npm brought none. */
export function runtimePath(name) {
  const [installed, scope, inPackage] = {
    deno: ["deno/deno", "@deno", "deno"],
    bun: ["bun/bin/bun.exe", "@oven", "bin/bun"],
  }[name];
  const modules = join(ROOT, "node_modules");
  // A baseline build has the longer name and comes last.
  const platforms = existsSync(join(modules, scope)) ? readdirSync(join(modules, scope)) : [];
  const inPlatforms = platforms.sort((a, b) => a.length - b.length).map((it) => join(scope, it, inPackage));
  return [installed, ...inPlatforms]
    .flatMap((path) => [join(modules, path), join(modules, `${path}.exe`)])
    .find(isExecutable) ?? name;
}

/** Real runtimes are large; what stands there before the install script ran is a short text. */
function isExecutable(path) {
  return existsSync(path) && statSync(path).size > 1_000_000;
}

/** Command line that runs a script under a runtime: `[executable, ...arguments]`. */
export function scriptCommand(runtime, script, args = []) {
  const flags = { deno: ["run", "-A", "--no-check"], bun: ["run"] }[runtime];
  return [runtimePath(runtime), ...flags, script, ...args];
}
