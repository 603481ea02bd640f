/**
 * A member whose loss is timed: it takes blocks for itself, and writes where it is told to, at once. Options:
 * JSON, argument 1; commands come on standard input, facts go to standard output, with times in milliseconds
 * of the host's clock.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { type ClusterTimings, type Global, openNode } from "../../mod.ts";

/** What a member is told. */
export interface FailoverOptions {
  readonly root: string;
  readonly life: string;
  readonly timings: ClusterTimings;
}

/** Keys that are taken: they fill some leaves. */
const KEYS = 64;
/** Milliseconds between two sets of the work that goes on beside all. */
const WORK_MS = 5;

/** Sets of a load at once, and the keys that they go to in turn. */
const LOADERS = 200, LOAD_KEYS = 4_000;

/** Now, to a part of a millisecond, by the clock that all processes of the host share. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function say(fact: object): void {
  writeSync(1, `${JSON.stringify({ ms: nowMs(), ...fact })}\n`);
}

/** Writes every key, so that their blocks are here and nowhere else. */
async function take(global: Global<string>, stamp: string): Promise<void> {
  await Promise.all(
    Array.from({ length: KEYS }, (_, key) => global.set([key], `${stamp} `.padEnd(1_000, "."))),
  );
}

async function main({ root, life, timings }: FailoverOptions): Promise<void> {
  const event = (event: string, severity: string, facts: object): void => {
    if (/^(cluster|volume)\./.test(event) || severity === "error") {
      say({ what: "event", event, severity, facts });
    }
  };
  const node = await openNode({ pij: `${root}/pij`, timings, poolBytes: 1_000 * 8192 }, {
    observer: { traits: { version: 1 }, event, measure: () => {} },
  });
  const database = await node.mount(`${root}/db`, { mode: "clustered", create: true });
  const taken = database.global<string>("Taken"), work = database.global<number>("Work");
  say({ what: "mounted", incarnation: node.incarnation });
  let done = 0, gapMs = 0, gapFrom = 0, isClosing = false, last = Promise.resolve();
  const goOn = async (): Promise<void> => {
    if (isClosing) return;
    const from = nowMs();
    await work.set([life, done % 10], done++);
    // Of a set that was begun before the time that is asked for, the part of its wait that lies in it.
    gapMs = Math.max(gapMs, nowMs() - Math.max(from, gapFrom));
    setTimeout(() => last = goOn().catch(fail), WORK_MS);
  };
  const obey = async (line: string): Promise<void> => {
    const [command, argument] = line.split(" ");
    if (command === "take") {
      await take(taken, argument!);
      say({ what: "taken" });
    } else if (command === "write") {
      // Of a key that the lost one had written last: it must be there, and be given over.
      const found = await taken.get([7]);
      await taken.set([7], `${argument} of ${life}`);
      say({ what: "written", found: found?.split(" ")[0], done });
    } else if (command === "load") {
      const bulk = database.global<string>(`Bulk${life.split(".")[0]}`);
      for (let at = 0; at < Number(argument); at += LOADERS) {
        const sets = Array.from(
          { length: LOADERS },
          (_, i) => bulk.set([(at + i) % LOAD_KEYS], `${life} ${at} `.padEnd(1_000, ".")),
        );
        await Promise.all(sets);
      }
      say({ what: "loaded" });
    } else if (command === "gap") {
      say({ what: "gap", gapMs });
      gapMs = 0;
      gapFrom = nowMs();
    } else if (command === "stall") {
      const until = performance.now() + Number(argument);
      while (performance.now() < until);
    } else if (command === "close") {
      isClosing = true;
      await last;
      await node.close();
      say({ what: "closed" });
      process.exit(0);
    }
  };
  await goOn();
  createInterface({ input: process.stdin }).on("line", (line) => obey(line).catch(fail));
  say({ what: "ready" });
}

function fail(error: unknown): void {
  say({ what: "failed", text: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) });
  process.exit(3);
}

if (import.meta.main) {
  process.on("unhandledRejection", fail);
  main(JSON.parse(process.argv[2]!) as FailoverOptions).catch(fail);
}
