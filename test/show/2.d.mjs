// 2.d: a program of ten lines, started five times in the same instant on both runtimes: one cluster each
// time. It is README's first program.
//
//   node test/show/2.d.mjs [--rounds N]
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { firstProgram } from "../support/readme.mjs";
import { ROOT, scriptCommand } from "../support/runtimes.mjs";

const STARTS = 5;
/** From the start of the processes to the instant at which all programs begin. */
const LEAD_MS = 800;
const TIMEOUT_MS = 60_000;
/** Behind the program: what cluster it was in. */
const WHICH = `
const { id, members } = node.status.cluster;
console.log("@" + JSON.stringify({ id, members: members.length }));
`;

const at = process.argv.indexOf("--rounds");
const rounds = at < 0 ? 50 : Number(process.argv[at + 1]);
const program = firstProgram().replaceAll('"@cohort/db"', JSON.stringify(join(ROOT, "mod.ts")));
const folder = mkdtempSync(join(tmpdir(), "cohort-at-once-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const problems = [];
let whole = 0, shared = 0, most = 0;
const times = [];
for (let round = 0; round < rounds && problems.length === 0; round++) {
  const cwd = join(folder, `${round}`);
  mkdirSync(cwd);
  const begin = Date.now() + LEAD_MS;
  writeFileSync(join(cwd, "program.ts"), program + WHICH);
  // All have started and read their code when it begins.
  const wait = `while (Date.now() < ${begin});\nawait import("./program.ts");\n`;
  writeFileSync(join(cwd, "at_once.ts"), `import ${JSON.stringify(join(ROOT, "mod.ts"))};\n${wait}`);
  const runs = await Promise.all(
    Array.from({ length: STARTS }, (_, i) => start(i % 2 ? "bun" : "deno", cwd)),
  );
  times.push(Date.now() - begin);
  const clusters = runs.flatMap(({ output }) =>
    output.split("\n").filter((it) => it.startsWith("@")).map((it) => JSON.parse(it.slice(1)))
  );
  for (const { code, output, errors } of runs) {
    if (code !== 0) problems.push(`round ${round}: exit code ${code}: ${errors || output}`);
  }
  const ids = new Set(clusters.map((it) => it.id));
  if (clusters.length !== STARTS || ids.size !== 1) problems.push(`round ${round}: clusters ${[...ids]}`);
  const pij = readdirSync(cwd, { recursive: true }).map((it) => String(it));
  const registers = pij.filter((it) => /(^|\/)cluster\.\d+$/.test(it));
  if (registers.length !== 1) problems.push(`round ${round}: cluster registers ${registers}`);
  const found = await count(cwd);
  if (found !== "5 5") problems.push(`round ${round}: ${STARTS} programs counted ${found}`);
  if (problems.length > 0) break;
  whole++;
  most = Math.max(most, ...clusters.map((it) => it.members));
  if (clusters.some((it) => it.members > 1)) shared++;
  rmSync(cwd, { recursive: true, force: true });
}
for (const problem of problems) console.log(`problem: ${problem}`);
times.sort((a, b) => a - b);
const text =
  `README's first program, started ${STARTS} times in the same instant, ${whole} of ${rounds} rounds: ` +
  `one cluster, and all was counted once; ${
    times[times.length >> 1]
  } ms at the median until the last had ended`;
const control = `in ${shared} rounds several were members at a time, up to ${most} of ${STARTS}`;
const ok = problems.length === 0 && whole === rounds && shared > 0;
console.log(`@@${JSON.stringify({ runtime: "deno+bun", result: text, control, ok })}`);
process.exitCode = ok ? 0 : 1;

function start(runtime, cwd, script = "at_once.ts") {
  const [file, ...args] = scriptCommand(runtime, join(cwd, script));
  return new Promise((resolve) =>
    execFile(
      file,
      args,
      { cwd, timeout: TIMEOUT_MS, killSignal: "SIGKILL" },
      (error, output, errors) =>
        resolve({ code: error === null ? 0 : error.signal ?? error.code, output, errors }),
    )
  );
}

/** What the programs have counted, by an increment each and a transaction each. */
async function count(cwd) {
  const [, node, database] = /pij: ("[^"]*")[\s\S]*?mount\(("[^"]*")/.exec(program);
  writeFileSync(
    join(cwd, "count.ts"),
    `import { openNode } from ${JSON.stringify(join(ROOT, "mod.ts"))};
const node = await openNode({ pij: ${node} });
const patient = (await node.mount(${database})).global("Patient");
console.log(await patient.get(["visits"]), await patient.get(["seen"]));
await node.close();
`,
  );
  const { output, errors } = await start("deno", cwd, "count.ts");
  return output.trim() || errors;
}
