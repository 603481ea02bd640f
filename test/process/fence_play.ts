/** What the plays of fencing share: processes that write, and looks at what they wrote. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { OwnerIdentity, StopReport } from "../../src/ports/mod.ts";
import { scriptCommand } from "../support/runtimes.mjs";
import { Child, here, pause, type Scene, until } from "./play.ts";

/** The runtime of this test. */
export const OWN_RUNTIME: "deno" | "bun" = "Deno" in globalThis ? "deno" : "bun";

/** A process that writes and has said who it is. */
export interface Writer {
  readonly child: Child;
  readonly owner: OwnerIdentity;
}

/** Starts a process that writes to the volume of a scene, and waits until it does. */
export async function startWriter(
  scene: Scene,
  runtime: "deno" | "bun" = OWN_RUNTIME,
  lead: readonly string[] = [],
): Promise<Writer> {
  const options = JSON.stringify({ directory: scene.directory });
  const child = new Child([...lead, ...scriptCommand(runtime, here("fence_child.ts"), [options])]);
  const fact = await child.hear();
  assertEquals(fact["what"], "writing");
  return { child, owner: fact["owner"] as OwnerIdentity };
}

/** What became of it, in one word. */
export function outcome(report: StopReport): string {
  return report.over ? report.means : report.why;
}

/** All that a writer writes to. */
function written(scene: Scene): Uint8Array[] {
  return readdirSync(scene.directory).sort().map((name) => readFileSync(`${scene.directory}/${name}`));
}

function isSame(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((bytes, at) => Buffer.compare(bytes, b[at]!) === 0);
}

/** Fails when anything reaches the files any more, from the very moment of asking. */
export async function assertQuiet(scene: Scene): Promise<void> {
  const first = written(scene);
  for (const ms of [0, 20, 200]) {
    await pause(ms);
    assert(isSame(first, written(scene)), "something was written after the fence");
  }
}

/** Waits until something reaches the files. */
export async function assertWrites(scene: Scene): Promise<void> {
  const first = written(scene);
  await until("a write", () => !isSame(first, written(scene)));
}

/** State letter of a process; undefined when it is no more. */
export function stateOf(pid: number): string | undefined {
  try {
    return /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1];
  } catch {
    return undefined;
  }
}

/** How many threads a process has. */
export function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** Whether this test may do what only the superuser may. */
export function isSuperuser(): boolean {
  return process.getuid?.() === 0;
}
