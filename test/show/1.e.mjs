// 1.e: the packed tarball, installed by npm in an empty folder: README's first program, clustered, and its
// private one under Deno, Bun, Node 24 and (with try/finally) Node 22; what comes with it; how long an import
// takes; the permissions they need under Deno.
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  firstProgram,
  PRINTED,
  PRINTED_PRIVATELY,
  printedLines,
  privateProgram,
  withoutUsing,
} from "../support/readme.mjs";
import { ROOT, runtimePath } from "../support/runtimes.mjs";

const PACKAGES_MAX = 6;
const BYTES_MAX = 5_000_000;
const IMPORT_MS_MAX = 100;
const ROUNDS = 9;
const wanted = process.argv.slice(2).filter((it) => /^--(?:deno|bun|node)$/.test(it)).map((it) =>
  it.slice(2)
);

const folder = mkdtempSync(join(tmpdir(), "cohort-pack-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const tarball = pack();
const app = join(folder, "app");
mkdirSync(app);
writeFileSync(join(app, "package.json"), JSON.stringify({ private: true, type: "module" }));
npm(app, "install", tarball);
const weight = weigh();
for (const [name, text] of [["first", firstProgram()], ["private", privateProgram()]]) {
  writeFileSync(join(app, `${name}.ts`), text);
  writeFileSync(join(app, `${name}_finally.ts`), withoutUsing(text));
}
writeFileSync(join(app, "empty.mjs"), "");
writeFileSync(join(app, "import.mjs"), 'import "@cohort/db";\n');
const nodes = wanted.includes("node") ? [nodePath(24), nodePath(22)] : [];
const COMMANDS = {
  deno: () => [runtimePath("deno"), "run", "-A", "--quiet"],
  bun: () => [runtimePath("bun"), "run"],
  node: () => [nodes[0]],
};

for (const runtime of wanted) {
  const command = COMMANDS[runtime]();
  const faults = [...weight.faults, ...runFirst(command, "")];
  const parts = ["README's first program, clustered, and its private one"];
  const { processor, wall, empty } = importMs(command);
  if (processor > IMPORT_MS_MAX) faults.push(`an import takes ${processor} ms of processor time`);
  if (wall > IMPORT_MS_MAX) faults.push(`an import takes ${wall} ms by the clock at best`);
  parts.push(
    `cold import ${processor} ms of processor time, ${wall} ms by the clock, of ${IMPORT_MS_MAX}`,
    weight.text,
  );
  const controls = [`an empty program takes ${empty} ms of processor time`];
  if (runtime === "node") {
    faults.push(...runFirst([nodes[1]], "_finally"));
    parts.push("their try/finally form on Node 22");
    const lowered = run([nodes[1]], "first.ts").status !== 0;
    controls.push(`Node 22 ${lowered ? "refuses" : "takes"} await using in the program`);
  }
  const bins = runBins(runtime === "node" ? nodes.map((it) => [it]) : [command]);
  faults.push(...bins.faults);
  parts.push(bins.text);
  if (runtime === "deno") {
    const { needed, refused, text } = permissions();
    faults.push(...needed);
    parts.push(text);
    controls.push(refused);
  }
  const result = faults.length > 0 ? faults.join("; ") : parts.join("; ");
  console.log(
    `@@${JSON.stringify({ runtime, result, control: controls.join("; "), ok: faults.length === 0 })}`,
  );
}

/** Builds in a folder of its own and packs; returns the path of the tarball. */
function pack() {
  const stage = join(folder, "stage");
  mkdirSync(stage);
  execFileSync(process.execPath, [join(ROOT, ".ci/build.mjs"), join(stage, "dist")], { stdio: "ignore" });
  for (const name of ["README.md", "LICENSE", "CHANGELOG.md"]) cpSync(join(ROOT, name), join(stage, name));
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  writeFileSync(join(stage, "package.json"), JSON.stringify({ ...manifest, scripts: {} }));
  npm(stage, "pack", "--pack-destination", folder);
  return join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")));
}

function npm(cwd, ...args) {
  execFileSync("npm", [...args, "--silent", "--no-audit", "--no-fund"], {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** Packages, bytes, native files and install scripts of what was installed. */
function weigh() {
  const { packages } = JSON.parse(readFileSync(join(app, "package-lock.json"), "utf8"));
  const installed = Object.entries(packages).filter(([path]) => path !== "");
  const modules = join(app, "node_modules");
  const files = readdirSync(modules, { recursive: true }).filter((name) =>
    statSync(join(modules, name)).isFile()
  );
  const bytes = files.reduce((sum, name) => sum + statSync(join(modules, name)).size, 0);
  const faults = [];
  if (installed.length > PACKAGES_MAX) faults.push(`${installed.length} packages are installed`);
  if (bytes > BYTES_MAX) faults.push(`${bytes} bytes are installed`);
  if (files.some((name) => name.endsWith(".node"))) faults.push("a native file is installed");
  if (installed.some(([, { hasInstallScript }]) => hasInstallScript)) {
    faults.push("a package has an install script");
  }
  const megabytes = (bytes / 1e6).toFixed(1);
  return { faults, text: `${installed.length} packages, ${megabytes} MB, no .node file, no install script` };
}

/** Path of a Node of this major version, from the npm package `node`. */
function nodePath(major) {
  const home = join(folder, `node${major}`);
  mkdirSync(home);
  writeFileSync(join(home, "package.json"), '{"private":true}');
  npm(home, "install", `node@${major}`);
  const modules = join(home, "node_modules");
  const found = readdirSync(modules, { recursive: true }).map((name) => join(modules, name)).find((path) =>
    /[\\/]bin[\\/]node(?:\.exe)?$/.test(path) && statSync(path).size > 1_000_000
  );
  if (found === undefined) throw new Error(`The npm package node@${major} brought no node`);
  return found;
}

function run([file, ...args], ...more) {
  const options = { cwd: app, encoding: "utf8", timeout: 60_000, env: { ...process.env, NO_COLOR: "1" } };
  return spawnSync(file, [...args, ...more], options);
}

/** Runs both programs, in a form of them, in fresh folders; what is wrong with what they print. */
function runFirst(command, form) {
  clear();
  return [["first", PRINTED], ["private", PRINTED_PRIVATELY]].flatMap(([name, printed]) => {
    const program = `${name}${form}.ts`;
    const { status, stdout, stderr } = run(command, program);
    const same = JSON.stringify(printedLines(stdout)) === JSON.stringify(printed);
    return status === 0 && same
      ? []
      : [`${program} under ${command[0]} ended with ${status}: ${stdout} ${stderr}`];
  });
}

/** Takes away what the programs made. */
function clear() {
  for (const name of ["cluster", "data"]) rmSync(join(app, name), { recursive: true, force: true });
}

/** Every command of the package says how it is used. */
function runBins(commands) {
  const { bin = {} } = JSON.parse(readFileSync(join(app, "node_modules/@cohort/db/package.json"), "utf8"));
  const faults = [];
  for (const [name, path] of Object.entries(bin)) {
    for (const command of commands) {
      const { status, stdout, stderr } = run(command, join(app, "node_modules/@cohort/db", path), "--help");
      if (status !== 0 || !stdout.includes(name)) {
        faults.push(`${name} --help ended with ${status}: ${stderr}`);
      }
    }
  }
  const names = Object.keys(bin);
  return { faults, text: names.length === 0 ? "no commands yet" : `commands: ${names.join(", ")}` };
}

/**
 * What an import adds to an empty program, in milliseconds: processor time at the median, which a busy
 * machine hardly changes, and the best round by the clock, which is what a program waits. They take turns.
 */
function importMs(command) {
  const rounds = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const [empty, whole] = ["empty.mjs", "import.mjs"].map((program) => timed([...command, program]));
    if (round > 0) rounds.push({ empty, whole }); // the first fills the runtime's caches
  }
  const least = (program) => Math.min(...rounds.map((it) => it[program].wall));
  return {
    processor: Math.round(median(rounds.map(({ empty, whole }) => whole.processor - empty.processor))),
    wall: Math.round(least("whole") - least("empty")),
    empty: Math.round(median(rounds.map(({ empty }) => empty.processor))),
  };
}

/** Milliseconds that a command takes: by the clock, and of the processor, its own and the system's for it. */
function timed(command) {
  const started = performance.now();
  const { status, stdout } = run(["sh", "-c", '"$@" && times', "sh", ...command]);
  const wall = performance.now() - started;
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}`);
  const children = stdout.trim().split("\n").at(-1);
  const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) =>
    Number(m) * 60_000 + Number(s) * 1000
  );
  return { wall, processor: parts[0] + parts[1] };
}

function median(numbers) {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1];
}

/** What Deno must be allowed for a private mount and for a clustered one, and that less is refused. */
function permissions() {
  const deno = [runtimePath("deno"), "run", "--no-prompt", "--quiet"];
  const read = "--allow-read=./data", write = "--allow-write=./data";
  const attempt = (...flags) => {
    clear();
    mkdirSync(join(app, "data"));
    return run([...deno, ...flags], "private.ts");
  };
  const whole = attempt(read, write);
  const needed = JSON.stringify(printedLines(whole.stdout)) === JSON.stringify(PRINTED_PRIVATELY)
    ? []
    : [`${read} ${write} is not enough: ${whole.stderr}`];
  const less = [[read], [write], []].map((flags) => attempt(...flags));
  if (less.some(({ status }) => status === 0)) needed.push("less is enough");
  const coded =
    less.filter(({ stderr }) => stderr.includes("PERMISSION") || stderr.includes("CohortError")).length;
  if (coded < less.length) {
    needed.push(`${less.length - coded} refusals have no code: ${less.map((it) => it.stderr)}`);
  }
  clear();
  const clustered = ["--allow-read", "--allow-write", "--allow-net", "--allow-env", "--allow-sys"];
  const { status, stderr } = run([...deno, ...clustered], "first.ts");
  if (status === 0 || !stderr.includes("run with -A")) needed.push(`clustered without -A: ${stderr}`);
  return {
    needed,
    text: `private under --no-prompt ${read} ${write}; clustered under -A, and told so with less`,
    refused: `${less.length} shorter lists of permissions are refused`,
  };
}
