// @ts-self-types="./process.d.mts"
// Child processes of the test tools: streamed or collected, ended with their whole group when they take too
// long.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { ROOT } from "./runtimes.mjs";

/**
 * Runs a command in the root (or `cwd`) and resolves to its exit code (124 after `timeoutMs`).
 * Output goes to this process, each line after `prefix`; or, with `sink`, line by line to `sink` alone.
 */
export function run([file, ...args], { prefix = "", sink, cwd = ROOT, env, timeoutMs = 600_000 } = {}) {
  const emit = sink ?? ((line) => process.stdout.write(`${prefix}${line}\n`));
  const direct = sink === undefined && prefix === "";
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", direct ? "inherit" : "pipe", direct ? "inherit" : "pipe"],
    detached: process.platform !== "win32",
  });
  const killGroup = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      child.kill("SIGKILL");
    }
  };
  process.on("exit", killGroup);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on("line", emit);
  }
  return new Promise((resolve) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      emit(`${file} took longer than ${timeoutMs} ms and was killed`);
      killGroup();
    }, timeoutMs);
    const done = (code) => {
      clearTimeout(timer);
      process.off("exit", killGroup);
      resolve(late ? 124 : code ?? 1);
    };
    child.on("error", (error) => {
      emit(`${file}: ${error.message}`);
      done(127);
    });
    child.on("close", done);
  });
}
