// The package as a consumer gets it: built and packed in a folder of its own, judged, unpacked, then imported
// whole by Node, Deno and Bun, and an adapter made for it passes the suite it brings. Usage: node
// test/support/pack_gate.mjs FOLDER (which it fills).
import { execFile, execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { ROOT, runtimePath, scriptCommand } from "./runtimes.mjs";

const BYTES_MAX = 5_000_000;
const DEPENDENCIES_MAX = 6;
const folder = resolve(process.argv[2]);
const stage = join(folder, "stage"), consumer = join(folder, "consumer");
const installed = join(consumer, "node_modules/@cohort/db");

const manifest = pack();
const faults = judge(manifest);
for (
  const command of [
    [process.execPath, "all.mjs"],
    scriptCommand("deno", "all.mjs"),
    scriptCommand("bun", "all.mjs"),
  ]
) {
  try {
    execFileSync(command[0], command.slice(1), {
      cwd: consumer,
      stdio: ["ignore", "inherit", "pipe"],
      timeout: 60_000,
    });
  } catch (error) {
    faults.push(`${command[0]} cannot import the package: ${error.stderr}`);
  }
}
faults.push(...await tryOwnAdapter());
for (const fault of faults) console.error(fault);
process.exit(faults.length === 0 ? 0 : 1);

/** Stages, packs and unpacks; returns the packed manifest. */
function pack() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  mkdirSync(installed, { recursive: true });
  execFileSync(process.execPath, [join(ROOT, ".ci/build.mjs"), join(stage, "dist")], { stdio: "inherit" });
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const name of ["README.md", "LICENSE", "CHANGELOG.md"]) {
    copyFileSync(join(ROOT, name), join(stage, name));
  }
  writeFileSync(join(stage, "package.json"), JSON.stringify({ ...manifest, scripts: {} }));
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  execFileSync(npm, ["pack", "--silent", "--pack-destination", folder], { cwd: stage });
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  execFileSync("tar", ["-xzf", join(folder, tarball), "--strip-components=1", "-C", installed]);
  // What the package depends on, as npm would have put it there.
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    cpSync(join(ROOT, "node_modules", name), join(consumer, "node_modules", name), { recursive: true });
  }
  const imports = Object.keys(manifest.exports).map((key) => join(manifest.name, key));
  const program = imports.map((name) =>
    `if (Object.keys(await import("${name}")).length === 0) throw "${name} is empty";`
  );
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ type: "module", private: true }));
  writeFileSync(join(consumer, "all.mjs"), program.join("\n") + "\n");
  return manifest;
}

/** What is wrong with the unpacked files. */
function judge({ dependencies = {}, scripts, exports, bin = {} }) {
  const files = readdirSync(installed, { recursive: true }).filter((name) =>
    statSync(join(installed, name)).isFile()
  );
  const bytes = files.reduce((sum, name) => sum + statSync(join(installed, name)).size, 0);
  console.log(`${files.length} files, ${bytes} bytes, ${Object.keys(dependencies).length} dependencies`);
  const expected = /^(?:dist\/.*(?:\.js|\.js\.map|\.d\.ts)|[A-Z]+(?:\.md)?|package\.json)$/;
  const faults = files.filter((name) => !expected.test(name)).map((name) =>
    `${name} has no place in the package`
  );
  if (bytes > BYTES_MAX) faults.push(`The package has ${bytes} bytes, at most ${BYTES_MAX}`);
  if (Object.keys(dependencies).length > DEPENDENCIES_MAX) {
    faults.push(`More than ${DEPENDENCIES_MAX} dependencies`);
  }
  for (const name of ["preinstall", "install", "postinstall"]) {
    if (scripts[name] !== undefined) faults.push(`The package has the install script ${name}`);
  }
  const targets = [...Object.values(exports).flatMap((it) => Object.values(it)), ...Object.values(bin)];
  for (const target of targets) {
    if (!files.includes(target.replace(/^\.\//, ""))) faults.push(`${target} was not built`);
  }
  return faults;
}

/**
 * Runs the example of an adapter of one's own where nothing of the repository but the package is to be found.
 */
async function tryOwnAdapter() {
  const example = join(ROOT, "examples/own_adapter"), own = join(consumer, "own_adapter");
  mkdirSync(own);
  for (const name of readdirSync(example).filter((name) => /\.ts$|^package\.json$/.test(name))) {
    copyFileSync(join(example, name), join(own, name));
  }
  const runs = [["deno", ["test", "-A", "--no-check", "--quiet"]], ["bun", ["test"]]];
  const outcomes = await Promise.allSettled(
    runs.map(([runtime, flags]) =>
      promisify(execFile)(runtimePath(runtime), flags, { cwd: own, timeout: 120_000, maxBuffer: 2 ** 26 })
    ),
  );
  return outcomes.flatMap(({ reason }, index) =>
    reason === undefined
      ? []
      : [`examples/own_adapter fails on ${runs[index][0]}: ${reason.stdout}${reason.stderr}`]
  );
}
