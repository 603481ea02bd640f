/**
 * Injection: system calls of a running process on certain files fail, from the moment strace is attached to
 * the end.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { findService } from "../../support/services.ts";

/** What fails. */
export interface InjectionOptions {
  readonly pid: number;
  readonly paths: readonly string[];
  readonly calls: "write" | "sync";
  readonly error: "EIO" | "ENOSPC";
  /** Which of the calls, counted from the attachment on: strace's `when`, all by default. */
  readonly when?: string;
}

const CALLS = { write: "write,pwrite64,writev,pwritev,pwritev2", sync: "fsync,fdatasync" } as const;
/** Longest that strace may take to attach or to go, in milliseconds. */
const DEADLINE_MS = 10_000;

/** Whether there is a strace here that may be attached to a process. */
export function canInject(): boolean {
  return findService("strace") !== undefined;
}

/** An injection under way. */
export class Injection {
  readonly #strace: ChildProcess;
  readonly #gone: Promise<void>;

  private constructor(strace: ChildProcess) {
    this.#strace = strace;
    this.#gone = new Promise((resolve) => strace.on("close", () => resolve()));
  }

  /** Attaches; when it resolves the calls fail. */
  static async begin(options: InjectionOptions): Promise<Injection> {
    const { pid, paths, calls, error, when } = options;
    const rule = `${CALLS[calls]}:error=${error}${when === undefined ? "" : `:when=${when}`}`;
    const args = [
      "-f",
      "-p",
      String(pid),
      "-o",
      "/dev/null",
      "-e",
      `trace=${CALLS[calls]}`,
      "-e",
      `inject=${rule}`,
    ];
    for (const path of paths) args.push("-P", path);
    const strace = spawn(findService("strace")!, args, { stdio: ["ignore", "ignore", "pipe"] });
    const injection = new Injection(strace);
    let said = "";
    const attached = new Promise<void>((resolve, reject) => {
      strace.stderr!.on("data", (chunk) => {
        said += chunk;
        if (/ attached/.test(said)) resolve();
      });
      strace.on("close", () => reject(new Error(`strace ended: ${said}`)));
      strace.on("error", reject);
    });
    attached.catch(() => {});
    await within(attached, `strace did not attach: ${said}`);
    return injection;
  }

  /** Detaches; when it resolves nothing fails any more. */
  async end(): Promise<void> {
    this.#strace.kill("SIGINT");
    await within(this.#gone, "strace did not go").catch((error) => {
      this.#strace.kill("SIGKILL");
      throw error;
    });
  }
}

async function within(promise: Promise<void>, complaint: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), DEADLINE_MS);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
