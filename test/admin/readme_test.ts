/** README's example of administration, as a user runs it: the program, then its curl, then a signal. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { ROOT } from "../support/runtimes.mjs";

/** The first block in a language behind README's heading "Administration over HTTP". */
function blockOf(language: string): string {
  const readme = readFileSync(`${ROOT}/README.md`, "utf8");
  const section = readme.split(/^## /m).find((it) => it.startsWith("Administration over HTTP\n"));
  const block = new RegExp(`^\`\`\`${language}\\b.*\n([\\s\\S]*?)^\`\`\``, "m").exec(section ?? "")?.[1];
  assert(block !== undefined, `README administers by no ${language}`);
  return block;
}

/** The program with this folder's modules, at any free port: others may use the one by default. */
function program(): string {
  return blockOf("ts")
    .replace('"@cohort/db"', JSON.stringify(`${ROOT}/mod.ts`))
    .replace('"@cohort/db/admin"', JSON.stringify(`${ROOT}/src/admin/mod.ts`))
    .replace("serveAdmin(node)", "serveAdmin(node, { port: 0 })");
}

test("README: what it says of administration serves the cluster until a signal ends it", async () => {
  const folder = mkdtempSync(`${tmpdir()}/cohort-readme-`);
  writeFileSync(`${folder}/app.ts`, program());
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-check", `--config=${ROOT}/deno.json`] : ["run"];
  const child = spawn(process.execPath, [...flags, "app.ts"], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((done) => child.once("close", done));
  try {
    const said = await new Promise<string>((done) => {
      child.stdout.once("data", (bytes: Uint8Array) => done(new TextDecoder().decode(bytes)));
      void ended.then(() => done("nothing"));
    });
    const host = /http:\/\/([\d.:]+)/.exec(said)?.[1];
    assert(host !== undefined, said);
    const curl = blockOf("sh").replace("curl ", "curl -s -m 20 ").replace("localhost:8700", host);
    const { members } = JSON.parse(spawnSync("sh", ["-c", curl], { cwd: folder, encoding: "utf8" }).stdout);
    assertEquals(members.map((it: Record<string, unknown>) => [it["state"], it["standing"]]), [
      ["active", "active"],
    ]);
    // Not `child.kill`: Deno then tells no exit code, whatever the program makes of the signal.
    process.kill(child.pid!, "SIGTERM");
    assertEquals(await ended, 0);
  } finally {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});
