/** Runs the real `cohort` under the runtime of the test. */
import { Buffer } from "node:buffer";
import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../src/cli/cohort.ts", import.meta.url));
const RUN = "bun" in process.versions ? ["run"] : ["run", "-A", "--no-check"];
const TIMEOUT_MS = 50_000;

/** What a run of the program came to. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Standard output, byte for byte. */
  readonly bytes: Buffer;
}

/** Runs `cohort` with these arguments and `input` on its standard input. */
export function cohort(args: readonly string[], input: string | Uint8Array = ""): Ended {
  return runScript(PROGRAM, args, input);
}

/** Runs any script under the runtime of the test. */
export function runScript(script: string, args: readonly string[], input: string | Uint8Array = ""): Ended {
  const options = { input, timeout: TIMEOUT_MS, maxBuffer: 2 ** 26, env: { ...process.env, NO_COLOR: "1" } };
  const done: SpawnSyncReturns<Buffer> = spawnSync(process.execPath, [...RUN, script, ...args], options);
  if (done.error !== undefined) throw done.error;
  const bytes = Buffer.from(done.stdout);
  return {
    code: done.status,
    out: bytes.toString("utf8"),
    err: Buffer.from(done.stderr).toString("utf8"),
    bytes,
  };
}

/** Runs `cohort` with one of its outputs on a full disk; `err` is what it told, unless that is the one. */
export function cohortOnFullDisk(args: readonly string[], full: "out" | "err"): Pick<Ended, "code" | "err"> {
  const device = openSync("/dev/full", "w");
  try {
    const done = spawnSync(process.execPath, [...RUN, PROGRAM, ...args], {
      stdio: ["ignore", full === "out" ? device : "ignore", full === "err" ? device : "pipe"],
      timeout: TIMEOUT_MS,
    });
    return { code: done.status, err: String(done.stderr ?? "") };
  } finally {
    closeSync(device);
  }
}

/**
 * Starts `cohort`, writes `input`, which does not end, and sends a signal once `isReady`; resolves to the
 * exit code.
 */
export async function interrupted(
  args: readonly string[],
  input: string,
  isReady: () => boolean,
  signal: "SIGINT" | "SIGTERM",
): Promise<number | null> {
  const child = spawn(process.execPath, [...RUN, PROGRAM, ...args], { stdio: ["pipe", "ignore", "ignore"] });
  const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  child.stdin.on("error", () => {});
  child.stdin.write(input);
  for (let waited = 0; !isReady() && waited < TIMEOUT_MS; waited += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // Not `child.kill`: Deno then tells no exit code, whatever the program makes of the signal.
  process.kill(child.pid!, signal);
  const code = await ended;
  child.stdin.destroy();
  return code;
}

/** Changes one byte of a file. */
export function damage(path: string, position: number): void {
  const file = openSync(path, "r+");
  try {
    const byte = new Uint8Array(1);
    readSync(file, byte, 0, 1, position);
    byte[0]! ^= 0xff;
    writeSync(file, byte, 0, 1, position);
  } finally {
    closeSync(file);
  }
}

/** Runs `body` with a new folder, and removes it again. */
export async function withFolder(body: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cohort-cli-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
