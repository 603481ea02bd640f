/** What the plays with real processes share: scratch volumes, children that talk in lines, and waiting. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { BLOCK_BYTES, BLOCKS } from "./holder.ts";

/** A directory with a volume of zeros and a place for journals. */
export interface Scene {
  readonly root: string;
  readonly directory: string;
  readonly journals: string;
}

/** Runs a play in a scene of its own, and clears up. */
export async function inScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  const root = mkdtempSync(`${tmpdir()}/cohort-play-`);
  const scene = { root, directory: `${root}/hr`, journals: `${root}/journals` };
  mkdirSync(scene.directory);
  writeFileSync(`${scene.directory}/cohort.dat`, new Uint8Array(BLOCKS * BLOCK_BYTES));
  try {
    await body(scene);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Command line that runs a TypeScript file under the runtime of this test. */
export function runtimeCommand(flags: readonly string[], script: string, args: readonly string[]): string[] {
  const runs = "Deno" in globalThis
    ? [process.execPath, "run", "-A", "--no-check", ...flags]
    : [process.execPath, ...flags, "run"];
  return [...runs, script, ...args];
}

/** Path of a file beside this one. */
export function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** A fact that a child said. */
export type Fact = Readonly<Record<string, unknown>>;

/** A child process that says facts. */
export class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  readonly #facts: Fact[] = [];
  #wake: () => void = () => {};
  #over = false;

  constructor([file, ...args]: readonly string[]) {
    this.process = spawn(file!, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.exited = new Promise((resolve) => this.process.on("close", () => resolve()));
    createInterface({ input: this.process.stdout! }).on("line", (line) => {
      if (line.startsWith("{")) this.#facts.push(JSON.parse(line));
      this.#wake();
    });
    this.exited.then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  /** The next fact. */
  async hear(): Promise<Fact> {
    while (this.#facts.length === 0) {
      if (this.#over) throw new Error("The child ended and had nothing to say");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#facts.shift()!;
  }

  /** Ends the child, unless it ended itself. */
  async kill(): Promise<void> {
    killIfThere(this.process.pid!);
    await this.exited;
  }
}

/** Kills a process that a play started. */
export function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

/** Starts a process that tries for the volume. */
export function holder(scene: Scene, options: Record<string, unknown>, lead: readonly string[] = []): Child {
  const all = JSON.stringify({ directory: scene.directory, journals: scene.journals, ...options });
  return new Child([...lead, ...runtimeCommand([], here("claim_child.ts"), [all])]);
}

/** The life numbers that stand in the blocks of the volume. */
export function livesIn(scene: Scene): Set<number> {
  const file = openSync(`${scene.directory}/cohort.dat`, "r");
  try {
    const lives = new Set<number>();
    const head = new Uint8Array(4);
    for (let block = 0; block < BLOCKS; block++) {
      readSync(file, head, 0, 4, block * BLOCK_BYTES);
      lives.add(new DataView(head.buffer).getUint32(0, true));
    }
    return lives;
  } finally {
    closeSync(file);
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until a condition holds, 20 s at most by default. */
export async function until(
  what: string,
  condition: () => boolean,
  timeoutMs: number = 20_000,
): Promise<void> {
  const begun = performance.now();
  while (!condition()) {
    if (performance.now() - begun > timeoutMs) {
      throw new Error(`${what} did not come about in ${timeoutMs} ms`);
    }
    await pause(5);
  }
}
