/**
 * Reloads: a program under `--watch` or `--hot` is changed again and again while it commits. Nothing
 * acknowledged by any life may be lost, and no life may acknowledge anything once the next one has taken
 * over.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { Prng } from "../../support/prng.ts";
import { here, killIfThere, runtimeCommand } from "../play.ts";
import { startWorker } from "./campaign.ts";
import { acknowledgedIn, Ledger } from "./ledger.ts";
import { DEADLINE_MS, pause } from "./line_child.ts";
import type { ReloadOptions } from "./reload_worker.ts";

/** How a life may end whose databases were taken over: before it had them, or while it worked. */
const TAKEN_OVER = new Set(["IN_USE", "FENCED", "STOPPED", "OUTCOME_UNKNOWN"]);
/** Milliseconds within which a program is changed once more, so that a life ends while it still mounts. */
const AGAIN_MS = 120;

/** What a play gave. */
export interface ReloadReport {
  /** Lives that took over. */
  readonly lives: number;
  /** Milliseconds from the beginning of a life to both databases mounted, sorted. */
  readonly mountMs: readonly number[];
  readonly operations: number;
  readonly problems: readonly string[];
}

interface Ready {
  readonly life: number;
  readonly pid: number;
  readonly mountMs: number;
  readonly reached: readonly number[];
  readonly counter: number;
  readonly problems: readonly string[];
}

/** Restarts the program so often, at random moments of its work. */
export async function playReloads(flags: readonly string[], restarts: number): Promise<ReloadReport> {
  const root = mkdtempSync(`${tmpdir()}/cohort-reload-`);
  try {
    const options = optionsIn(root);
    const problems = await restartAll(options, flags, restarts);
    const log = readFileSync(options.log, "utf8");
    const report = judge(log, problems);
    if (problems.length === 0) await lastLook(options, log, problems);
    if (problems.length > 0) problems.push(endOf(log));
    return report;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function optionsIn(root: string): ReloadOptions {
  return {
    root,
    log: `${root}/log`,
    lives: `${root}/lives`,
    seed: 9,
    durability: "sync",
    poolBlocks: 128,
    cycleBlocks: 16,
    segmentBytes: 1 << 20,
    checkpointBytes: 1 << 18,
    then: "work",
    closeAfterMs: 0,
  };
}

/** Runs the program and changes it; answers what went wrong on the way. */
async function restartAll(
  options: ReloadOptions,
  flags: readonly string[],
  restarts: number,
): Promise<string[]> {
  const { root } = options;
  const main = `${root}/main.ts`, play = `${root}/play.json`;
  writeFileSync(play, JSON.stringify(options));
  writeFileSync(options.lives, "0");
  writeFileSync(options.log, "");
  const program = (change: number): string =>
    `// change ${change}\nimport ${JSON.stringify(here("crash/reload_worker.ts"))};\n`;
  writeFileSync(main, program(0));
  const [file, ...args] = runtimeCommand(flags, main, []);
  const child = spawn(file!, args, { stdio: "ignore", env: { ...process.env, COHORT_PLAY: play } });
  const exited = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const random = new Prng(restarts);
  const problems: string[] = [];
  try {
    for (let restart = 0; restart <= restarts && problems.length === 0; restart++) {
      // A busy host may swallow a change of the file: then it is changed again.
      const before = livesIn(options.log);
      const isHeard = (): boolean =>
        livesIn(options.log) > before || failureIn(readFileSync(options.log, "utf8")) !== undefined;
      for (let change = 0; !isHeard(); change++) {
        if (change === 5) throw new Error(`Hang: no life after ${before} under ${flags}`);
        if (restart > 0) writeFileSync(main, program(restart * 10 + change));
        if (restart > 0 && random.below(2) === 0) {
          await pause(random.below(AGAIN_MS));
          writeFileSync(main, program(restart * 10 + change + 0.5));
        }
        await until(isHeard, restart === 0 ? DEADLINE_MS : 5_000);
      }
      const failed = failureIn(readFileSync(options.log, "utf8"));
      if (failed !== undefined) problems.push(failed);
      await pause(random.below(250, 50));
    }
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  } finally {
    killIfThere(child.pid!);
    await exited;
  }
  return problems;
}

/**
 * Starts a Worker so often that works, and terminates it at random moments; the next does not wait for its
 * end.
 */
export async function playWorkers(rounds: number): Promise<ReloadReport> {
  const root = mkdtempSync(`${tmpdir()}/cohort-reload-`);
  const options = optionsIn(root);
  writeFileSync(options.lives, "0");
  writeFileSync(options.log, "");
  const random = new Prng(rounds);
  const problems: string[] = [];
  try {
    const endings: Promise<unknown>[] = [];
    for (let round = 0; round <= rounds && problems.length === 0; round++) {
      const then = round === rounds ? "close" : "work";
      const worker = new Worker(new URL("reload_worker.ts", import.meta.url), {
        workerData: { ...options, then },
      });
      worker.on("error", (error) => problems.push(`a Worker failed: ${error}`));
      const isHeard = (): boolean =>
        round < rounds
          ? livesIn(options.log) > round || failureIn(readFileSync(options.log, "utf8")) !== undefined
          : readFileSync(options.log, "utf8").includes('"closed"');
      await until(isHeard, DEADLINE_MS);
      if (!isHeard()) problems.push(`Hang: nothing of Worker ${round}`);
      const failed = failureIn(readFileSync(options.log, "utf8"));
      if (failed !== undefined) problems.push(failed);
      if (then === "work") await pause(random.below(150));
      endings.push(worker.terminate());
    }
    await Promise.all(endings);
    const log = readFileSync(options.log, "utf8");
    const report = judge(log, problems);
    if (problems.length > 0) problems.push(endOf(log));
    return report;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function endOf(log: string): string {
  return `the log ends: ${log.split("\n").slice(-6).join(" | ").slice(0, 1500)}`;
}

/**
 * What a life said of its failure, unless the next one had begun by then and took over from it: on a busy
 * host the program is changed again while the life before is still starting.
 */
function failureIn(log: string): string | undefined {
  return log.split("\n").filter((line) => line.startsWith('{"what":"failed"')).find((line) => {
    const { life, code } = JSON.parse(line) as { life: number; code: string };
    return !TAKEN_OVER.has(code) || !log.includes(`{"what":"begun","life":${life + 1}}`);
  });
}

/** Lives that have said that they took over. */
function livesIn(log: string): number {
  if (!existsSync(log)) return 0;
  return readFileSync(log, "utf8").split("\n").filter((line) => line.startsWith('{"what":"ready"')).length;
}

async function until(done: () => boolean, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!done() && performance.now() < deadline) await pause(20);
}

/** Who took over from a life that began after it: that must never be. */
function takenBackIn(log: string): string[] {
  const lifeOf = new Map<string, number>();
  const problems: string[] = [];
  for (const line of log.split("\n").slice(0, -1)) {
    if (!line.startsWith("{")) continue;
    const fact = JSON.parse(line) as { what: string; life: number; incarnation?: string; line?: string };
    if (fact.what === "opened") lifeOf.set(fact.incarnation!, fact.life);
    const nonce = / claim\.takeover .*nonce=(\S+)/.exec(fact.line ?? "")?.[1];
    const from = lifeOf.get(nonce ?? "") ?? 0;
    if (from > fact.life) problems.push(`life ${fact.life} took over from the later life ${from}`);
  }
  return problems;
}

/** Goes through the log in the order in which things were said. */
function judge(log: string, problems: string[]): ReloadReport {
  problems.push(...takenBackIn(log));
  const mountMs: number[] = [];
  const given = new Set<number>();
  let now: Ready = { life: 0, pid: 0, mountMs: 0, reached: [], counter: 0, problems: [] };
  let operations = 0;
  for (const line of log.split("\n").slice(0, -1)) {
    if (line.startsWith('{"what":"ready"')) {
      const ready = JSON.parse(line) as Ready;
      problems.push(...ready.problems.map((problem) => `life ${ready.life}: ${problem}`));
      if (now.pid !== 0 && now.pid !== ready.pid) problems.push("a reload has changed the process");
      for (const value of given) {
        if (value > ready.counter) problems.push(`life ${ready.life}: the counter fell from ${value}`);
      }
      mountMs.push(ready.mountMs);
      now = ready;
    } else if (/^[ac] /.test(line)) {
      operations++;
      const words = line.split(" ");
      const life = Number(words.at(-1));
      if (words[0] === "c") {
        if (given.has(Number(words[1]))) problems.push(`the counter gave ${words[1]} twice`);
        given.add(Number(words[1]));
      }
      // What an earlier life says late must have been there when this one looked.
      const late = words[0] === "a"
        ? Number(words[2]) > now.reached[Number(words[1])]!
        : Number(words[1]) > now.counter;
      if (life < now.life && late) {
        problems.push(`life ${life} acknowledged ${line} after life ${now.life} took over`);
      }
    }
  }
  return { lives: mountMs.length, mountMs: mountMs.sort((a, b) => a - b), operations, problems };
}

/** A process of its own looks once more. */
async function lastLook(options: ReloadOptions, log: string, problems: string[]): Promise<void> {
  const ledger = new Ledger();
  const child = startWorker({ ...options, acknowledged: acknowledgedIn(log), then: "close" }, ledger);
  try {
    if (await child.fact("closed") === undefined) problems.push(`the last look ended: ${child.errors}`);
    await child.end();
  } catch (error) {
    problems.push(String(error));
  } finally {
    await child.kill();
  }
  problems.push(...ledger.problems);
}
