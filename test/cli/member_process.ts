/** A member in a process of its own, for what the command finds of one that was killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** Runs a program over a PIJ directory under this runtime; resolves once it has said something. */
export async function startMember(
  folder: string,
  program: string,
  pij: string,
): Promise<{ readonly child: ChildProcess; readonly ended: Promise<void> }> {
  const script = join(folder, "member.ts");
  writeFileSync(script, program);
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : ["run"];
  const child = spawn(process.execPath, [...flags, script, pij], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((done) => child.stdout!.once("data", () => done()));
  return { child, ended: new Promise<void>((done) => child.once("close", () => done())) };
}
